"""Every format gives the same documents; what cannot be read is told with its place."""

import bz2
import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from app.services.errors import InvalidInput
from app.services.shapes import Reading
from app.worker.reading import Document, read_documents
from app.worker.seen import Seen
from app.worker.sources import Refused

ROWS = [
    {"id": "a", "text": "The old mill.", "kind": "fact", "source": "almanac"},
    {"id": "b", "text": 'A bridge,\nover "the" river; café.', "kind": "prose", "source": "letters"},
]
EXPECTED = [Document(row["id"], row["kind"], row["source"], row["text"]) for row in ROWS]


def read(source: Path | str, **chosen: object) -> list[Document | Refused]:
    return list(read_documents(str(source), Reading.model_validate(chosen), "towns"))


def _lines() -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS).encode()


def _jsonl(folder: Path) -> Path:
    file = folder / "towns.jsonl"
    file.write_bytes(_lines())
    return file


def _gz(folder: Path) -> Path:
    file = folder / "towns.jsonl.gz"
    # Two members, as tools that append to a compressed file leave it.
    first, second = _lines().splitlines(keepends=True)
    file.write_bytes(gzip.compress(first) + gzip.compress(second))
    return file


def _zst(folder: Path) -> Path:
    import pyarrow

    file = folder / "towns.ndjson.zst"
    with pyarrow.output_stream(str(file), compression="zstd") as stream:
        stream.write(_lines())
    return file


def _bz2(folder: Path) -> Path:
    file = folder / "towns.json.bz2"
    file.write_bytes(bz2.compress(_lines()))
    return file


def _separated(folder: Path, ending: str, delimiter: str) -> Path:
    import csv

    file = folder / f"towns{ending}"
    with file.open("w", encoding="utf-8-sig", newline="") as out:
        table = csv.DictWriter(out, list(ROWS[0]), delimiter=delimiter)
        table.writeheader()
        table.writerows(ROWS)
    return file


def _csv(folder: Path) -> Path:
    return _separated(folder, ".csv", ",")


def _tsv(folder: Path) -> Path:
    return _separated(folder, ".tsv", "\t")


def _parquet(folder: Path) -> Path:
    import pyarrow
    from pyarrow import parquet

    file = folder / "towns.parquet"
    parquet.write_table(pyarrow.Table.from_pylist(ROWS), file)
    return file


def _shards(folder: Path) -> Path:
    made = folder / "shards"
    (made / "deep").mkdir(parents=True)
    for name, row in zip(("0.jsonl", "deep/1.jsonl.gz"), ROWS, strict=True):
        line = json.dumps(row).encode()
        (made / name).write_bytes(gzip.compress(line) if name.endswith(".gz") else line)
    (made / "README.md").write_text("Not a document.")
    (made / ".hidden.jsonl").write_text("{}")
    return made


def _saved(folder: Path) -> Path:
    from datasets import Dataset

    made = folder / "saved"
    Dataset.from_list(ROWS).save_to_disk(made)
    return made


MAKERS = [_jsonl, _gz, _zst, _bz2, _csv, _tsv, _parquet, _shards, _saved]


@pytest.mark.parametrize("make", MAKERS, ids=[one.__name__ for one in MAKERS])
def test_every_format_gives_the_same_documents(make: Callable[[Path], Path], tmp_path: Path) -> None:
    assert read(make(tmp_path)) == EXPECTED


def test_a_folder_of_texts_is_a_document_a_file_named_after_its_path(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "b.txt").write_text("Second.")
    (tmp_path / "sub" / "a.txt").write_text("Third.")
    (tmp_path / "a.txt").write_text("First.")
    (tmp_path / "blank.txt").write_text(" ")
    (tmp_path / "bad.txt").write_bytes(b"caf\xe9")
    assert read(tmp_path) == [
        Document("a.txt", None, "a.txt", "First."),
        Document("b.txt", None, "b.txt", "Second."),
        Refused("bad.txt", "undecodable bytes"),
        Refused("blank.txt", "blank text"),
        Document("sub/a.txt", None, "sub/a.txt", "Third."),
    ]


def test_what_a_row_leaves_out_is_filled_in_and_what_it_has_more_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "towns.jsonl"
    file.write_text(
        '{"text": "a\\u0000b"}\n\n{"text": "c", "id": 5, "kind": "k", "source": "s", "n": {"x": [1, null]}}\n'
    )
    assert read(file) == [
        Document("towns-1", None, "towns.jsonl", "a\ufffdb"),
        Document("5", "k", "s", "c", '{"n": {"x": [1, null]}}'),
    ]
    assert [one.metadata for one in read(file, other_fields=False) if isinstance(one, Document)] == [None, None]


def test_fields_are_those_that_are_named(tmp_path: Path) -> None:
    file = tmp_path / "towns.jsonl"
    file.write_text('{"body": "c", "key": 5, "topic": "k", "url": "s", "text": "other", "id": "x"}\n')
    [one] = read(file, text_field="body", id_field="key", kind_field="topic", source_field="url")
    assert one == Document("5", "k", "s", "c", '{"text": "other", "id": "x"}')


def test_values_that_json_does_not_know_are_told_in_words(tmp_path: Path) -> None:
    from datetime import date

    import pyarrow
    from pyarrow import parquet

    row = {"text": "t", "id": "a", "day": date(2026, 1, 2), "raw": b"\0\1", "odd": float("nan"), "half": "\ufffd"}
    parquet.write_table(pyarrow.Table.from_pylist([row]), tmp_path / "towns.parquet")
    [one] = read(tmp_path / "towns.parquet")
    assert isinstance(one, Document)
    assert json.loads(one.metadata or "") == {"day": "2026-01-02", "raw": "2 bytes", "odd": None, "half": "\ufffd"}


