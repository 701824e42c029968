"""The lexical prefilter against the paper's formula written out in full, and its files against interruption."""

import hashlib
import json
import math
import shutil
import struct
from collections.abc import Iterator
from collections.abc import Sequence as Series
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import CorpusError, Progress, QueryError, Sequence
from engine.corpus import postings
from engine.corpus.lexical import LexicalIndex, coverage
from tests.engine.tiny import sequences

TOKENS = st.integers(0, 12)
CORPORA = st.lists(st.lists(TOKENS, min_size=2, max_size=8), min_size=1, max_size=30)
QUERIES = st.lists(TOKENS, min_size=1, max_size=8)


class Streamed:
    """Sequences that exist only while they are passed over, and can be passed over again."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.passes = 0

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Sequence]:
        self.passes += 1
        return (Sequence([i % 7, i % 11, 20 + i % 5]) for i in range(self.count))


def formula_idf(corpus: Series[Series[int]], token: int) -> float:
    """Equation 29 over a list of lists."""
    holding = sum(1 for ids in corpus if token in ids)
    return math.log((len(corpus) - holding + 0.5) / (holding + 0.5) + 1)


def formula_score(corpus: Series[Series[int]], query: Series[int], ids: Series[int]) -> float:
    """Equation 28 for one sequence, each distinct token of the query once."""
    total = 0.0
    for token in dict.fromkeys(query):
        present = 1 if token in ids else 0
        total += (1.5 + 1) * present / (1.5 + present) * formula_idf(corpus, token)
    return total


def built(folder: Path, corpus: Series[Series[int]]) -> LexicalIndex:
    return LexicalIndex.build(folder / "index", [Sequence(ids) for ids in corpus])


@given(CORPORA, QUERIES, st.integers(1, 40), st.integers(1, 9))
@settings(max_examples=120, deadline=None)
def test_the_best_are_those_of_equations_28_and_29_however_the_corpus_is_cut(
    corpus: list[list[int]], query: list[int], count: int, segment: int
) -> None:
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(postings, "SEGMENT_SEQUENCES", segment)
        found = built(Path(folder), corpus).best(query, count)
    exact = [formula_score(corpus, query, ids) for ids in corpus]
    held = [frozenset(query) & frozenset(ids) for ids in corpus]
    assert len(found) == len(dict(found)) == min(count, len(corpus))
    for index, score in found:
        assert score == pytest.approx(exact[index], abs=1e-8)
    assert found == tuple(sorted(found, key=lambda hit: (-hit[1], hit[0])))
    for left_out in set(range(len(corpus))) - dict(found).keys():
        assert exact[left_out] <= exact[found[-1][0]] + 1e-8
        # The same tokens held are the same score, so the earlier sequence comes first.
        assert all(index < left_out for index, _ in found if held[index] == held[left_out])
    for (first, high), (second, low) in pairwise(found):
        assert high == low or held[first] != held[second]


@given(CORPORA, QUERIES)
@settings(max_examples=60, deadline=None)
def test_the_overlap_is_the_score_over_the_highest_possible(corpus: list[list[int]], query: list[int]) -> None:
    with TemporaryDirectory() as folder:
        index = built(Path(folder), corpus)
        for ids in corpus:
            share = formula_score(corpus, query, ids) / formula_score(corpus, query, query)
            assert index.overlap(query, ids) == pytest.approx(share, abs=1e-7)
        assert index.overlap(query, query) == 1
        assert index.overlap(query, [98, 99]) == 0
        for token in [*query, 99]:
            assert index.idf(token) == pytest.approx(formula_idf(corpus, token), abs=1e-9)


def test_equal_scores_stand_in_the_order_of_the_corpus(tmp_path: Path) -> None:
    corpus = [[8, 9], [1, 9], [2, 9], [1, 8], [2, 8]]
    index = built(tmp_path, corpus)
    # Tokens 1 and 2 are equally rare: four sequences tie, and the first shares no token.
    assert [place for place, _ in index.best([1, 2], 5)] == [1, 2, 3, 4, 0]
    assert [place for place, _ in index.best([2, 1, 2, 1], 3)] == [1, 2, 3]


def test_rounding_never_breaks_a_tie(tmp_path: Path) -> None:
    # Tokens 10 to 16 are of different rarity, 0 and 99 of the same: the first pair of sequences adds up equal terms,
    # but token 0 comes first in one sum and 99 last in the other.
    common = list(range(10, 17))
    corpus = [[*common, 99], [*common, 0]] + [common[:n] for n in (2, 3, 3, 5, 6, 7, 7)] + [[50, 51]] * 4
    rounded = built(tmp_path, corpus).best([0, *common, 99], 2)
    assert [place for place, _ in rounded] == [0, 1]
    assert rounded[0][1] == rounded[1][1]
    terms = [formula_idf(corpus, token) for token in common]
    rare = formula_idf(corpus, 0)
    assert sum([rare, *terms]) != sum([*terms, rare]), "plain sums would not tie, or this test shows nothing"


def test_tokens_that_no_sequence_holds_find_nothing_but_count_in_the_overlap(tmp_path: Path) -> None:
    index = built(tmp_path, [[1, 2], [2, 3]])
    assert index.best([70, 71], 5) == ((0, 0.0), (1, 0.0))
    assert index.idf(70) == pytest.approx(math.log(2.5 / 0.5 + 1))
    assert 0 < index.overlap([1, 70], [1, 2]) < 0.5


def test_a_count_larger_than_the_corpus_gives_every_sequence(tmp_path: Path) -> None:
    index = built(tmp_path, [[1, 2], [3, 4], [1, 3]])
    assert [place for place, _ in index.best([3, 4], 1000)] == [1, 2, 0]


@pytest.mark.parametrize(("query", "count"), [([], 5), ([1], 0), ([1], -3)])
def test_an_empty_query_and_a_count_that_keeps_nothing_are_refused(
    tmp_path: Path, query: list[int], count: int
) -> None:
    with pytest.raises(QueryError):
        built(tmp_path, [[1, 2]]).best(query, count)


def test_an_empty_query_has_no_overlap(tmp_path: Path) -> None:
    with pytest.raises(QueryError, match="no token"):
        built(tmp_path, [[1, 2]]).overlap([], [1, 2])


def test_opening_again_gives_the_same_answers(tmp_path: Path) -> None:
    corpus = sequences(200)
    fresh = LexicalIndex.build(tmp_path / "index", corpus)
    opened = LexicalIndex.open(tmp_path / "index")
    assert len(opened) == len(fresh) == 200
    for sequence in corpus[:20]:
        assert opened.best(sequence.ids, 30) == fresh.best(sequence.ids, 30)


def test_the_fingerprint_is_that_of_lengths_and_ids(tmp_path: Path) -> None:
    corpus = sequences(12)
    digest = hashlib.sha256()
    for sequence in corpus:
        digest.update(struct.pack(f"<{1 + len(sequence.ids)}i", len(sequence.ids), *sequence.ids))
    assert LexicalIndex.build(tmp_path / "index", corpus).fingerprint == digest.hexdigest()


def test_a_corpus_is_streamed_once_and_its_progress_ends_at_its_length(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postings, "PROGRESS_EVERY", 100)
    corpus, heard = Streamed(1050), list[Progress]()
    index = LexicalIndex.build(tmp_path / "index", corpus, heard.append)
    assert corpus.passes == 1
    assert [step.done for step in heard] == [0, *range(100, 1001, 100), 1050]
    assert {step.total for step in heard} == {1050}
    as_list = LexicalIndex.build(tmp_path / "list", list(corpus))
    assert index.best([3, 5, 22], 1050) == as_list.best([3, 5, 22], 1050)


def test_a_segment_keeps_to_its_number_of_tokens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postings, "SEGMENT_TOKENS", 20)
    corpus = [[1, 2, 3, 4, 5, 6]] * 7 + [list(range(50))] + [[1, 2]]
    built(tmp_path, corpus)
    sizes = [row["sequences"] for row in json.loads((tmp_path / "index" / "manifest.json").read_text())["segments"]]
    assert sizes == [3, 3, 1, 1, 1]


@pytest.mark.parametrize("wrong", [-1, 1 << 31, 1 << 70])
def test_a_token_id_out_of_range_is_refused_and_named(tmp_path: Path, wrong: int) -> None:
    with pytest.raises(CorpusError, match=rf"Sequence 1 holds the token id {wrong}\."):
        built(tmp_path, [[1, 2], [3, wrong]])
    assert list(tmp_path.iterdir()) == []


def test_one_shot_and_empty_corpora_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="read only once"):
        LexicalIndex.build(tmp_path / "index", iter(sequences(3)))
    with pytest.raises(CorpusError, match="holds no sequence"):
        LexicalIndex.build(tmp_path / "index", [])


class InterruptedBuildError(Exception):
    """Stands for a kill while the index is being written."""


class Failing(Streamed):
    """A corpus whose reading fails near its end."""

    def __iter__(self) -> Iterator[Sequence]:
        yield from sequences(self.count - 1)
        raise InterruptedBuildError


def test_an_interrupted_build_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postings, "SEGMENT_SEQUENCES", 4)
    with pytest.raises(InterruptedBuildError):
        LexicalIndex.build(tmp_path / "index", Failing(30))
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_build_leaves_the_index_that_was_there(tmp_path: Path) -> None:
    before = built(tmp_path, [[1, 2], [2, 3]]).best([1], 2)
    with pytest.raises(InterruptedBuildError):
        LexicalIndex.build(tmp_path / "index", Failing(30))
    assert [path.name for path in tmp_path.iterdir()] == ["index"]
    assert LexicalIndex.open(tmp_path / "index").best([1], 2) == before


def test_building_again_replaces_the_index(tmp_path: Path) -> None:
    old = built(tmp_path, [[1, 2], [2, 3]])
    assert len(built(tmp_path, [[1, 2], [2, 3], [3, 4]])) == 3
    # A reader that has the old one open goes on reading it.
    assert [place for place, _ in old.best([3], 2)] == [1, 0]


@pytest.mark.parametrize("section", ["tokens", "starts", "places"])
@pytest.mark.parametrize("change", ["shorter", "longer", "missing"])
def test_a_damaged_section_is_named(tmp_path: Path, section: str, change: str) -> None:
    built(tmp_path, [[1, 2], [2, 3]])
    path = tmp_path / "index" / f"{section}.bin"
    data = path.read_bytes()
    if change == "missing":
        path.unlink()
    else:
        path.write_bytes(data[:-1] if change == "shorter" else data + b"\0")
    with pytest.raises(CorpusError, match=rf"{section}\.bin") as error:
        LexicalIndex.open(tmp_path / "index")
    assert "make the index again" in error.value.remedy


@pytest.mark.parametrize(
    "manifest",
    [
        "",
        "{",
        "[1]",
        '{"kind": "factors", "version": 1}',
        '{"kind": "lexical index", "version": 99}',
        '{"kind": "lexical index", "version": 1}',
        '{"kind": "lexical index", "version": 1, "fingerprint": "", "segments": [{"sequences": 2}]}',
    ],
)
def test_a_damaged_or_foreign_manifest_is_refused(tmp_path: Path, manifest: str) -> None:
    built(tmp_path, [[1, 2], [2, 3]])
    (tmp_path / "index" / "manifest.json").write_text(manifest)
    with pytest.raises(CorpusError, match="holds no whole lexical index"):
        LexicalIndex.open(tmp_path / "index")


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    built(tmp_path, [[1, 2]])
    shutil.rmtree(tmp_path / "index")
    with pytest.raises(CorpusError, match="holds no whole lexical index"):
        LexicalIndex.open(tmp_path / "index")


def test_coverage_is_the_share_of_the_top_k_that_was_kept() -> None:
    assert coverage({1, 2, 3}, [3, 4]) == 0.5
    assert coverage([], [3]) == 0
    assert coverage(range(10), [9, 0]) == 1
    with pytest.raises(QueryError, match="empty"):
        coverage({1}, [])
