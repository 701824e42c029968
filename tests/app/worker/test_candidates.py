"""Candidates: texts that are scored in place of the corpus, against the engine itself."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

from app.database import writing
from app.models import CandidateList, Model, Query, ScanShard
from app.services import candidate_results, queries, results, versions
from app.services.errors import Conflict, InvalidInput
from app.services.run_settings import RunSettings
from app.services.shapes import QueryForm
from app.services.tokenizing import read
from app.worker import translate
from engine import Query as Asked
from engine import Sequence, prepare, rescore
from tests.app.tiny import tokenizer
from tests.app.worker.world import DOCUMENTS, World

TEXTS = ("The mill of town 8 opened in 1508.", "A mill stood in town 8.", "Nothing of the kind.\nAt all.")
QUESTION = ("The mill of town 8", "opened")


def _asked(world: World, texts: tuple[Any, ...] = TEXTS, **changed: Any) -> str:
    fields = {"prompt": QUESTION[0], "completion": QUESTION[1], "models": ["tiny"], "corpus": "towns"}
    form = QueryForm.model_validate({**fields, "candidates": list(texts), **changed})
    with world.sessions() as session:
        asked = queries.submit(session, world.jobs, form)
        return queries.get(session, asked.id).runs[0].id


def _answered(world: World, texts: tuple[Any, ...] = TEXTS, **changed: Any) -> str:
    run = _asked(world, texts, **changed)
    world.answer(run)
    assert world.run(run).problem is None
    return run


def _direct(world: World, texts: tuple[str, ...]) -> list[float]:
    """The influence of each text by the engine alone, with the factors of the corpus."""
    ready = world.work._preparation.ready("tiny", "towns", RunSettings(), lambda _: None)
    config = translate.score_config(RunSettings(), world.settings, 10)
    prepared = prepare(ready.model, ready.factors, [Asked(prompt=QUESTION[0], completion=QUESTION[1])], config)
    definition = tokenizer().backend_tokenizer.to_str()
    found = []
    for text in texts:
        # One at a time: what a text scores does not depend on the others.
        alone = rescore(ready.model, ready.factors, prepared, [Sequence(read(definition, text, 256).ids)], config)
        assert alone.sequence is not None
        found.append(float(alone.sequence[0, 0]))
    return found


def test_every_candidate_is_listed_in_order_with_the_engines_score(world: World) -> None:
    run = _answered(world)
    with world.sessions() as session:
        page = candidate_results.in_order(session, run)
    assert [row.text for row in page.rows] == list(TEXTS)
    assert [row.id for row in page.rows] == ["candidate 1", "candidate 2", "candidate 3"]
    expected = _direct(world, TEXTS)
    np.testing.assert_allclose([row.influence for row in page.rows], expected, rtol=1e-4)
    np.testing.assert_allclose([row.difference for row in page.rows], np.subtract(expected, expected[0]), rtol=1e-3)
    assert page.rows[0].ratio == 1.0
    assert page.rows[1].ratio == pytest.approx(expected[1] / expected[0], rel=1e-3)
    for row in page.rows:
        assert sum(row.token_influences) == pytest.approx(row.influence, rel=1e-3)
        assert "".join(row.tokens[1:]) == row.text


def test_another_reference_changes_what_scores_are_held_against(world: World) -> None:
    run = _answered(world)
    with world.sessions() as session:
        first = candidate_results.in_order(session, run)
        other = candidate_results.in_order(session, run, reference=3, offset=1, limit=2)
        with pytest.raises(InvalidInput, match="There is no candidate 4 of 3"):
            candidate_results.in_order(session, run, reference=4)
    assert [row.place for row in other.rows] == [2, 3]
    assert other.rows[1].ratio == 1.0
    assert other.rows[0].difference == first.rows[1].influence - first.rows[2].influence


def test_the_ranked_lists_hold_all_candidates_whole_and_name_where_they_come_from(world: World) -> None:
    run = _answered(world, ({"id": "draft", "text": TEXTS[0]}, *TEXTS[1:]))
    listed = [*world.rows(run), *world.rows(run, "negative")]
    assert sorted(row.sequence_id for row in listed) == [0, 1, 2]
    assert {row.document: row.text for row in listed} == dict(
        zip(("draft", "candidate 2", "candidate 3"), TEXTS, strict=True)
    )
    with world.sessions() as session:
        assert results.influence(session, run, 0).source == "candidates"
        detail = results.run(session, run)
    assert detail.distribution is None
    assert detail.coverage is None
    assert detail.provenance.sequences_scanned == 3
    assert f"--candidates {_list(world, run)}" in detail.provenance.command


def _list(world: World, run: str) -> str:
    with world.sessions() as session:
        return session.get_one(Query, world.run(run).query_id).candidates or ""


def test_n_is_that_of_the_training_data_whatever_the_number_of_candidates(world: World) -> None:
    run = _answered(world)
    assert world.run(run).training_sequences == DOCUMENTS
    with world.sessions() as session:
        rows = candidate_results.in_order(session, run).rows
    assert all(row.nats_per_copy == row.influence / DOCUMENTS for row in rows)


def test_all_of_many_candidates_are_kept_through_several_shards(world: World) -> None:
    texts = tuple(f"The mill of town {i} opened, or it did not." for i in range(120))
    run = _answered(world, texts, keep=1)
    with world.sessions() as session:
        shards = session.scalars(select(ScanShard).where(ScanShard.scan_id == run)).all()
        page = candidate_results.in_order(session, run)
    assert len(shards) == -(-120 // 16)
    assert len(page.rows) == 120
    assert all(row.rank is not None for row in page.rows)


def test_the_same_texts_are_the_same_list_and_the_same_query(world: World) -> None:
    first, again, other = _asked(world), _asked(world), _asked(world, TEXTS[:2])
    assert first == again
    assert first != other
    with world.sessions() as session:
        assert len(session.scalars(select(CandidateList)).all()) == 2


def test_runs_share_a_scan_only_with_runs_of_the_same_list(world: World) -> None:
    world.work.prepare("tiny")
    first, alike, other = _asked(world), _asked(world, completion="closed"), _asked(world, TEXTS[:2])
    [everything] = world.ask()
    world.answer(first)
    assert [world.run(run).state for run in (first, alike, other, everything)] == ["done", "done", "queued", "queued"]
    assert world.run(alike).scan_id == first


def test_no_lexical_index_is_made_for_candidates(new_world: Callable[..., World], tiny: Path) -> None:
    made = new_world()
    made.corpus()
    made.model("tiny", tiny)
    _answered(made)
    assert not (made.home / "lexical").exists()


@pytest.mark.parametrize(
    ("texts", "problem"),
    [
        ((), "There is no candidate"),
        (("one two", "  "), "Candidate 2 is blank"),
        (("one two", "a\0b"), r"Candidate 2 holds the character U\+0000"),
        (({"id": "a", "text": "one"}, {"id": "a", "text": "two"}), "The candidates 1 and 2 are both named 'a'"),
        (tuple("text" for _ in range(2001)), "2,001 candidates are given"),
        (tuple("x" * 500_001 for _ in range(4)), "have 2,000,004 bytes"),
    ],
)
def test_a_list_that_cannot_be_used_is_refused_with_the_candidate_at_fault(
    world: World, texts: tuple[Any, ...], problem: str
) -> None:
    with pytest.raises(InvalidInput, match=problem):
        _asked(world, texts)


def test_a_candidate_beyond_the_context_is_refused_by_name_before_and_after_the_model_is_read(world: World) -> None:
    long = ({"id": "saga", "text": "x" * 200}, "short one")
    with writing(world.sessions) as session:
        session.get_one(Model, "tiny").tokenizer_json = None
    waiting = _asked(world, long)
    world.answer(waiting)
    assert world.run(waiting).state == "failed"
    assert "Candidate 1 ('saga') has 201 tokens" in (world.run(waiting).problem or "")
    with pytest.raises(InvalidInput, match=r"Candidate 1 \('saga'\) has 201 tokens under 'tiny'"):
        _asked(world, (*long, "another"))


def test_candidates_with_another_scope_are_refused(world: World) -> None:
    with pytest.raises(InvalidInput, match="the scope is 'lexical'"):
        _asked(world, scope="lexical")


def test_an_edited_sequence_is_scored_beside_the_original_and_can_be_edited_again(world: World) -> None:
    [corpus_run] = world.ask(keep=5)
    world.answer(corpus_run)
    kept = world.rows(corpus_run)[0]
    query_id = world.run(corpus_run).query_id
    with world.sessions() as session:
        asked = versions.edit_sequence(
            session, world.jobs, query_id, corpus_run, kept.sequence_id, kept.text.replace("opened", "closed")
        )
        [run] = [run.id for run in queries.get(session, asked.id).runs]
    world.answer(run)
    with world.sessions() as session:
        page = candidate_results.in_order(session, run)
        assert [(row.id, row.text) for row in page.rows] == [
            ("original", kept.text),
            ("edit 1", kept.text.replace("opened", "closed")),
        ]
        # The document was scored whole in the corpus as well.
        assert page.rows[0].influence == pytest.approx(kept.influence, rel=1e-3)
        assert page.candidates.label == f"versions of {kept.document}"
        again = versions.add_version(session, world.jobs, asked.id, run, "Something else entirely.")
        view = queries.get(session, again.id)
        assert view.candidates is not None
        assert view.candidates.texts == 3
        with pytest.raises(InvalidInput, match="it is candidate 1"):
            versions.add_version(session, world.jobs, asked.id, run, kept.text)
        with pytest.raises(InvalidInput, match="blank"):
            versions.add_version(session, world.jobs, asked.id, run, " \n")


def test_a_sequence_of_a_run_that_is_not_done_cannot_be_edited(world: World) -> None:
    [run] = world.ask()
    with world.sessions() as session, pytest.raises(Conflict):
        versions.edit_sequence(session, world.jobs, world.run(run).query_id, run, 0, "text")