def test_bytes_that_are_no_text_cost_their_row_only(tmp_path: Path) -> None:
    lines, table, packed = tmp_path / "a.jsonl", tmp_path / "a.csv", tmp_path / "a.parquet"
    lines.write_bytes(b'{"id": "x", "text": "caf\xe9"}\n{"id": "y", "text": "fine"}\n{"id": "z", "text": "\\ud800"}\n')
    table.write_bytes(b"id,text\nx,caf\xe9\ny,fine\n")
    import pyarrow
    from pyarrow import parquet

    bad = pyarrow.array([b"caf\xe9", b"fine"], pyarrow.binary()).cast(pyarrow.string(), safe=False)
    parquet.write_table(pyarrow.table({"id": ["x", "y"], "text": bad}), packed)
    bytes_only = pyarrow.table({"id": ["x", "y"], "text": pyarrow.array([b"caf\xe9", b"fine"], pyarrow.binary())})
    parquet.write_table(bytes_only, tmp_path / "b.parquet")
    for file, place in ((lines, "line 1"), (table, "row 1"), (packed, "row 1"), (tmp_path / "b.parquet", "row 1")):
        found = read(file)
        assert found[0] == Refused(f"{place} of {file.name}", "undecodable bytes")
        assert isinstance(found[1], Document)
        assert (found[1].id, found[1].text) == ("y", "fine")
    assert read(lines)[2] == Refused("line 3 of a.jsonl", "undecodable bytes")


def test_a_row_of_a_table_that_is_too_short_has_no_text(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,text\nx\ny,fine,too,many\n")
    first, second = read(tmp_path / "a.csv")
    assert first == Refused("row 1 of a.csv", "no field 'text'")
    assert second == Document("y", None, "a.csv", "fine")


def test_an_id_that_was_taken_is_told_with_both_place_and_id(tmp_path: Path) -> None:
    seen = Seen()
    assert seen.add("a")
    found = list(read_documents(str(_jsonl(tmp_path)), Reading(), "towns", seen))
    assert found == [Refused("line 1 of towns.jsonl, id 'a'", "duplicate id"), EXPECTED[1]]


def test_ids_are_known_again_whether_they_are_recent_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.worker.seen.MOST_RECENT", 10)
    seen = Seen()
    assert all(seen.add(f"document {i}") for i in range(95))
    assert not any(seen.add(f"document {i}") for i in range(95))
    assert seen.add("document 95")


def test_generated_names_go_on_from_file_to_file(tmp_path: Path) -> None:
    (tmp_path / "0.jsonl").write_text('{"text": "a"}\n\n{"text": "b"}\n')
    (tmp_path / "1.jsonl").write_text('{"text": "c"}\n')
    assert [one.id for one in read(tmp_path) if isinstance(one, Document)] == ["towns-1", "towns-3", "towns-4"]


def test_a_source_that_is_cut_short_is_an_error_that_names_it(tmp_path: Path) -> None:
    whole = gzip.compress(_lines() * 2000)
    (tmp_path / "towns.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InvalidInput, match=r"towns\.jsonl\.gz cannot be read to its end"):
        read(tmp_path / "towns.jsonl.gz")
    (tmp_path / "towns.parquet").write_bytes(b"PAR1 no more")
    with pytest.raises(InvalidInput, match=r"towns\.parquet cannot be read to its end"):
        read(tmp_path / "towns.parquet")


def test_a_source_whose_format_is_not_clear_asks_for_it(tmp_path: Path) -> None:
    (tmp_path / "towns.data").write_bytes(_lines())
    with pytest.raises(InvalidInput, match="does not tell its format"):
        read(tmp_path / "towns.data")
    assert read(tmp_path / "towns.data", format="jsonl") == EXPECTED
    with pytest.raises(InvalidInput, match="holds no file of a known format"):
        read(tmp_path)
    _jsonl(tmp_path)
    _csv(tmp_path)
    with pytest.raises(InvalidInput, match="several formats: csv, jsonl"):
        read(tmp_path)
    assert read(tmp_path, format="csv") == EXPECTED
    with pytest.raises(InvalidInput, match="There is no file"):
        read(tmp_path / "gone.jsonl")


def test_of_a_dataset_with_several_splits_one_must_be_chosen(tmp_path: Path) -> None:
    from datasets import Dataset, DatasetDict

    DatasetDict({"train": Dataset.from_list(ROWS), "test": Dataset.from_list(ROWS[:1])}).save_to_disk(tmp_path / "d")
    with pytest.raises(InvalidInput, match="Several splits are there") as refused:
        read(tmp_path / "d")
    assert refused.value.remedy == "Choose one with --split: test, train."
    with pytest.raises(InvalidInput, match="no split 'dev'"):
        read(tmp_path / "d", split="dev")
    assert read(tmp_path / "d", split="test") == EXPECTED[:1]


def test_a_hub_dataset_is_streamed_with_its_choices(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    asked: list[object] = []

    def load(*words: object, **named: object) -> object:
        asked.append((words, named))
        return {"train": datasets.Dataset.from_list(ROWS).to_iterable_dataset()}

    monkeypatch.setattr(datasets, "load_dataset", load)
    assert read("hub:someone/towns", config="small", revision="v1") == EXPECTED
    assert asked == [(("someone/towns", "small"), {"split": None, "revision": "v1", "streaming": True})]


def test_without_a_connection_a_hub_dataset_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets
    import huggingface_hub

    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(InvalidInput, match="The dataset 'someone/towns' cannot be read from the hub") as refused:
        read("hub:someone/towns")
    assert "--config, --split and --revision, and the connection" in refused.value.remedy
