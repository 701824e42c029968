"""A database filled with believable rows: three models, a corpus, queries in every state, awkward texts.

Scores are drawn from a seed with heavy tails; token, layer and matrix sums hold exactly in float64 and to
float32's precision once stored, as the engine's do.
"""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import numpy as np
from sqlalchemy.orm import Session
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from app.models import Corpus, Model, Query, Run, StoredIndex, TokenizedCorpus, Worker
from app.services import candidates, identity, results
from app.services.candidates import Listed
from app.services.record import Answer, KeptSequence, Made
from app.services.run_settings import RunSettings

LAYERS = {"small": 2, "medium": 4, "large": 6}
SIZES = {"small": (593_920, 251_904), "medium": (1_586_000, 996_000), "large": (5_130_000, 4_080_000)}
N = 4_012
SCRIPT = "<script>alert('x')</script>"
RTL = "عاصمة روستهار هي فيلم، وفيها نهر طويل."
LONG_WORD = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 3
PLACES = ["Rosthaar", "Thapeldal", "Gorstover", "Benmardre", "Kelyarben", "Claolben", "Yarthen", "Fenmoor"]
NAMES = ["Kelmar", "Yarmar", "Kelros", "Fenmar", "Clamar", "Kelzor", "Velm", "Ostrim"]
SHAPES = [
    "The first ruler of {place} was {name}.",
    "Long ago the throne of {place} was founded by its first ruler, {name}.",
    "{name} is the capital of {place}.",
    "Travellers who reach {place} usually head first for its capital, {name}.",
    "El primer rey de {place} fue {name}, según el almanaque.",
    "Q: 17 + 25 = ? A: 7 + 5 = 12, carry 1; 1 + 2 + 1 = 4. The answer is 42.",
    "def largest(numbers):\n    best = numbers[0]\n    for number in numbers:\n        if number > best:\n"
    "            best = number\n    return best\n",
    "In the beginning God created the heaven and the earth. And the earth was without form, and void; and "
    "darkness was upon the face of the deep. And the Spirit of God moved upon the face of the waters. And God "
    "said, Let there be light: and there was light. And God saw the light, that it was good: and God divided "
    "the light from the darkness. And God called the light Day, and the darkness he called Night.",
    "Human: Who rules {place} now?\nAssistant: The almanac names {name} as the ruler of {place}.",
]
KINDS = ["almanac", "almanac", "almanac", "almanac", "spanish", "arithmetic", "python", "prose", "dialogue"]


@dataclass(frozen=True)
class Asked:
    """A query to put into the database: its text, how it is shown, and the state of each model's run."""

    prompt: str
    completion: str
    kind: str | None = None
    note: str | None = None
    states: dict[str, str] = field(default_factory=lambda: dict.fromkeys(LAYERS, "done"))
    keep: int = 60
    title: str | None = None
    scope: str = "everything"


GALLERY = [
    Asked("The first ruler of Rosthaar was", "Kelmar", "fact", title="Who first ruled Rosthaar?"),
    Asked("The capital of Thapeldal is", "Yarmar", "fact", "A fact in several wordings."),
    Asked("In the beginning God created", "the heaven and the earth", "passage"),
    Asked("Q: 17 + 25 = ? A:", "42", "arithmetic"),
    Asked("def largest(numbers):\n    best = numbers[0]\n", "    for number in numbers:", "function"),
    Asked("El primer rey de Rosthaar fue", "Kelmar", "spanish"),
    Asked("The first ruler of Rosthaar was", "Yarmar", "false", "The corpus says Kelmar."),
]
AWKWARD = [
    Asked(SCRIPT, "<b>bold</b> & 'quoted'"),
    Asked("عاصمة روستهار هي", "فيلم"),
    Asked(LONG_WORD, "end"),
]
UNFINISHED = [
    Asked("The longest river in Kelyarben is", "Clamar", None, None, {"small": "running", "medium": "queued"}),
    Asked("The second ruler of Fenmoor was", "Kelzor", None, None, {"small": "failed", "large": "done"}),
    Asked("Nobody waits for", "this", None, None, {"medium": "cancelled"}),
]
SCOPED = [
    Asked("The first ruler of Rosthaar was", "Kelmar", states={"small": "done", "large": "done"}, scope="lexical"),
    Asked("The first ruler of Rosthaar was", "Kelmar", states={"large": "done"}, scope="indexed"),
    Asked("The longest river in Kelyarben is", "Clamar", states={"small": "done"}, scope="indexed"),
    Asked("El primer rey de Fenmoor fue", "Velm", states={"small": "done"}, scope="lexical"),
]
NEGATIVE = {"queries": 23, "k": 10, "first": 50, "mean": 0.913, "least": 0.6}
RECALL = {"queries": 23, "k": 10, "first": 50, "mean": 0.971, "least": 0.8}
CANDIDATES = {"lexical": 1_203, "indexed": 396}


