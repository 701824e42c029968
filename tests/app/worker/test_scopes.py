"""Scopes: what each lets a run score, against the engine itself; indexes made once, resumed, and made again."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import undefer

from app.database import writing
from app.models import Model, Query, Run, Scan, StoredIndex, TokenizedCorpus
from app.services import indexes, queries, results
from app.services.shapes import RunDetail
from app.services.tokenizing import join, read
from app.worker.tokens import TokenSequences
from engine import LexicalIndex, Progress
from tests.app.worker.world import DOCUMENTS, World

FEW = 12


@pytest.fixture
def narrow(new_world: Callable[..., World], tiny: Path) -> World:
    """A world in which the lexical scope scores few sequences, in shards of five."""
    made = new_world(prefilter_sequences=FEW, shard_sequences=5)
    made.corpus()
    made.model("tiny", tiny)
    return made


def _candidates(world: World, run: str) -> list[int]:
    with world.sessions() as session:
        found = session.get_one(Run, run, options=[undefer(Run.candidates)]).candidates
    assert found is not None
    return [int(place) for place in found]


def _detail(world: World, run: str) -> RunDetail:
    with world.sessions() as session:
        return results.run(session, run)


def _ranking(world: World, run: str, sign: str) -> list[tuple[int, float]]:
    return [(row.sequence_id, row.influence) for row in world.rows(run, sign)]


def _everything(world: World, completion: str) -> dict[str, list[tuple[int, float]]]:
    """All scores of a question, from the run that scores everything."""
    [run] = world.ask(completion, keep=DOCUMENTS)
    world.answer(run)
    return {sign: _ranking(world, run, sign) for sign in ("positive", "negative")}


def test_a_lexical_run_ranks_exactly_those_that_share_most_words(narrow: World, tmp_path: Path) -> None:
    [run] = narrow.ask(scope="lexical", keep=4)
    narrow.answer(run)
    with narrow.sessions() as session:
        cut = session.scalars(select(TokenizedCorpus)).one()
        definition = session.get_one(Model, "tiny", options=[undefer(Model.tokenizer_json)]).tokenizer_json or ""
    words = LexicalIndex.build(tmp_path / "words", TokenSequences.read(narrow.home / cut.path))
    ids = read(definition, join("The mill of town 8", "opened"), None).ids
    expected = sorted(place for place, _ in words.best(ids, FEW))
    assert narrow.run(run).selection == {
        "candidates": FEW,
        "limit": FEW,
        "index_fingerprint": None,
        "recall": None,
        "negative_recall": None,
    }
    assert _candidates(narrow, run) == expected
    for sign, listed in _everything(narrow, "opened").items():
        mine = [(place, influence) for place, influence in listed if place in expected][:4]
        found = _ranking(narrow, run, sign)
        assert [place for place, _ in found] == [place for place, _ in mine]
        np.testing.assert_allclose([value for _, value in found], [value for _, value in mine], rtol=1e-4)


def test_a_lexical_run_counts_what_it_scored_and_of_how_many(narrow: World) -> None:
    [run] = narrow.ask(scope="lexical")
    narrow.answer(run)
    detail = _detail(narrow, run)
    assert (detail.provenance.sequences_scanned, detail.provenance.training_sequences) == (FEW, DOCUMENTS)
    assert (detail.done, detail.total) == (FEW, FEW)
    assert detail.distribution is not None
    assert (detail.distribution.sequences, sum(detail.distribution.histogram.counts)) == (FEW, FEW)
    rows = [*narrow.rows(run), *narrow.rows(run, "negative")]
    assert all(row.nats_per_copy == row.influence / DOCUMENTS for row in rows)


def test_runs_of_one_lexical_scan_pass_over_the_union_and_keep_their_own(narrow: World) -> None:
    words = ("opened in 1508", "The library of town 3", "1539")
    together = [narrow.ask(word, scope="lexical", keep=6)[0] for word in words]
    scan = narrow.work.claim(together[0], 1, together[0])
    assert scan is not None
    shards = narrow.work.plan(scan)
    with narrow.sessions() as session:
        laid = session.get_one(Scan, scan, options=[undefer(Scan.candidates)]).candidates
    union = sorted({place for run in together for place in _candidates(narrow, run)})
    assert laid is not None
    assert laid.tolist() == union
    assert FEW < len(union) < 3 * FEW
    assert shards == -(-len(union) // 5)
    for number in range(shards):
        narrow.work.shard(scan, number)
    narrow.work.conclude(scan)
    for run, word in zip(together, words, strict=True):
        own = set(_candidates(narrow, run))
        for sign, listed in _everything(narrow, word).items():
            expected = [place for place, _ in listed if place in own][:6]
            assert [place for place, _ in _ranking(narrow, run, sign)] == expected
    with narrow.sessions() as session:
        assert session.get_one(Scan, scan, options=[undefer(Scan.candidates)]).candidates is None


def test_what_a_scope_missed_is_measured_once_everything_was_asked(narrow: World) -> None:
    [run] = narrow.ask(scope="lexical")
    narrow.answer(run)
    assert _detail(narrow, run).coverage is None
    listed = _everything(narrow, "opened")
    found = _detail(narrow, run).coverage
    assert found is not None
    own = set(_candidates(narrow, run))
    for one in found.covered:
        heaviest = [place for place, _ in listed[one.sign][: one.first]]
        assert one.kept == len(own & set(heaviest))
    for sign, kept in listed.items():
        depths = [first for first in (10, len(kept)) if 0 < first <= len(kept)]
        assert [one.first for one in found.covered if one.sign == sign] == sorted(set(depths))


def test_a_query_that_shares_no_word_fails_alone_and_says_what_to_do(
    new_world: Callable[..., World], tiny: Path
) -> None:
    made = new_world()
    made.corpus()
    made.model("tiny", tiny)
    [none] = made.ask(prompt="\u00e9\u00e8\n", completion="\u00ea", scope="lexical")
    [some] = made.ask(scope="lexical")
    made.answer(none)
    assert made.run(none).state == "failed"
    assert "No sequence of the corpus 'towns' shares a word" in (made.run(none).problem or "")
    assert "everything" in (made.run(none).remedy or "")
    assert made.run(some).state == "done"


def test_a_query_alone_that_shares_no_word_leaves_nothing_running(world: World) -> None:
    [none] = world.ask(prompt="\u00e9\u00e8\n", completion="\u00ea", scope="lexical")
    world.answer(none)
    assert world.run(none).state == "failed"
    assert not (world.home / "scans").exists()


def test_the_words_of_a_corpus_are_indexed_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.work.prepare("tiny")
    with world.sessions() as session:
        cut = session.scalars(select(TokenizedCorpus)).one()
    assert cut.lexical_path is not None
    assert (world.home / cut.lexical_path).is_dir()
    assert cut.lexical_bytes
    assert cut.duplicates == 0
    assert (world.home / str(cut.duplicates_path)).is_file()
    assert cut.preparer is None

    def never(*_: object, **__: object) -> None:
        raise AssertionError("made twice")

    monkeypatch.setattr("app.worker.wording.LexicalIndex.build", never)
    monkeypatch.setattr("app.worker.wording.duplicate_groups", never)
    fresh = World(world.settings, world.sessions)
    [run] = fresh.ask(scope="lexical")
    fresh.answer(run)
    assert fresh.run(run).state == "done"


def test_damaged_words_of_a_corpus_are_made_again(world: World) -> None:
    world.work.prepare("tiny")
    for file in [*(world.home / "lexical").rglob("*.bin"), *(world.home / "corpora").rglob("*.npy")]:
        file.write_bytes(file.read_bytes()[:-8])
    fresh = World(world.settings, world.sessions)
    [run] = fresh.ask(scope="lexical")
    fresh.answer(run)
    assert fresh.run(run).state == "done"


def test_repeated_documents_are_flagged_with_the_rank_they_repeat(new_world: Callable[..., World], tiny: Path) -> None:
    from app.worker.documents import Document, add_corpus
    from tests.app.tiny import lines

    made = new_world()
    twice = [Document(**vars(line)) for line in lines(10)]
    copies = [Document(f"copy-{one.id}", one.kind, one.source, one.text) for one in twice]
    add_corpus(made.sessions, made.home, "towns", "made", [*twice, *copies])
    made.model("tiny", tiny)
    [run] = made.ask(keep=20)
    made.answer(run)
    lists = [made.rows(run, sign) for sign in ("positive", "negative")]
    assert sum(map(len, lists)) == 20
    for rows in lists:
        first_of: dict[str, int] = {}
        for row in rows:
            rank = first_of.setdefault(row.text, row.rank)
            assert row.duplicate_of == (None if rank == row.rank else rank)
            assert ("duplicate" in row.flags) == (rank != row.rank)
    with made.sessions() as session:
        assert session.scalars(select(TokenizedCorpus.duplicates)).one() == 10


def test_an_indexed_run_scores_exactly_what_the_index_names(world: World) -> None:
    [run] = world.ask(scope="indexed", keep=5)
    world.answer(run)
    found = world.run(run)
    assert found.state == "done", found.problem
    detail = _detail(world, run)
    assert detail.distribution is None
    assert detail.provenance.selection is not None
    assert detail.provenance.selection.limit == 50
    own = _candidates(world, run)
    assert detail.provenance.sequences_scanned == detail.provenance.selection.candidates == len(own) <= DOCUMENTS
    for sign, listed in _everything(world, "opened").items():
        expected = [(place, value) for place, value in listed if place in own][:5]
        mine = _ranking(world, run, sign)
        assert [place for place, _ in mine] == [place for place, _ in expected]
        np.testing.assert_allclose([value for _, value in mine], [value for _, value in expected], rtol=1e-4)


def test_an_indexed_run_makes_the_index_once_and_the_page_shows_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    [first] = world.ask(scope="indexed")
    world.answer(first)
    with world.sessions() as session:
        row = session.scalars(select(StoredIndex)).one()
        [view] = indexes.by_model(session)["tiny"]
    assert (row.state, row.sequences, row.recall) == ("ready", DOCUMENTS, None)
    assert (view.corpus, view.state, view.recall) == ("towns", "ready", None)
    assert view.bytes == sum(file.stat().st_size for file in (world.home / str(row.path)).rglob("*") if file.is_file())

    def never(*_: object, **__: object) -> None:
        raise AssertionError("made twice")

    monkeypatch.setattr("app.worker.indexing.build_index", never)
    [second] = world.ask("closed", scope="indexed")
    world.answer(second)
    assert world.run(second).state == "done"
    assert (world.run(second).selection or {})["index_fingerprint"] == row.fingerprint


def _wish(world: World, *, again: bool = False) -> bool:
    with world.sessions() as session:
        return indexes.wish(session, world.jobs, "tiny", "towns", again=again)


def test_an_index_wished_for_is_made_by_a_worker_and_measured_on_the_gallery(world: World) -> None:
    [curated] = world.ask()
    with writing(world.sessions) as session:
        session.execute(update(Query).values(curated=True))
    assert _wish(world)
    assert world.jobs.asked[-1] == ("index", "tiny towns", 1)
    with world.sessions() as session:
        assert indexes.by_model(session)["tiny"][0].state == "waiting"
    world.work.index("tiny", "towns")
    with world.sessions() as session:
        [view] = indexes.by_model(session)["tiny"]
    assert (view.state, view.stage, view.error) == ("ready", "finished", None)
    assert view.recall is not None
    assert view.recall.queries == 1
    assert 0.0 <= view.recall.least <= view.recall.mean <= 1.0
    assert not _wish(world)
    [run] = world.ask(scope="indexed")
    world.answer(run)
    chosen = world.run(run).selection or {}
    assert chosen["recall"] == view.recall.model_dump()
    assert view.negative_recall is None or chosen["negative_recall"] == view.negative_recall.model_dump()
    assert world.run(curated).state == "queued"


def test_making_an_index_again_measures_it_again(world: World) -> None:
    _wish(world)
    world.work.index("tiny", "towns")
    world.ask()
    with writing(world.sessions) as session:
        session.execute(update(Query).values(curated=True))
    assert _wish(world, again=True)
    assert world.jobs.asked[-1] == ("index", "tiny towns", 2)
    world.work.index("tiny", "towns")
    with world.sessions() as session:
        [view] = indexes.by_model(session)["tiny"]
    assert view.recall is not None
    assert view.recall.queries == 1


def test_what_goes_wrong_with_an_index_ends_on_its_row_and_it_can_be_wished_for_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhaust(*_: object, **__: object) -> None:
        raise MemoryError("300 GB")

    _wish(world)
    with monkeypatch.context() as patch:
        patch.setattr("app.worker.indexing.build_index", exhaust)
        world.work.index("tiny", "towns")
    with world.sessions() as session:
        [view] = indexes.by_model(session)["tiny"]
    assert view.state == "failed"
    assert view.error is not None
    assert "ran out of memory" in view.error.problem
    assert _wish(world)
    world.work.index("tiny", "towns")
    with world.sessions() as session:
        assert indexes.by_model(session)["tiny"][0].state == "ready"


def test_a_run_cancelled_while_its_index_is_made_stops_the_making_and_the_next_run_goes_on_with_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.worker.progress import ScanReport

    world.work.prepare("tiny")
    [unwanted] = world.ask(scope="indexed")
    scan = world.work.claim(unwanted, 1, unwanted)
    assert scan is not None
    told = ScanReport.__call__
    stages: list[str] = []

    def cancel_then_tell(report: ScanReport, progress: Progress) -> None:
        stages.append(progress.stage)
        if progress.stage == "indexing":
            with world.sessions() as session:
                queries.cancel(session, world.jobs, unwanted.split("-")[0])
        told(report, progress)

    with monkeypatch.context() as patch:
        patch.setattr(ScanReport, "__call__", cancel_then_tell)
        assert world.work.plan(scan) == 0
    assert stages[-1] == "indexing"
    with world.sessions() as session:
        assert list(session.scalars(select(StoredIndex))) == []
        assert session.get_one(Model, "tiny").preparer is None
    [wanted] = world.ask("closed", scope="indexed")
    world.answer(wanted)
    assert world.run(wanted).state == "done"


def test_an_index_that_is_gone_is_a_problem_with_a_remedy_that_works(world: World) -> None:
    import shutil

    [first] = world.ask(scope="indexed")
    world.answer(first)
    shutil.rmtree(world.home / "indexes")
    fresh = World(world.settings, world.sessions)
    [second] = fresh.ask("closed", scope="indexed")
    fresh.answer(second)
    assert fresh.run(second).state == "failed"
    assert "influence index tiny towns --again" in (fresh.run(second).remedy or "")
    assert _wish(fresh, again=True)
    fresh.work.index("tiny", "towns")
    with fresh.sessions() as session:
        queries.retry(session, fresh.jobs, second.split("-")[0], second)
    fresh.answer(second, attempt=2)
    assert fresh.run(second).state == "done"


def test_fitting_anew_forgets_the_index_that_stood_on_the_old_factors(world: World) -> None:
    from app.services import registry

    [first] = world.ask(scope="indexed")
    world.answer(first)
    with world.sessions() as session:
        registry.refit(session, world.jobs, "tiny")
        assert list(session.scalars(select(StoredIndex))) == []
    [second] = world.ask("closed", scope="indexed")
    world.answer(second)
    assert world.run(second).state == "done"


def test_runs_of_different_scopes_share_no_scan(world: World) -> None:
    [whole], [some] = world.ask(), world.ask(scope="lexical")
    world.work.prepare("tiny")
    assert world.work.claim(whole, 1, whole) == whole
    assert world.run(some).state == "queued"
