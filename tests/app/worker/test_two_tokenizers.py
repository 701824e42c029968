"""Runs of models that tokenise differently, joined through the whole worker by document and stretch of characters."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scipy import stats

from app.services import comparison, results
from app.services.errors import InvalidInput
from app.services.shapes import Comparison, InfluenceDetail
from app.worker.documents import Document, add_corpus
from tests.app.tiny import WORDS, save_llama
from tests.app.worker.test_candidates import TEXTS
from tests.app.worker.world import World

CONTEXT = 64
LONG = " ".join(f"The {WORDS[i % 8]} of town {i} opened in {1500 + i}." for i in range(6))
DOCUMENTS = [
    Document("long", "prose", "made", LONG),
    *(Document(f"d{i}", "fact", "made", f"The {WORDS[i % 8]} of town {i} opened in {1500 + i}.") for i in range(30)),
]


def _word_pieces(folder: Path) -> None:
    """Puts a byte-level tokenizer that knows whole words, and no beginning-of-sequence token, beside the weights."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=257, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    # With 256 bytes in the alphabet there is room for one merge: "to", of which "town" has one.
    made.train_from_iterator([one.text for one in DOCUMENTS], trainer)
    PreTrainedTokenizerFast(tokenizer_object=made).save_pretrained(folder)


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Llama with another tokenizer."""
    folder = save_llama(tmp_path_factory.mktemp("models") / "words", seed=3, context=CONTEXT)
    for file in folder.glob("*token*"):
        file.unlink()
    _word_pieces(folder)
    return folder


@pytest.fixture(scope="module")
def bytes_only(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Llama that reads bytes, and puts `<s>` in front."""
    return save_llama(tmp_path_factory.mktemp("models") / "bytes", seed=4, context=CONTEXT)


@pytest.fixture
def pair(new_world: Callable[..., World], words: Path, bytes_only: Path) -> World:
    made = new_world()
    add_corpus(made.sessions, made.home, "towns", "made", DOCUMENTS)
    made.model("words", words)
    made.model("bytes", bytes_only)
    return made


def _runs(world: World, **changed: Any) -> list[str]:
    runs = world.ask(models=("words", "bytes"), keep=50, **changed)
    for run in runs:
        world.answer(run)
        assert world.run(run).problem is None
    return runs


def _compared(world: World, runs: list[str], sign: Any = "positive") -> Comparison:
    with world.sessions() as session:
        return comparison.compare(session, runs, sign, 500)


def _details(world: World, run: str, sign: str = "positive") -> list[InfluenceDetail]:
    with world.sessions() as session:
        return [results.influence(session, run, row.sequence_id) for row in world.rows(run, sign)]


def _characters(detail: InfluenceDetail) -> tuple[str, set[int]]:
    """The document of an uncut or cut sequence, and which of its characters it holds."""
    [held] = detail.documents
    return held.document, set(range(held.begins, held.begins + held.stop - held.start))


def test_a_kept_sequence_names_its_characters_of_the_document(pair: World) -> None:
    for run in _runs(pair):
        cut = 0
        for sign in ("positive", "negative"):
            for detail in _details(pair, run, sign):
                [held] = detail.documents
                text = next(one.text for one in DOCUMENTS if one.id == held.document)
                assert text[held.begins : held.begins + held.stop - held.start] == detail.text
                cut += held.begins > 0
        assert cut > 1


def test_sequences_are_joined_one_to_one_by_the_longest_overlap(pair: World) -> None:
    runs = _runs(pair)
    found = _compared(pair, runs)
    assert found.joined_by == "document"
    columns = [{one.sequence_id: _characters(one) for one in _details(pair, run)} for run in runs]
    # The same join by hand: all pairs by shared characters, each sequence taken once.
    pairs = sorted(
        (
            (-len(mine & theirs), one, other)
            for one, (document, mine) in columns[0].items()
            for other, (elsewhere, theirs) in columns[1].items()
            if document == elsewhere and mine & theirs
        ),
    )
    overlaps = {(one, other): -shared for shared, one, other in pairs}
    joined = {
        (item.sequence_ids[0], item.sequence_ids[1]): overlaps[item.sequence_ids[0], item.sequence_ids[1]]
        for item in found.sequences
        if None not in item.sequence_ids
    }
    best, taken = 0, set()
    for shared, one, other in pairs:
        if ("first", one) not in taken and ("second", other) not in taken:
            taken |= {("first", one), ("second", other)}
            best -= shared
    assert sum(joined.values()) == best > 0
    for place in (0, 1):
        ids = [item.sequence_ids[place] for item in found.sequences if item.sequence_ids[place] is not None]
        assert sorted(ids) == sorted(columns[place])


def test_whole_documents_are_joined_with_themselves_and_agreement_counts_documents(pair: World) -> None:
    runs = _runs(pair)
    found = _compared(pair, runs)
    for item in found.sequences:
        texts = [
            row.text
            for run, sequence_id in zip(found.runs, item.sequence_ids, strict=True)
            for row in run.rows
            if row.sequence_id == sequence_id
        ]
        if item.document != "long":
            assert len(set(texts)) == 1
    heaviest: list[dict[str, float]] = []
    for run in found.runs:
        first: dict[str, float] = {}
        for row in run.rows:
            first.setdefault(row.document, row.influence)
        heaviest.append(first)
    [agreement] = found.agreements
    shared = [name for name in heaviest[0] if name in heaviest[1]]
    tops = [set(list(one)[:10]) for one in heaviest]
    assert agreement.shared == len(shared)
    assert agreement.overlaps[0].jaccard == len(tops[0] & tops[1]) / len(tops[0] | tops[1])
    if len(shared) > 2:
        expected = stats.spearmanr([heaviest[0][i] for i in shared], [heaviest[1][i] for i in shared]).statistic
        assert agreement.spearman is not None
        assert agreement.spearman.value == pytest.approx(expected)


def test_runs_over_the_same_candidates_are_joined_by_their_place(pair: World) -> None:
    from app.services import queries
    from app.services.shapes import QueryForm

    asked = {"prompt": "The mill of town 8", "completion": "opened", "corpus": "towns", "models": ["words", "bytes"]}
    with pair.sessions() as session:
        query = queries.submit(session, pair.jobs, QueryForm.model_validate({**asked, "candidates": list(TEXTS)})).id
        runs = [run.id for run in queries.get(session, query).runs]
    for run in runs:
        pair.answer(run)
    found = [_compared(pair, runs, sign) for sign in ("positive", "negative")]
    assert {one.joined_by for one in found} == {"sequence"}
    for item in (item for one in found for item in one.sequences):
        assert item.text == TEXTS[item.sequence_id]
        assert {place for place in item.sequence_ids if place is not None} == {item.sequence_id}
    with pytest.raises(InvalidInput, match="different corpora or candidates"):
        _compared(pair, [runs[0], _runs(pair)[0]])