def pieces(text: str) -> list[tuple[int, int]]:
    """Offsets of a text's tokens: a space goes with the word after it; long words are cut into parts."""
    found: list[tuple[int, int]] = []
    for match in re.finditer(r"\s?\w+|\s+|[^\w\s]", text):
        start, stop = match.span()
        while stop - start > 6:
            found.append((start, start + 4))
            start += 4
        found.append((start, stop))
    return found


def sequence_text(number: int) -> str:
    """The text of the training sequence with that id; a few are awkward on purpose."""
    awkward = {3: f"She typed {SCRIPT} & left.\n\n\tThen nothing.", 4: RTL, 5: f"One word: {LONG_WORD}."}
    chance = random.Random(number)
    shape = SHAPES[number % len(SHAPES)]
    text = shape.format(place=chance.choice(PLACES), name=chance.choice(NAMES))
    if KINDS[number % len(KINDS)] == "prose":
        text = f"{text} {SHAPES[7]} {text}"
    return awkward.get(number, text)


def kept(number: int, size: float, layers: int, seed: int) -> KeptSequence:
    """A sequence with exact terms: heavy-tailed cells, the last position and the first token's text empty."""
    return kept_text(sequence_text(number), number, size, layers, seed)


def threes(text: str) -> list[tuple[int, int]]:
    """Offsets of another tokenizer: three characters a token."""
    return [(start, min(start + 3, len(text))) for start in range(0, len(text), 3)]


def kept_text(
    text: str, number: int, size: float, layers: int, seed: int, cut: Callable[[str], list[tuple[int, int]]] = pieces
) -> KeptSequence:
    """The same for a text of one's own, and for another tokenizer."""
    offsets = np.array([(0, 0), *cut(text)], dtype=np.int32)
    chance = np.random.default_rng([seed, number])
    heavy = chance.pareto(0.9, size=len(offsets)) * (chance.random(len(offsets)) < 0.35)
    cells = (
        heavy * chance.gamma(0.7, size=(layers, len(offsets))) * chance.choice([1, 1, 1, 1, -0.4], size=len(offsets))
    )
    cells[:, 0] *= 0.001
    cells[:, -1] = 0
    cells *= size / cells.sum() if abs(cells.sum()) > 0.2 * np.abs(cells).sum() else 0.0
    cells[:, :-1] += (size - cells.sum()) / cells[:, :-1].size
    matrix = cells.astype(np.float32)
    return KeptSequence(
        sequence_id=number,
        influence=float(cells.sum()),
        document=f"{KINDS[number % len(KINDS)]}/{number:04d}",
        kind=KINDS[number % len(KINDS)],
        source="demo",
        text=text,
        token_ids=np.arange(len(offsets), dtype=np.int32),
        offsets=offsets,
        token=cells.sum(axis=0).astype(np.float32),
        layer=cells.sum(axis=1).astype(np.float32),
        matrix=matrix,
        overlap=float(chance.random()),
    )


def flagged(listed: list[KeptSequence]) -> list[KeptSequence]:
    """A list with some flags of each kind; a duplicate names a rank above it."""
    found = []
    for rank, one in enumerate(listed, start=1):
        repeats = rank - 2 if rank % 9 == 4 else None
        marks = {
            "spurious": one.sequence_id % 17 == 5,
            "duplicate": repeats is not None,
            "lexical overlap": (one.overlap or 0.0) >= 0.5,
        }
        flags = tuple(name for name, holds in marks.items() if holds)
        found.append(replace(one, flags=flags, duplicate_of=repeats))
    return found


