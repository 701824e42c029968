"""Corpora on disk: what was added is what is read, what was left out is told, and what is there never changes."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from sqlalchemy.orm import Session, sessionmaker

from app.database import migrate, session_factory, writing
from app.models import Corpus
from app.services import corpora
from app.services.errors import Conflict, InvalidInput, NotFound
from app.services.shapes import Reading, Skipped
from app.settings import Settings
from app.worker.documents import Document, Documents, add_corpus, append_corpus, ensure_documents, take_in

TEXTS = ["The old mill, now.", "A bridge over the river, café.", "x", "日本の町"]


@pytest.fixture
def database(tmp_path: Path) -> sessionmaker[Session]:
    settings = Settings(home=tmp_path)
    migrate(settings)
    return session_factory(settings)


def documents(texts: Iterable[str] = TEXTS) -> list[Document]:
    return [Document(f"d{i}", "fact" if i % 2 else None, "made", text) for i, text in enumerate(texts)]


def written(file: Path, rows: Sequence[object]) -> str:
    """A file of JSON lines; a string stands for a line as it is."""
    file.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return str(file)


def corpus(database: sessionmaker[Session], name: str = "towns") -> Corpus:
    with database() as session:
        return session.get_one(Corpus, name)


def stored(database: sessionmaker[Session], home: Path) -> list[Document]:
    found = Documents.of(home, corpus(database))
    return [found[i] for i in range(len(found))]


def test_documents_come_back_in_order_from_a_datasets_folder(database: sessionmaker[Session], tmp_path: Path) -> None:
    from datasets import load_from_disk

    assert add_corpus(database, tmp_path, "towns", "made", documents())
    row = corpus(database)
    assert stored(database, tmp_path) == documents()
    assert (row.state, row.documents, row.kinds) == ("ready", 4, {"other": 2, "fact": 2})
    columns = load_from_disk(str(tmp_path / (row.path or ""))).column_names
    assert columns == ["id", "kind", "source", "text", "metadata"]
    assert not list(tmp_path.rglob("*.part"))


def test_adding_the_same_again_changes_nothing_and_other_content_is_refused(
    database: sessionmaker[Session], tmp_path: Path
) -> None:
    add_corpus(database, tmp_path, "towns", "made", documents())
    assert not add_corpus(database, tmp_path, "towns", "made", documents())
    with pytest.raises(Conflict, match="has other content"):
        add_corpus(database, tmp_path, "towns", "made", documents(["Something else."]))
    with pytest.raises(Conflict, match="is there with --sequences documents"):
        add_corpus(database, tmp_path, "towns", "made", documents(), Reading(sequences="packed"))


def test_a_corpus_without_text_is_refused_and_leaves_nothing(database: sessionmaker[Session], tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"no document with text \(2 blank text\)"):
        add_corpus(database, tmp_path, "towns", "blank.jsonl", documents(["", "  \n"]))
    with database() as session:
        assert session.get(Corpus, "towns") is None
    assert list((tmp_path / "corpora" / "towns").iterdir()) == []


def test_rows_that_give_no_document_are_left_out_counted_and_named(
    database: sessionmaker[Session], tmp_path: Path
) -> None:
    rows = [{"text": "fine", "id": "a"}, "{", "[]", {"text": 7}, {}, {"text": " "}, {"text": "again", "id": "a"}]
    source = written(tmp_path / "towns.jsonl", rows)
    assert take_in(database, tmp_path, "towns", source)
    row = corpus(database)
    assert [one.id for one in stored(database, tmp_path)] == ["a"]
    told = Skipped.model_validate(row.skipped)
    assert told.count == 6
    assert told.reasons == {
        "not JSON": 1,
        "not a JSON object": 1,
        "'text' is not a string": 1,
        "no field 'text'": 1,
        "blank text": 1,
        "duplicate id": 1,
    }
    assert [(one.place, one.reason) for one in told.first][::5] == [
        ("line 2 of towns.jsonl", "not JSON"),
        ("line 7 of towns.jsonl, id 'a'", "duplicate id"),
    ]
    assert corpora.parts(row)[0]["skipped"] == 6


def test_of_many_rows_that_are_left_out_the_first_twenty_are_named(
    database: sessionmaker[Session], tmp_path: Path
) -> None:
    take_in(database, tmp_path, "towns", written(tmp_path / "towns.jsonl", ["{"] * 50 + [{"text": "fine"}]))
    told = Skipped.model_validate(corpus(database).skipped)
    assert (told.count, len(told.first), told.first[-1].place) == (50, 20, "line 20 of towns.jsonl")


def test_an_announced_corpus_whose_file_is_gone_fails_on_its_row(
    database: sessionmaker[Session], tmp_path: Path
) -> None:
    with writing(database) as session:
        session.add(Corpus(name="towns", source=str(tmp_path / "gone.jsonl")))
    with pytest.raises(InvalidInput, match="no file"):
        ensure_documents(database, tmp_path, "towns")
    row = corpus(database)
    assert row.state == "failed"
    assert row.remedy == "Give a file, a folder, or `hub:NAME` for a dataset."


def test_an_announced_corpus_with_broken_rows_is_read_all_the_same(
    database: sessionmaker[Session], tmp_path: Path
) -> None:
    with writing(database) as session:
        session.add(Corpus(name="towns", source=written(tmp_path / "towns.jsonl", [{"text": "fine"}, "{"])))
    ensure_documents(database, tmp_path, "towns")
    row = corpus(database)
    assert (row.state, row.documents, row.skipped["count"]) == ("ready", 1, 1)


def test_appended_documents_stand_behind_those_that_are_there(database: sessionmaker[Session], tmp_path: Path) -> None:
    first = written(tmp_path / "first.jsonl", [{"id": "a", "text": "One."}, {"id": "b", "text": "Two."}])
    further = written(tmp_path / "further.jsonl", [{"id": "b", "text": "Again."}, {"text": "Three.", "year": 1907}])
    take_in(database, tmp_path, "towns", first)
    before = corpus(database)
    assert append_corpus(database, tmp_path, "towns", further) == 1
    row = corpus(database)
    assert [(one.id, one.text, one.metadata) for one in stored(database, tmp_path)] == [
        ("a", "One.", None),
        ("b", "Two.", None),
        ("towns-2-2", "Three.", '{"year": 1907}'),
    ]
    assert (row.documents, row.skipped["reasons"]) == (3, {"duplicate id": 1})
    assert [(part["source"], part["documents"], part["skipped"]) for part in row.parts] == [
        (first, 2, 0),
        (further, 1, 1),
    ]
    assert row.parts[0]["fingerprint"] == before.fingerprint != row.fingerprint
    assert not take_in(database, tmp_path, "towns", first)


def test_the_fingerprint_after_appending_tells_what_was_appended_and_in_which_order(
    database: sessionmaker[Session], tmp_path: Path
) -> None:
    one, two = (written(tmp_path / f"{name}.jsonl", [{"id": name, "text": name}]) for name in ("one", "two"))
    take_in(database, tmp_path, "forth", one)
    append_corpus(database, tmp_path, "forth", two)
    take_in(database, tmp_path, "back", two)
    append_corpus(database, tmp_path, "back", one)
    assert corpus(database, "forth").fingerprint != corpus(database, "back").fingerprint
    assert {part["fingerprint"] for part in corpus(database, "forth").parts} == {
        part["fingerprint"] for part in corpus(database, "back").parts
    }


def test_appending_what_is_there_is_refused_and_leaves_nothing(database: sessionmaker[Session], tmp_path: Path) -> None:
    source = written(tmp_path / "first.jsonl", [{"id": "a", "text": "One."}])
    take_in(database, tmp_path, "towns", source)
    folders = sorted((tmp_path / "corpora" / "towns").iterdir())
    with pytest.raises(InvalidInput, match=r"no document with text \(1 duplicate id\)"):
        append_corpus(database, tmp_path, "towns", source)
    with pytest.raises(NotFound, match="no corpus named 'cities'"):
        append_corpus(database, tmp_path, "cities", source)
    assert sorted((tmp_path / "corpora" / "towns").iterdir()) == folders
    assert len(corpus(database).parts) == 1


def test_of_two_that_append_at_once_the_second_is_refused_and_leaves_nothing(
    database: sessionmaker[Session], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.worker import documents as module

    take_in(database, tmp_path, "towns", written(tmp_path / "first.jsonl", [{"text": "One."}]))
    mine, theirs = (written(tmp_path / f"{name}.jsonl", [{"text": name}]) for name in ("mine", "theirs"))
    write, writes = module.write_table, []

    def overtaken(*words: object, **named: object) -> int:
        count = write(*words, **named)  # type: ignore[arg-type]
        if not writes:
            writes.append(1)
            append_corpus(database, tmp_path, "towns", theirs)
        return count

    monkeypatch.setattr(module, "write_table", overtaken)
    with pytest.raises(Conflict, match="Somebody else"):
        append_corpus(database, tmp_path, "towns", mine)
    assert [one.text for one in stored(database, tmp_path)] == ["One.", "theirs"]
    assert len(list((tmp_path / "corpora" / "towns").iterdir())) == 2


def test_a_corpus_of_an_older_version_is_one_part_and_can_be_appended_to(
    database: sessionmaker[Session], tmp_path: Path
) -> None:
    add_corpus(database, tmp_path, "towns", "made", documents())
    with writing(database) as session:
        row = session.get_one(Corpus, "towns")
        row.parts, row.reading, row.skipped = [], {}, {}
    assert not add_corpus(database, tmp_path, "towns", "made", documents())
    append_corpus(database, tmp_path, "towns", written(tmp_path / "more.jsonl", [{"id": "n", "text": "New."}]))
    assert [part["documents"] for part in corpus(database).parts] == [4, 1]
    assert [one.id for one in stored(database, tmp_path)] == ["d0", "d1", "d2", "d3", "n"]


def test_texts_come_some_characters_at_a_time(database: sessionmaker[Session], tmp_path: Path) -> None:
    add_corpus(database, tmp_path, "towns", "made", documents(["a" * 6, "b" * 6, "c" * 30, "d"]))
    found = Documents.of(tmp_path, corpus(database))
    assert [[text[0] for text in batch] for batch in found.texts(characters=12)] == [["a", "b"], ["c"], ["d"]]


def test_a_kind_that_is_different_in_every_document_does_not_fill_the_row(
    database: sessionmaker[Session], tmp_path: Path
) -> None:
    many = [Document(f"d{i}", f"kind {i}", "made", "text") for i in range(corpora.MOST_KINDS + 40)]
    add_corpus(database, tmp_path, "towns", "made", many)
    kinds = corpus(database).kinds
    assert len(kinds) == corpora.MOST_KINDS + 1
    assert (kinds["kind 0"], kinds[corpora.OTHER_KINDS]) == (1, 40)
