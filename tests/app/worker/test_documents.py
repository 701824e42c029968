"""Corpora on disk: what was added is what is read, and a broken file leaves nothing."""

import json
from collections.abc import Iterable
from pathlib import Path

import pytest
from sqlalchemy.orm import Session, sessionmaker

from app.database import migrate, session_factory, writing
from app.models import Corpus, TokenizedCorpus
from app.services.errors import Conflict, InvalidInput
from app.services.tokenizing import read
from app.settings import Settings
from app.worker.documents import Document, Documents, add_corpus, ensure_documents, read_json_lines
from app.worker.tokens import TokenSequences, ensure_tokenized
from engine import CorpusError
from tests.app.tiny import tokenizer

TEXTS = ["The old mill, now.", "A bridge over the river, café.", "x", "日本の町"]
DEFINITION = tokenizer().backend_tokenizer.to_str()


@pytest.fixture
def database(tmp_path: Path) -> sessionmaker[Session]:
    settings = Settings(home=tmp_path)
    migrate(settings)
    return session_factory(settings)


def documents(texts: Iterable[str] = TEXTS) -> list[Document]:
    return [Document(f"d{i}", "fact" if i % 2 else None, "made", text) for i, text in enumerate(texts)]


def cut(database: sessionmaker[Session], home: Path, length: int = 12, bos: int | None = 256) -> TokenizedCorpus:
    return ensure_tokenized(database, home, "towns", DEFINITION, "t" * 20, bos, length)


def test_documents_come_back_in_order_from_a_datasets_folder(database: sessionmaker[Session], tmp_path: Path) -> None:
    from datasets import load_from_disk

    assert add_corpus(database, tmp_path, "towns", "made", documents())
    with database() as session:
        row = session.get_one(Corpus, "towns")
    stored = Documents(tmp_path / (row.path or ""))
    assert [stored[i] for i in range(len(stored))] == documents()
    assert (row.state, row.documents, row.kinds) == ("ready", 4, {"other": 2, "fact": 2})
    assert load_from_disk(str(tmp_path / (row.path or ""))).column_names == ["id", "kind", "source", "text"]
    assert not list(tmp_path.rglob("*.part"))


def test_adding_the_same_again_changes_nothing_and_other_content_is_refused(
    database: sessionmaker[Session], tmp_path: Path
) -> None:
    add_corpus(database, tmp_path, "towns", "made", documents())
    assert not add_corpus(database, tmp_path, "towns", "made", documents())
    with pytest.raises(Conflict, match="has other content"):
        add_corpus(database, tmp_path, "towns", "made", documents(["Something else."]))


def test_a_corpus_without_text_is_refused_and_leaves_nothing(database: sessionmaker[Session], tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no document with text"):
        add_corpus(database, tmp_path, "towns", "blank.jsonl", documents(["", "  \n"]))
    with database() as session:
        assert session.get(Corpus, "towns") is None
    assert list((tmp_path / "corpora" / "towns").iterdir()) == []


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", "line 2 of .* is not JSON"),
        ("[]", "line 2 of .* has no text"),
        ('{"text": 7}', "line 2 of .* has no text"),
    ],
)
def test_a_broken_line_is_named_and_leaves_nothing(
    database: sessionmaker[Session], tmp_path: Path, line: str, problem: str
) -> None:
    file = tmp_path / "towns.jsonl"
    file.write_text(json.dumps({"text": "fine"}) + "\n" + line + "\n")
    with pytest.raises(InvalidInput, match=problem):
        add_corpus(database, tmp_path, "towns", "f", read_json_lines(file, "towns"))
    assert list((tmp_path / "corpora" / "towns").iterdir()) == []


def test_what_a_line_leaves_out_is_filled_in(tmp_path: Path) -> None:
    file = tmp_path / "towns.jsonl"
    file.write_text('{"text": "a\\u0000b"}\n\n{"text": "c", "id": 5, "kind": "k", "source": "s"}\n')
    assert list(read_json_lines(file, "towns")) == [
        Document("towns-1", None, "towns.jsonl", "a\ufffdb"),
        Document("5", "k", "s", "c"),
    ]


def test_an_announced_corpus_that_is_broken_fails_on_its_row(database: sessionmaker[Session], tmp_path: Path) -> None:
    with writing(database) as session:
        session.add(Corpus(name="towns", source=str(tmp_path / "gone.jsonl")))
    with pytest.raises(InvalidInput, match="no file"):
        ensure_documents(database, tmp_path, "towns")
    with database() as session:
        row = session.get_one(Corpus, "towns")
    assert row.state == "failed"
    assert row.remedy == "Give a .jsonl file."


@pytest.mark.parametrize("bos", [None, 256])
def test_sequences_put_together_are_the_documents_tokens(
    database: sessionmaker[Session], tmp_path: Path, bos: int | None
) -> None:
    add_corpus(database, tmp_path, "towns", "made", documents())
    row = cut(database, tmp_path, bos=bos)
    sequences = TokenSequences.read(tmp_path / row.path)
    lead = [] if bos is None else [bos]
    joined: dict[int, list[int]] = {}
    for number, sequence in enumerate(sequences):
        document, start = sequences.place(number)
        assert list(sequence.ids[: len(lead)]) == lead
        assert 2 <= len(sequence.ids) <= 12
        assert start == len(joined.setdefault(document, []))
        joined[document] += sequence.ids[len(lead) :]
    expected = {i: read(DEFINITION, text, None).ids for i, text in enumerate(TEXTS)}
    if bos is None:
        # A document of one token predicts nothing, so it is no sequence.
        del expected[2]
    assert joined == expected
    assert row.sequences == len(sequences)
    assert row.tokens == sum(len(sequence.ids) for sequence in sequences)


def test_sequences_can_be_passed_over_again_sliced_and_picked(database: sessionmaker[Session], tmp_path: Path) -> None:
    add_corpus(database, tmp_path, "towns", "made", documents())
    sequences = TokenSequences.read(tmp_path / cut(database, tmp_path).path)
    everything = [sequence.ids for sequence in sequences]
    assert [sequence.ids for sequence in sequences] == everything
    assert [sequence.ids for sequence in sequences[2:5]] == everything[2:5]
    assert [sequences[2:5][i].ids for i in range(3)] == everything[2:5]
    assert sequences[3].ids == everything[3]
    assert len(sequences[5:]) == len(everything) - 5


def test_a_corpus_is_cut_once_for_each_tokenizer_and_length(database: sessionmaker[Session], tmp_path: Path) -> None:
    add_corpus(database, tmp_path, "towns", "made", documents())
    assert cut(database, tmp_path).id == cut(database, tmp_path).id
    assert cut(database, tmp_path, length=20).id != cut(database, tmp_path).id


def test_a_corpus_of_texts_too_short_to_predict_anything_is_refused(
    database: sessionmaker[Session], tmp_path: Path
) -> None:
    add_corpus(database, tmp_path, "towns", "made", documents(["a", "b"]))
    with pytest.raises(CorpusError, match="no sequence of 2 tokens or more"):
        cut(database, tmp_path, bos=None)
    with database() as session:
        assert session.query(TokenizedCorpus).count() == 0