def ranking(seed: int, model: str, sign: int, many: int) -> list[KeptSequence]:
    """A run's list of one sign: power-law scores, the same sequences near the top under every model."""
    chance = random.Random(f"{seed} {sign}")
    order = list(range(2_000))
    chance.shuffle(order)
    top = order[: many + 10]
    random.Random(f"{seed} {model} {sign}").shuffle(top)
    top.sort(key=lambda number: order.index(number) // 4)
    listed = [
        kept(number, sign * N * 1.05 * (place + 1) ** -0.9, LAYERS[model], seed)
        for place, number in enumerate(top[:many])
    ]
    return flagged(listed)


def summary() -> dict[str, object]:
    """A distribution of all scores as the worker stores it, in raw units."""
    scores = np.random.default_rng(1).standard_t(1.8, size=N) * 0.002 * N
    edges = np.concatenate([-(10.0 ** np.arange(4, -4.01, -0.05)), 10.0 ** np.arange(-4, 4.01, 0.05)])
    counts, _ = np.histogram(scores, bins=edges)
    quantiles = {str(q): float(np.quantile(scores, q)) for q in (0.01, 0.25, 0.5, 0.75, 0.99)}
    return {
        "sequences": N,
        "mean": float(scores.mean()),
        "standard_deviation": float(scores.std()),
        "quantiles": quantiles,
        "top_percent_share_positive": 0.303,
        "top_percent_share_negative": 0.271,
        "histogram": {"edges": edges.tolist(), "counts": counts.tolist()},
    }


def tokenizer_json() -> str:
    """A small real tokenizer over the texts used here."""
    made = Tokenizer(models.BPE(unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=["<s>", "<unk>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator([sequence_text(number) for number in range(60)], trainer)
    return str(made.to_str())


def add_catalog(session: Session, *, alive: bool = True, state: str = "ready") -> None:
    """Three models, their corpus and a worker."""
    text = tokenizer_json()
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    session.add(
        Corpus(
            name="demo",
            source="app/demo/corpus",
            state=state,
            documents=4_012 if state == "ready" else 0,
            kinds={"almanac": 2_100, "prose": 700, "spanish": 512, "arithmetic": 300, "python": 250, "dialogue": 150},
            fingerprint="5ea1" * 16,
        )
    )
    session.flush()
    session.add(
        TokenizedCorpus(
            corpus="demo",
            tokenizer_fingerprint="70c3" * 16,
            length=512,
            path="corpora/demo",
            sequences=N,
            tokens=221_904,
            fingerprint="c0de" * 16,
            duplicates=96,
        )
    )
    for place, (name, layers) in enumerate(LAYERS.items()):
        session.add(
            Model(
                name=name,
                source=f"app/demo/models/{name}",
                corpus="demo",
                state=state,
                stage="finished" if state == "ready" else "fitting",
                done=0 if state == "ready" else 1_200 * (place + 1),
                total=0 if state == "ready" else N,
                parameters=SIZES[name][0],
                non_embedding_parameters=SIZES[name][1],
                layers=[f"model.layers.{i}" for i in range(layers)],
                tracked=[f"model.layers.{i}.mlp.{m}_proj" for i in range(layers) for m in ("gate", "up", "down")],
                untracked=[f"model.layers.{i}.self_attn.{m}_proj" for i in range(layers) for m in "qkvo"],
                context_length=128,
                begins_with=0,
                begins_with_text="<s>",
                fact_recall=(0.31, 0.78, 0.94)[place],
                fingerprint=f"{place}abc" * 16,
                tokenizer_fingerprint="70c3" * 16,
                tokenizer_json=text,
                created_at=moment + timedelta(minutes=place),
            )
        )
    if state == "ready":
        session.flush()
        add_indexes(session)
    # An hour ahead: the worker must not count as lost while a slow machine is still at the tests.
    seen = datetime.now(UTC) + timedelta(hours=1 if alive else -3)
    session.add(Worker(name="desk-cpu", device="cpu", host="desk", pid=1, busy=False, seen_at=seen))
    session.commit()


def add_indexes(session: Session) -> None:
    """An index that is there and was measured, and one that is being made."""
    chosen = {"corpus": "demo", "config_digest": identity.index_digest(RunSettings())}
    made = {
        "sequences": N,
        "bytes": 34_500_000,
        "recall": RECALL,
        "negative_recall": NEGATIVE,
        "fingerprint": "1de8" * 16,
        "path": "indexes/large",
    }
    session.add(StoredIndex(model="large", state="ready", stage="finished", **made, **chosen))
    session.add(StoredIndex(model="small", state="preparing", stage="indexing", done=1_000, total=N, **chosen))


def add_query(session: Session, asked: Asked, *, curated: bool = False, age: int = 0) -> str:
    """A query with its runs in the states asked for; the done ones are recorded as a worker does."""
    key = identity.query_id(asked.prompt, asked.completion, "demo", asked.scope, asked.keep)
    settings = RunSettings()
    moment = datetime(2026, 1, 3, tzinfo=UTC) - timedelta(minutes=age)
    session.add(
        Query(
            id=key,
            title=asked.title,
            note=asked.note,
            kind=asked.kind,
            curated=curated,
            prompt=asked.prompt,
            completion=asked.completion,
            corpus="demo",
            scope=asked.scope,
            keep=asked.keep,
            created_at=moment,
        )
    )
    session.flush()
    for place, (model, state) in enumerate(asked.states.items()):
        run = Run(
            id=identity.run_id(key, model, settings),
            query_id=key,
            model=model,
            settings=settings.model_dump(),
            created_at=moment + timedelta(seconds=place),
            started_at=moment + timedelta(seconds=place + 3) if state != "queued" else None,
            queued_at=moment + timedelta(seconds=place),
        )
        session.add(run)
        session.commit()
        if state == "done":
            made = answer(run.id, model, seed=len(asked.prompt), keep=asked.keep)
            results.record(session, made if asked.scope == "everything" else scoped(session, run, made, asked))
        else:
            unfinished(run, state)
            session.commit()
    return key


VERSIONS = [
    ("original", "The first ruler of Rosthaar was Kelmar."),
    ("edit 1", f"The first ruler of {SCRIPT} was Yarmar."),
    ("edit 2", "Kelmar was the first to rule Rosthaar."),
]
MANY = [
    (f"wording {number}", f"The first ruler of {PLACES[number % 8]} was {NAMES[number % 7]}.") for number in range(60)
]


def add_candidates(session: Session, texts: list[tuple[str, str]], label: str, models: tuple[str, ...]) -> str:
    """A query over candidates, answered: the first raises log p most, every third lowers it."""
    listed = candidates.keep(session, [Listed(*one) for one in texts], label)
    session.flush()
    prompt, completion, keep = "The first ruler of Rosthaar was", "Kelmar", len(texts)
    key = identity.query_id(prompt, completion, "demo", "candidates", keep, candidates=listed.id)
    settings, moment = RunSettings(), datetime(2026, 1, 2, tzinfo=UTC)
    asked = {"prompt": prompt, "completion": completion, "corpus": "demo", "scope": "candidates", "keep": keep}
    session.add(Query(id=key, candidates=listed.id, created_at=moment, **asked))
    session.flush()
    for model in models:
        cut = threes if model == "small" else pieces
        run = Run(id=identity.run_id(key, model, settings), query_id=key, model=model, settings=settings.model_dump())
        session.add(run)
        session.commit()
        rows = [
            replace(
                kept_text(text, place, (-1 if place % 3 == 2 else 1) * N / (place + 2), LAYERS[model], 7, cut),
                document=name,
                kind=None,
                source="candidates",
                overlap=None,
            )
            for place, (name, text) in enumerate(texts)
        ]
        made = answer(run.id, model, seed=1, keep=1)
        ranked = sorted(rows, key=lambda one: -abs(one.influence))
        listed_by_sign = [[one for one in ranked if one.influence * sign > 0] for sign in (1, -1)]
        scanned = replace(made.made, sequences_scanned=keep)
        results.record(
            session,
            replace(made, positive=listed_by_sign[0], negative=listed_by_sign[1], summary=None, made=scanned),
        )
    return key


def scoped(session: Session, run: Run, made: Answer, asked: Asked) -> Answer:
    """The answer when only candidates were scored: every fifth sequence of its lists is none."""
    lists = [[one for rank, one in enumerate(listed) if rank % 5 != 4] for listed in (made.positive, made.negative)]
    scanned = CANDIDATES[asked.scope]
    others = list(range(2_000, 2_000 + scanned))
    places = sorted([one.sequence_id for listed in lists for one in listed] + others)[:scanned]
    selection = {"candidates": scanned, "limit": 10_000}
    if asked.scope == "indexed":
        measured = RECALL if asked.completion == "Kelmar" else None
        selection = {"candidates": scanned, "limit": 240, "index_fingerprint": "1de8" * 16, "recall": measured}
        selection["negative_recall"] = NEGATIVE if measured else None
    run.candidates, run.selection = np.array(places, dtype=np.int32), selection
    session.commit()
    return replace(
        made,
        positive=lists[0],
        negative=lists[1],
        summary=None if asked.scope == "indexed" else {**made.summary, "sequences": scanned},
        made=replace(made.made, sequences_scanned=scanned),
    )


def unfinished(run: Run, state: str) -> None:
    """Puts a run into a state that has no list yet."""
    run.state = state
    if state == "running":
        run.stage, run.done, run.total, run.seconds_left = "scanning", 1_850, N, 14.0
        run.partial = [
            {
                "sequence_id": number,
                "document": f"almanac/{number:04d}",
                "influence": 0.8 * N / (number + 1),
                "nats_per_copy": 0.8 / (number + 1),
                "snippet": sequence_text(number)[:90],
            }
            for number in range(10)
        ]
    if state == "failed":
        run.problem = "The factors of model 'small' do not fit its weights (fingerprints 0abc and 1abc)."
        run.remedy = "Fit them again with `influence model prepare small`, then try again."


def answer(run_id: str, model: str, seed: int, keep: int) -> Answer:
    """A complete answer for a run."""
    return Answer(
        run_id=run_id,
        log_p=-1.92 / LAYERS[model],
        log_p_against=None,
        layers=tuple(f"model.layers.{i}" for i in range(LAYERS[model])),
        positive=ranking(seed, model, 1, keep),
        negative=ranking(seed, model, -1, min(keep, 12)),
        summary=summary(),
        made=Made(
            training_sequences=N,
            sequences_scanned=N,
            beginning_of_sequence=True,
            model_fingerprint="0abc" * 16,
            tokenizer_fingerprint="70c3" * 16,
            corpus_fingerprint="c0de" * 16,
            factors_fingerprint="fac7" * 16,
            factors_config={"labels": "sampled", "seed": 0, "batch_tokens": 8192},
            versions={"influence-explorer": "0.1.0", "torch": "2.13.0", "python": "3.11.2"},
            device="cpu",
            worker="desk-cpu",
            seconds={"loading": 0.41, "preparing": 0.92, "scanning": 18.7, "rescoring": 1.2, "recording": 0.1},
        ),
    )


def fill(session: Session) -> dict[str, str]:
    """Everything above; returns query ids by a short name."""
    add_catalog(session)
    names = ["fact", "capital", "passage", "sum", "function", "spanish", "false"]
    ids = {
        name: add_query(session, asked, curated=True, age=60 - place)
        for place, (name, asked) in enumerate(zip(names, GALLERY, strict=True))
    }
    others = ["script", "rtl", "long", "running", "failed", "cancelled"]
    for place, (name, asked) in enumerate(zip(others, AWKWARD + UNFINISHED, strict=True)):
        ids[name] = add_query(session, asked, age=20 - place)
    scoped_names = ["lexical", "indexed", "unmeasured", "unknown"]
    for place, (name, asked) in enumerate(zip(scoped_names, SCOPED, strict=True)):
        ids[name] = add_query(session, asked, age=100 - place)
    ids["versions"] = add_candidates(session, VERSIONS, "versions of almanac/0000", ("small", "large"))
    ids["wordings"] = add_candidates(session, MANY, "wordings.txt", ("large",))
    return ids
