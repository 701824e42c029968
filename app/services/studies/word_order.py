"""The word-order experiment (paper, section 5.2.2): what rewording one training sequence does to its influence."""

from typing import Any

from app.services.shapes import Study, StudyChart, StudySeries, StudyTable
from app.services.studies.files import results, source

DEMO, REAL = "word-order/demo.json", "word-order/smollm2.json"
REAL_NAME = "SmolLM2-135M"
# A flipped statement counts as no more than its name alone within this share of the exact wording's influence.
NO_MORE = 0.1
LANGUAGES = ("english", "spanish")
KINDS = ("english, forward", "english, flipped", "spanish, forward", "spanish, flipped", "the name alone")


def word_order() -> Study:
    """The experiment on the demo's models and on SmolLM2-135M, beside the paper's three sizes."""
    rows = results(DEMO)["rows"]
    found = {REAL_NAME: [row["relative"] for row in results(REAL)["rows"]]}
    for model in rows[0]["here"]:
        found[model] = [row["here"][model] for row in rows]
    pairs = {name: _pair(rows, values) for name, values in found.items()}
    agreeing = [name for name, (flipped, alone) in pairs.items() if flipped <= alone + NO_MORE]
    told = "; ".join(f"{name} {flipped:.2f} against {alone:.2f}" for name, (flipped, alone) in pairs.items())
    return Study(
        name="word-order",
        title="Word order",
        question="Does a training sequence still count when it states the same fact in another order?",
        paper="Influence drops sharply when the order is flipped: a sequence that names the completion before the "
        "prompt "
        "has no more than one with the completion's name alone, at every size. Without the completion nothing is left.",
        found="Influence of the flipped statement against that of the name alone, both over that of the exact wording: "
        f"{told}.",
        verdict="agrees" if len(agreeing) == len(pairs) else "agrees in part" if agreeing else "differs",
        notes=[
            f"Asked: “{results(DEMO)['prompt']}” → “{results(DEMO)['completion']}”. No model here was trained on any "
            "of "
            "the texts: they are scored as if each were a training sequence.",
            "The paper's values are read off its figures 24 and 25, about 0.03 either way, and are told over that of "
            "the "
            "exact wording too.",
            "The demo's models are tiny (0.6 to 4.8 million parameters) and read these texts a few letters at a time.",
        ],
        charts=[_chart(rows, found)],
        tables=[_languages()],
        sources=[source(DEMO), source(REAL)],
    )


def _pair(rows: list[dict[str, Any]], values: list[float]) -> tuple[float, float]:
    """What the flipped statement has, and what the name alone has."""
    texts = [row["text"] for row in rows]
    flipped = next(place for place, text in enumerate(texts) if text.startswith("Zorald Pfaff was the first President"))
    return values[flipped], values[texts.index("Zorald Pfaff")]


def _chart(rows: list[dict[str, Any]], found: dict[str, list[float]]) -> StudyChart:
    paper = [
        StudySeries(name=f"paper, {size}", paper=True, values=[row["paper"][size] for row in rows])
        for size in rows[0]["paper"]
    ]
    return StudyChart(
        name="rewordings",
        title="Influence of each wording over that of the exact one",
        unit="over the exact wording",
        labels=[row["text"] for row in rows],
        sections=[row["partition"] for row in rows],
        series=[*paper, *(StudySeries(name=name, values=list(values)) for name, values in found.items())],
        reference=1.0,
    )


def _languages() -> StudyTable:
    """Ten facts of our own invention in two languages: means over the facts."""
    asked: dict[str, list[dict[str, float]]] = {language: [] for language in LANGUAGES}
    for row in results(REAL)["fictitious facts"]:
        asked[row["asked in"]].append(row["relative"])
    rows: list[list[str | float | int | None]] = [
        [language.capitalize(), *(round(sum(one[kind] for one in told) / len(told), 3) for kind in KINDS)]
        for language, told in asked.items()
    ]
    title = f"Ten invented facts in two languages, {REAL_NAME}: mean influence over that of the exact wording"
    return StudyTable(title=title, columns=["asked in", *KINDS], rows=rows)
