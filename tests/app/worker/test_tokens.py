"""Documents as training sequences: cut or packed, nothing lost, and those that are there keep their places."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy.orm import Session, sessionmaker

from app.database import migrate, session_factory, writing
from app.models import Corpus, TokenizedCorpus
from app.services.shapes import Reading
from app.services.tokenizing import read
from app.settings import Settings
from app.worker.cutting import Held, Reader
from app.worker.documents import Document, Documents, add_corpus, append_corpus
from app.worker.tokens import Cut, TokenSequences, ensure_tokenized
from app.worker.translate import Texts
from engine import CorpusError, Hit, LexicalIndex, Progress
from tests.app.tiny import tokenizer

TEXTS = ["The old mill, now.", "A bridge over the river, café.", "x", "日本の町"]
MORE = ["Another town, upstream.", "y"]
DEFINITION = tokenizer().backend_tokenizer.to_str()
BOS = 256


@pytest.fixture
def database(tmp_path: Path) -> sessionmaker[Session]:
    settings = Settings(home=tmp_path)
    migrate(settings)
    return session_factory(settings)


def fill(
    database: sessionmaker[Session], home: Path, texts: Iterable[str] = TEXTS, sequences: str = "documents"
) -> None:
    documents = [Document(f"d{i}", None, "made", text) for i, text in enumerate(texts)]
    add_corpus(database, home, "towns", "made", documents, Reading.model_validate({"sequences": sequences}))


def grow(database: sessionmaker[Session], home: Path, texts: Iterable[str] = MORE) -> None:
    folder = home / "more"
    folder.mkdir(exist_ok=True)
    for i, text in enumerate(texts):
        (folder / f"{i}.txt").write_text(text, encoding="utf-8")
    append_corpus(database, home, "towns", str(folder))


def cut(
    database: sessionmaker[Session],
    home: Path,
    length: int = 12,
    bos: int | None = BOS,
    sequences: int | None = None,
    told: list[Progress] | None = None,
) -> Cut:
    reader = Reader(DEFINITION, "t" * 20, bos, bos, length)
    report = (lambda _: None) if told is None else told.append
    return ensure_tokenized(database, home, "towns", reader, report, sequences)


def ids(text: str) -> list[int]:
    return read(DEFINITION, text, None).ids


@pytest.mark.parametrize("bos", [None, BOS])
@pytest.mark.parametrize("sequences", ["documents", "packed"])
def test_sequences_put_together_are_the_documents_tokens(
    database: sessionmaker[Session], tmp_path: Path, bos: int | None, sequences: str
) -> None:
    fill(database, tmp_path, sequences=sequences)
    row = cut(database, tmp_path, bos=bos)
    found = row.opened(tmp_path)
    lead = [] if bos is None else [bos]
    joined: dict[int, list[int]] = {}
    for number, sequence in enumerate(found):
        assert list(sequence.ids[: len(lead)]) == lead
        assert 2 <= len(sequence.ids) <= 12
        for held in found.held(number, len(lead)):
            assert held.start == len(joined.setdefault(held.document, []))
            joined[held.document] += sequence.ids[held.first : held.first + held.count]
    expected = {i: ids(text) for i, text in enumerate(TEXTS)}
    if bos is None and sequences == "documents":
        # A document of one token predicts nothing, so it is no sequence.
        del expected[2]
    assert joined == expected
    assert row.sequences == len(found)
    assert row.tokens == sum(len(sequence.ids) for sequence in found)


def test_packed_sequences_are_full_and_documents_are_apart(database: sessionmaker[Session], tmp_path: Path) -> None:
    fill(database, tmp_path, ["abc", "", "d", "efghij"], sequences="packed")
    found = cut(database, tmp_path, length=6).opened(tmp_path)
    a, b, c, d, e, f, g, h, i, j = (ids(letter)[0] for letter in "abcdefghij")
    assert [sequence.ids for sequence in found] == [
        (BOS, a, b, c, BOS, d),
        (BOS, BOS, e, f, g, h),
        (BOS, i, j),
    ]
    assert [found.held(n, 1) for n in range(3)] == [
        (Held(0, 0, 1, 3), Held(1, 0, 5, 1)),
        (Held(2, 0, 2, 4),),
        (Held(2, 4, 1, 2),),
    ]


def test_a_packed_sequence_names_its_documents_and_shows_where_one_ends(
    database: sessionmaker[Session], tmp_path: Path
) -> None:
    import torch

    fill(database, tmp_path, ["abc", "dé", "efghij"], sequences="packed")
    row = cut(database, tmp_path, length=9)
    with database() as session:
        texts = Texts(Documents.of(tmp_path, session.get_one(Corpus, "towns")), row.opened(tmp_path), DEFINITION, BOS)
    token = torch.tensor([0.0, 1.0, 1.0, 1.0, 0.0, -4.0, -1.0, 0.0, 0.0])
    # Positive: the first document carries most of it. Negative: the second.
    for score, name in ((3.0, "d0"), (-3.0, "d1")):
        kept = texts.kept(Hit(0, score, torch.zeros(1), token, torch.zeros(1, 9)))
        assert (kept.text, kept.document) == ("abc\ndé\n", name)
    assert [kept.text[start:stop] for start, stop in kept.offsets.tolist()] == ["", *"abc", "\n", "d", "é", "", "\n"]
    assert [(one["document"], one["start"], one["stop"], one["begins"]) for one in kept.documents] == [
        ("d0", 0, 3, 0),
        ("d1", 4, 6, 0),
    ]
    assert texts.glimpse(1) == ("d2", "efghij")


def test_a_piece_of_a_long_document_knows_where_it_begins(database: sessionmaker[Session], tmp_path: Path) -> None:
    import torch

    fill(database, tmp_path, ["abcdefghij"])
    row = cut(database, tmp_path, length=5)
    with database() as session:
        texts = Texts(Documents.of(tmp_path, session.get_one(Corpus, "towns")), row.opened(tmp_path), DEFINITION, BOS)
    kept = texts.kept(Hit(1, 1.0, torch.zeros(1), torch.zeros(5), torch.zeros(1, 5)))
    assert kept.text == "efgh"
    [one] = kept.documents
    assert (one["begins"], one["start"], one["stop"]) == (4, 0, 4)


@pytest.mark.parametrize("sequences", ["documents", "packed"])
def test_a_grown_corpus_keeps_its_sequences_and_gets_those_of_the_new_documents(
    database: sessionmaker[Session], tmp_path: Path, sequences: str
) -> None:
    fill(database, tmp_path, sequences=sequences)
    before = cut(database, tmp_path)
    old = [sequence.ids for sequence in before.opened(tmp_path)]
    with writing(database) as session:
        row = session.get_one(TokenizedCorpus, before.id)
        row.lexical_path, row.duplicates_path, row.duplicates = "l", "d", 3
    grow(database, tmp_path)
    after = cut(database, tmp_path)
    assert after.id == before.id
    new = [sequence.ids for sequence in after.opened(tmp_path)]
    assert new[: len(old)] == old
    assert len(new) == after.sequences > len(old)
    assert {held.document for n in range(len(old), len(new)) for held in after.opened(tmp_path).held(n, 1)} == {4, 5}
    with database() as session:
        row = session.get_one(TokenizedCorpus, before.id)
        assert (row.lexical_path, row.duplicates_path, row.duplicates) == (None, None, None)
        assert (row.documents, row.sequences, row.tokens) == (6, after.sequences, after.tokens)


def test_a_corpus_that_grew_before_it_was_cut_is_cut_as_if_it_grew_afterwards(
    database: sessionmaker[Session], tmp_path: Path
) -> None:
    fill(database, tmp_path, sequences="packed")
    cut(database, tmp_path)
    cut(database, tmp_path, length=20)
    grow(database, tmp_path)
    twice, once = cut(database, tmp_path), cut(database, tmp_path, length=15)
    assert cut(database, tmp_path, length=15).fingerprint == once.fingerprint
    assert len(twice.paths) == len(once.paths) == 2


def test_the_fingerprint_is_that_of_all_sequences_however_they_came(
    database: sessionmaker[Session], tmp_path: Path
) -> None:
    fill(database, tmp_path)
    cut(database, tmp_path)
    grow(database, tmp_path)
    row = cut(database, tmp_path)
    assert LexicalIndex.build(tmp_path / "words", row.opened(tmp_path)).fingerprint == row.fingerprint


def test_a_corpus_is_taken_as_it_stood_by_those_who_began_before_it_grew(
    database: sessionmaker[Session], tmp_path: Path
) -> None:
    fill(database, tmp_path)
    before = cut(database, tmp_path)
    grow(database, tmp_path)
    pinned = cut(database, tmp_path, sequences=before.sequences)
    assert pinned == before
    after = cut(database, tmp_path)
    pinned = cut(database, tmp_path, sequences=before.sequences)
    assert (pinned.sequences, pinned.fingerprint, pinned.paths) == (before.sequences, before.fingerprint, before.paths)
    assert pinned.later == {after.fingerprint}
    assert len(pinned.opened(tmp_path)) == before.sequences


def test_progress_is_told_in_documents(database: sessionmaker[Session], tmp_path: Path) -> None:
    fill(database, tmp_path)
    told: list[Progress] = []
    cut(database, tmp_path, told=told)
    assert told == [Progress("tokenizing", 0, 4), Progress("tokenizing", 4, 4)]
    grow(database, tmp_path)
    told.clear()
    cut(database, tmp_path, told=told)
    assert told == [Progress("tokenizing", 4, 6), Progress("tokenizing", 6, 6)]
    told.clear()
    cut(database, tmp_path, told=told)
    assert told == []


def test_what_a_worker_left_half_done_is_done_again(database: sessionmaker[Session], tmp_path: Path) -> None:
    fill(database, tmp_path)
    whole = cut(database, tmp_path)
    grow(database, tmp_path)

    class DiedError(Exception):
        pass

    def dies(progress: Progress) -> None:
        if progress.done == 6:
            raise DiedError

    reader = Reader(DEFINITION, "t" * 20, BOS, BOS, 12)
    with pytest.raises(DiedError):
        ensure_tokenized(database, tmp_path, "towns", reader, dies, None)
    assert cut(database, tmp_path, sequences=whole.sequences) == whole
    assert not list(tmp_path.rglob("*.part"))
    assert cut(database, tmp_path).documents == 6


def test_a_cut_of_an_older_version_grows_like_any_other(database: sessionmaker[Session], tmp_path: Path) -> None:
    fill(database, tmp_path)
    before = cut(database, tmp_path)
    with writing(database) as session:
        row = session.get_one(TokenizedCorpus, before.id)
        row.parts, row.documents = [], None
    grow(database, tmp_path)
    after = cut(database, tmp_path)
    assert (after.documents, len(after.paths)) == (6, 2)
    assert after.sequences > before.sequences


def test_sequences_can_be_passed_over_again_sliced_and_picked(database: sessionmaker[Session], tmp_path: Path) -> None:
    fill(database, tmp_path)
    cut(database, tmp_path)
    grow(database, tmp_path)
    sequences = cut(database, tmp_path).opened(tmp_path)
    everything = [sequence.ids for sequence in sequences]
    assert [sequence.ids for sequence in sequences] == everything
    assert [sequence.ids for sequence in sequences[2:5]] == everything[2:5]
    assert [sequences[2:5][i].ids for i in range(3)] == everything[2:5]
    assert sequences[3].ids == everything[3]
    assert len(sequences[5:]) == len(everything) - 5
    assert isinstance(sequences[5:], TokenSequences)
    places = np.array([1, len(everything) - 1], dtype=np.int32)
    assert [sequence.ids for sequence in sequences.pick(places)] == [everything[1], everything[-1]]


def test_a_corpus_is_cut_once_for_each_tokenizer_and_length(database: sessionmaker[Session], tmp_path: Path) -> None:
    fill(database, tmp_path)
    assert cut(database, tmp_path).id == cut(database, tmp_path).id
    assert cut(database, tmp_path, length=20).id != cut(database, tmp_path).id


def test_a_corpus_of_texts_too_short_to_predict_anything_is_refused(
    database: sessionmaker[Session], tmp_path: Path
) -> None:
    fill(database, tmp_path, ["a", "b"])
    with pytest.raises(CorpusError, match="no sequence of 2 tokens or more"):
        cut(database, tmp_path, bos=None)
    with database() as session:
        assert session.query(TokenizedCorpus).count() == 0
    grow(database, tmp_path)
    assert cut(database, tmp_path, bos=None).documents == 4
