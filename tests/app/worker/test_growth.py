"""A corpus that grows under its models: old answers stay, new ones know everything, running scans do not notice."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select

from app.models import FactorSet, StoredIndex, TokenizedCorpus
from app.services import indexes, queries, registry, results
from app.services.errors import Conflict
from app.services.shapes import Reading, RunDetail
from app.worker.documents import Document, add_corpus, append_corpus
from tests.app.tiny import lines
from tests.app.worker.world import DOCUMENTS, World

MORE = 12


def grow(world: World, count: int = MORE) -> None:
    """Put documents behind those of the corpus that are not there yet."""
    file = world.home / "more.jsonl"
    fresh = [vars(line) for line in lines(DOCUMENTS + count)[DOCUMENTS:]]
    file.write_text("".join(json.dumps(row) + "\n" for row in fresh), encoding="utf-8")
    assert append_corpus(world.sessions, world.home, "towns", str(file)) == count


def detail(world: World, run: str) -> RunDetail:
    with world.sessions() as session:
        return results.run(session, run)


def scores(world: World, run: str) -> dict[int, float]:
    return {row.sequence_id: row.influence for sign in ("positive", "negative") for row in world.rows(run, sign)}


def ask_all(world: World, completion: str = "opened", **changed: str) -> str:
    [run] = world.ask(completion, keep=DOCUMENTS + MORE, **changed)
    return run


def test_after_growing_a_query_knows_all_documents_and_uses_the_factors_that_are_there(both_worlds: World) -> None:
    world = both_worlds
    before = ask_all(world)
    world.answer(before)
    grow(world)
    assert detail(world, before).provenance.corpus_grown
    after = ask_all(world, "opened in")
    world.answer(after)
    found = detail(world, after)
    assert found.state == "done", found.error
    assert found.provenance.sequences_scanned == DOCUMENTS + MORE
    assert not found.provenance.corpus_grown
    assert found.provenance.factors_fingerprint == detail(world, before).provenance.factors_fingerprint
    assert found.provenance.corpus_fingerprint != detail(world, before).provenance.corpus_fingerprint
    assert set(scores(world, after)) == set(range(DOCUMENTS + MORE))
    assert {row.document for row in world.rows(after) if row.sequence_id >= DOCUMENTS} <= {
        f"d{i}" for i in range(DOCUMENTS, DOCUMENTS + MORE)
    }
    with world.sessions() as session:
        [fitted] = session.scalars(select(FactorSet)).all()
    assert fitted.sequences == DOCUMENTS


def test_a_run_that_is_done_is_asked_again_only_when_its_corpus_has_grown(world: World) -> None:
    run = ask_all(world)
    world.answer(run)
    old = scores(world, run)
    query = world.run(run).query_id
    with world.sessions() as session, pytest.raises(Conflict, match="is done"):
        queries.retry(session, world.jobs, query, run)
    grow(world)
    assert ask_all(world) == run
    assert world.run(run).state == "done"
    with world.sessions() as session:
        queries.retry(session, world.jobs, query, run)
    world.answer(run, attempt=2)
    new = scores(world, run)
    assert len(old) == DOCUMENTS
    assert len(new) == DOCUMENTS + MORE
    np.testing.assert_allclose([new[place] for place in old], list(old.values()), rtol=1e-4, atol=1e-9)
    assert not detail(world, run).provenance.corpus_grown


@pytest.mark.parametrize("scope", ["everything", "lexical", "indexed"])
def test_a_scan_that_is_running_does_not_notice_that_its_corpus_grows(
    new_world: Callable[..., World], tiny: Path, scope: str
) -> None:
    calm, moved = new_world(), new_world()
    for world in (calm, moved):
        world.corpus()
        world.model("tiny", tiny)
    alone = ask_all(calm, scope=scope)
    calm.answer(alone)
    disturbed = ask_all(moved, scope=scope)
    scan = moved.work.claim(disturbed, 1, disturbed)
    assert scan is not None
    shards = moved.work.plan(scan)
    moved.work.shard(scan, 0)
    grow(moved)
    # Another query is answered in between: it grows the sequences, the words and the index.
    other = ask_all(moved, "closed", scope=scope)
    moved.answer(other)
    assert moved.run(other).state == "done", moved.run(other).problem
    for number in range(shards):
        moved.work.shard(scan, number)
    moved.work.conclude(scan)
    expected, found = detail(calm, alone).provenance, detail(moved, disturbed).provenance
    assert moved.run(disturbed).state == "done", moved.run(disturbed).problem
    assert found.corpus_fingerprint == expected.corpus_fingerprint
    assert found.sequences_scanned == expected.sequences_scanned
    assert found.training_sequences == expected.training_sequences == DOCUMENTS
    assert found.corpus_grown
    assert scores(moved, disturbed).keys() == scores(calm, alone).keys()
    mine, theirs = scores(moved, disturbed), scores(calm, alone)
    np.testing.assert_allclose([mine[i] for i in theirs], list(theirs.values()), rtol=1e-4, atol=1e-9)


def test_an_index_grows_with_its_corpus_when_it_is_next_used(world: World) -> None:
    first = ask_all(world, scope="indexed")
    world.answer(first)
    with world.sessions() as session:
        before = session.scalars(select(StoredIndex)).one()
    shards = {file: file.stat().st_mtime_ns for file in (world.home / str(before.path) / "shards").iterdir()}
    grow(world)
    second = ask_all(world, "closed", scope="indexed")
    world.answer(second)
    with world.sessions() as session:
        after = session.scalars(select(StoredIndex)).one()
    assert (before.sequences, after.sequences) == (DOCUMENTS, DOCUMENTS + MORE)
    assert after.path == before.path
    assert {file: file.stat().st_mtime_ns for file in shards} == shards
    assert {place for place in scores(world, second) if place >= DOCUMENTS}


def test_an_index_whose_corpus_has_grown_can_be_wished_for_again(world: World) -> None:
    def wish() -> bool:
        with world.sessions() as session:
            return indexes.wish(session, world.jobs, "tiny", "towns")

    assert wish()
    world.work.index("tiny", "towns")
    assert not wish()
    grow(world)
    assert wish()
    assert world.jobs.asked[-1] == ("index", "tiny towns", 2)
    assert not wish()
    world.work.index("tiny", "towns")
    with world.sessions() as session:
        row = session.scalars(select(StoredIndex)).one()
    assert (row.state, row.sequences) == ("ready", DOCUMENTS + MORE)
    assert not wish()


def test_the_words_and_duplicates_of_a_grown_corpus_are_found_again(world: World) -> None:
    world.work.prepare("tiny")
    file = world.home / "copies.jsonl"
    file.write_text(json.dumps({"id": "copy", "text": lines(1)[0].text}) + "\n", encoding="utf-8")
    append_corpus(world.sessions, world.home, "towns", str(file))
    run = ask_all(world, scope="lexical")
    world.answer(run)
    assert world.run(run).state == "done", world.run(run).problem
    with world.sessions() as session:
        assert session.scalars(select(TokenizedCorpus.duplicates)).one() == 1
    assert DOCUMENTS in scores(world, run)
    assert any(row.duplicate_of for sign in ("positive", "negative") for row in world.rows(run, sign))


def test_fitting_again_fits_on_all_documents(world: World) -> None:
    world.work.prepare("tiny")
    grow(world)
    with world.sessions() as session:
        registry.refit(session, world.jobs, "tiny")
    world.work.prepare("tiny")
    with world.sessions() as session:
        assert session.scalars(select(FactorSet.sequences)).one() == DOCUMENTS + MORE


def test_a_packed_corpus_is_asked_like_any_other_and_names_all_documents(
    new_world: Callable[..., World], tiny: Path
) -> None:
    world = new_world()
    documents = [Document(**vars(line), metadata=json.dumps({"number": i})) for i, line in enumerate(lines(DOCUMENTS))]
    add_corpus(world.sessions, world.home, "towns", "made", documents, Reading(sequences="packed"))
    world.model("tiny", tiny)
    run = ask_all(world)
    world.answer(run)
    assert world.run(run).state == "done", world.run(run).problem
    rows = [*world.rows(run), *world.rows(run, "negative")]
    assert len(rows) < DOCUMENTS
    named: set[str] = set()
    for row in rows:
        with world.sessions() as session:
            whole = results.influence(session, run, row.sequence_id)
        assert row.others == len(whole.documents) - 1
        assert row.document in {one.document for one in whole.documents}
        assert "".join(whole.tokens[1:]) == row.text
        for one in whole.documents:
            number = int(one.document.removeprefix("d"))
            assert row.text[one.start : one.stop] == documents[number].text[one.begins :][: one.stop - one.start]
            assert one.metadata == {"number": number}
            named.add(one.document)
    assert named == {one.id for one in documents}
