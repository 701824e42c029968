"""Answers against the engine itself; and what goes wrong ends as a problem and a remedy, with nothing half-written."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select, update

from app.database import writing
from app.models import Corpus, FactorSet, Model, Run, Scan, ScanShard
from app.services import queries, results
from app.services.tokenizing import read
from app.worker.tokens import TokenSequences
from engine import FactorConfig, LanguageModel, Query, ScoreConfig, fit_factors, score
from tests.app.tiny import lines
from tests.app.worker.world import DOCUMENTS, World


def _engines_scores(folder: Path, world: World, completion: str) -> tuple[float, np.ndarray]:
    """Log p and the score of every sequence, from the engine without shards, top-k or database."""
    from engine import prepare

    model = LanguageModel.from_pretrained(str(folder), device="cpu")
    [cut] = list((world.home / "corpora" / "towns" / "tokens").iterdir())
    sequences = TokenSequences.read(cut)
    factors = fit_factors(model, sequences, FactorConfig())
    asked = [Query(prompt="The mill of town 8", completion=completion)]
    prepared = prepare(model, factors, asked, ScoreConfig())
    influences = score(model, factors, prepared, sequences, ScoreConfig())
    assert influences.sequence is not None
    return prepared.log_p[0], influences.sequence[0].numpy()


def test_the_ranking_is_the_engines_over_the_whole_corpus(both_worlds: World, tiny: Path) -> None:
    [run] = both_worlds.ask(keep=7)
    both_worlds.answer(run)
    log_p, scores = _engines_scores(tiny, both_worlds, "opened")
    for sign, order in (("positive", np.argsort(-scores)), ("negative", np.argsort(scores))):
        expected = [int(i) for i in order if (scores[i] > 0) == (sign == "positive")][:7]
        found = both_worlds.rows(run, sign)
        assert [row.sequence_id for row in found] == expected
        np.testing.assert_allclose([row.influence for row in found], scores[expected], rtol=1e-4)
    assert both_worlds.run(run).log_p == pytest.approx(log_p, abs=1e-4)
    assert both_worlds.run(run).state == "done"


def test_the_terms_of_a_row_add_up_to_its_influence(world: World) -> None:
    [run] = world.ask()
    world.answer(run)
    for row in [*world.rows(run), *world.rows(run, "negative")]:
        with world.sessions() as session:
            detail = results.influence(session, run, row.sequence_id)
        scale = np.abs(detail.matrix).sum()
        assert abs(np.sum(detail.matrix) - row.influence) <= 1e-5 * scale
        assert abs(sum(row.token_influences) - row.influence) <= 1e-5 * scale
        assert abs(sum(row.layer_influences) - row.influence) <= 1e-5 * scale
        assert len(row.tokens) == len(row.token_influences) == len(detail.token_ids)


def test_a_row_shows_the_text_it_was_computed_from(world: World) -> None:
    [run] = world.ask()
    world.answer(run)
    texts = {line.id: line for line in lines(DOCUMENTS)}
    with world.sessions() as session:
        definition = session.get_one(Model, "tiny").tokenizer_json or ""
    for row in world.rows(run):
        assert row.text == texts[row.document].text
        assert row.kind == texts[row.document].kind
        assert row.tokens[0] == "<s>"
        assert "".join(row.tokens[1:]) == row.text
        with world.sessions() as session:
            ids = results.influence(session, run, row.sequence_id).token_ids
        assert ids == read(definition, row.text, 256).ids


def test_sharing_a_scan_changes_no_answer(world: World, new_world: Callable[..., World], tiny: Path) -> None:
    together = [world.ask(word)[0] for word in ("opened", "closed", "burned")]
    assert world.answer(together[0]) is not None
    assert [world.run(run).state for run in together] == ["done"] * 3
    alone = new_world()
    alone.corpus()
    alone.model("tiny", tiny)
    [run] = alone.ask("closed")
    alone.answer(run)
    shared, single = world.rows(together[1]), alone.rows(run)
    assert [row.sequence_id for row in shared] == [row.sequence_id for row in single]
    np.testing.assert_allclose([r.influence for r in shared], [r.influence for r in single], rtol=1e-4)


def test_each_run_of_a_shared_scan_keeps_as_many_as_it_asked_for(world: World) -> None:
    [few], [many] = world.ask(keep=2), world.ask("closed", keep=9)
    world.answer(few)
    assert (len(world.rows(few)), len(world.rows(many))) == (2, 9)


def test_shards_of_any_size_give_the_same_answer(new_world: Callable[..., World], tiny: Path) -> None:
    found = []
    for size in (None, 1, 7, 1000):
        made = new_world(shard_sequences=size)
        made.corpus(count=20)
        made.model("tiny", tiny)
        [run] = made.ask()
        made.answer(run)
        found.append([row.sequence_id for row in made.rows(run)])
    assert found[1:] == found[:1] * 3


def test_a_document_longer_than_the_context_becomes_several_sequences(
    new_world: Callable[..., World], tiny: Path
) -> None:
    made = new_world(sequence_tokens=16)
    made.corpus(count=12)
    made.model("tiny", tiny)
    [run] = made.ask(keep=60)
    made.answer(run)
    rows = [*made.rows(run), *made.rows(run, "negative")]
    texts = {line.id: line.text for line in lines(12)}
    assert all(row.text in texts[row.document] and len(row.tokens) <= 16 for row in rows)
    pieces: dict[str, list[tuple[int, str]]] = {}
    for row in rows:
        pieces.setdefault(row.document, []).append((row.sequence_id, row.text))
    joined = {document: "".join(text for _, text in sorted(found)) for document, found in pieces.items()}
    assert joined == texts


def test_the_summary_counts_every_sequence(world: World) -> None:
    [run] = world.ask()
    world.answer(run)
    with world.sessions() as session:
        detail = results.run(session, run)
    assert detail.distribution is not None
    assert detail.distribution.sequences == DOCUMENTS
    assert sum(detail.distribution.histogram.counts) == DOCUMENTS
    assert len(detail.distribution.histogram.edges) == len(detail.distribution.histogram.counts) + 1
    assert detail.provenance.training_sequences == DOCUMENTS
    assert detail.provenance.factors_fingerprint


def test_a_second_query_uses_the_factors_of_the_first(world: World) -> None:
    [first] = world.ask()
    world.answer(first)
    [second] = world.ask("closed")
    world.answer(second)
    with world.sessions() as session:
        assert len(list(session.scalars(select(FactorSet)))) == 1
    assert world.run(first).factors_fingerprint == world.run(second).factors_fingerprint


def test_preparing_a_model_first_gives_the_same_answer(
    world: World, new_world: Callable[..., World], tiny: Path
) -> None:
    world.work.prepare("tiny")
    with world.sessions() as session:
        row = session.get_one(Model, "tiny")
        assert (row.state, row.stage, row.preparer) == ("ready", "finished", None)
        assert row.layers == ["model.layers.0", "model.layers.1"]
    [run] = world.ask()
    world.answer(run)
    other = new_world()
    other.corpus()
    other.model("tiny", tiny)
    [asked] = other.ask()
    other.answer(asked)
    assert [row.sequence_id for row in world.rows(run)] == [row.sequence_id for row in other.rows(asked)]
    with other.sessions() as session:
        assert session.get_one(Model, "tiny").state == "ready"


def test_a_finished_shard_is_never_scanned_again(world: World) -> None:
    [run] = world.ask()
    scan = world.work.claim(run, 1, run)
    assert scan is not None
    shards = world.work.plan(scan)
    world.work.shard(scan, 0)
    with world.sessions() as session:
        before = session.get_one(ScanShard, (scan, 0)).finished_at
    assert world.work.plan(scan) == shards
    world.work.shard(scan, 0)
    with world.sessions() as session:
        assert session.get_one(ScanShard, (scan, 0)).finished_at == before


def test_a_running_scan_shows_its_progress_and_a_provisional_ranking(world: World) -> None:
    [run] = world.ask()
    scan = world.work.claim(run, 1, run)
    assert scan is not None
    shards = world.work.plan(scan)
    world.work.shard(scan, 0)
    with world.sessions() as session:
        half = queries.get(session, run.split("-")[0]).runs[0]
    assert (half.state, half.stage, half.done, half.total) == ("running", "scanning", 16, DOCUMENTS)
    assert 0 < len(half.partial) <= 10
    for number in range(1, shards):
        world.work.shard(scan, number)
    with world.sessions() as session:
        partial = queries.get(session, run.split("-")[0]).runs[0].partial
    world.work.conclude(scan)
    assert [row.sequence_id for row in partial[:5]] == [row.sequence_id for row in world.rows(run)]


def test_nothing_of_a_finished_scan_is_left_but_the_record_of_its_shards(world: World) -> None:
    [run] = world.ask()
    world.answer(run)
    assert list((world.home / "scans").iterdir()) == []
    with world.sessions() as session:
        shards = list(session.scalars(select(ScanShard)))
        assert all(shard.finished_at and shard.payload is None for shard in shards)
        assert session.get_one(Scan, run).finished_at is not None


def _cancel(world: World, run: str) -> None:
    with world.sessions() as session:
        queries.cancel(session, world.jobs, run.split("-")[0])


def test_a_cancelled_run_is_dropped_and_the_others_are_answered(world: World) -> None:
    [first], [second] = world.ask(), world.ask("closed")
    scan = world.work.claim(first, 1, first)
    assert scan is not None
    shards = world.work.plan(scan)
    _cancel(world, first)
    for number in range(shards):
        world.work.shard(scan, number)
    world.work.conclude(scan)
    assert (world.run(first).state, world.run(second).state) == ("cancelled", "done")
    assert world.rows(second)


@pytest.mark.parametrize("when", ["before the plan", "before the shards", "before the end"])
def test_a_scan_that_nobody_wants_any_more_stops(world: World, when: str) -> None:
    [run] = world.ask()
    scan = world.work.claim(run, 1, run)
    assert scan is not None
    if when == "before the plan":
        _cancel(world, run)
    shards = world.work.plan(scan)
    if when == "before the shards":
        _cancel(world, run)
    for number in range(shards):
        world.work.shard(scan, number)
    if when == "before the end":
        _cancel(world, run)
    else:
        with world.sessions() as session:
            assert not any(shard.finished_at for shard in session.scalars(select(ScanShard)))
    world.work.conclude(scan)
    assert world.run(run).state == "cancelled"
    assert world.stored() == 0


def test_a_cancelled_run_that_is_tried_again_is_answered(world: World) -> None:
    [run] = world.ask()
    _cancel(world, run)
    assert world.answer(run) is None
    with world.sessions() as session:
        queries.retry(session, world.jobs, run.split("-")[0], run)
    assert world.answer(run, attempt=2) == f"{run}.2"
    assert world.run(run).state == "done"


def _assert_failed(world: World, run: str, problem: str, remedy: str) -> None:
    found = world.run(run)
    assert found.state == "failed"
    assert problem in (found.problem or "")
    assert remedy in (found.remedy or "")
    assert found.partial == []
    assert world.stored() == 0
    assert not list(world.home.rglob("*.part"))


def test_a_factor_file_cut_short_is_a_problem_with_a_remedy_that_works(world: World) -> None:
    world.work.prepare("tiny")
    [file] = list((world.home / "factors").rglob("*.safetensors"))
    file.write_bytes(file.read_bytes()[:-100])
    restarted = World(world.settings, world.sessions)
    [run] = restarted.ask()
    restarted.answer(run)
    _assert_failed(restarted, run, "it is cut short", "influence model refit tiny")
    from app.services import registry

    with restarted.sessions() as session:
        registry.refit(session, restarted.jobs, "tiny")
    restarted.work.prepare("tiny")
    with restarted.sessions() as session:
        queries.retry(session, restarted.jobs, run.split("-")[0], run)
    restarted.answer(run, attempt=2)
    assert restarted.run(run).state == "done"


def test_a_model_without_a_module_to_track_is_a_problem(new_world: Callable[..., World], untracked: Path) -> None:
    made = new_world()
    made.corpus()
    made.model("bloom", untracked)
    [run] = made.ask(models=["bloom"])
    made.answer(run)
    _assert_failed(made, run, "not known", "track=")
    with made.sessions() as session:
        row = session.get_one(Model, "bloom")
    assert (row.state, row.problem) == ("failed", made.run(run).problem)


def test_a_model_folder_that_is_gone_is_a_problem(world: World) -> None:
    with writing(world.sessions) as session:
        session.execute(update(Model).values(source="/no/such/model"))
    world.work.prepare("tiny")
    with world.sessions() as session:
        row = session.get_one(Model, "tiny")
    assert row.state == "failed"
    assert "/no/such/model" in (row.problem or "")


def test_a_corpus_in_which_no_sequence_predicts_anything_is_a_problem(
    new_world: Callable[..., World], tiny: Path
) -> None:
    made = new_world()
    with writing(made.sessions) as session:
        session.add(Corpus(name="towns", source=str(made.home / "gone.jsonl")))
    made.model("tiny", tiny)
    [run] = made.ask()
    made.answer(run)
    _assert_failed(made, run, "There is no file", "Give a file, a folder, or `hub:NAME`")


def test_a_query_too_long_for_a_model_that_was_not_read_yet_fails_alone(world: World) -> None:
    with writing(world.sessions) as session:
        session.execute(update(Model).values(tokenizer_json=None))
    [long], [fine] = world.ask(prompt="x" * 200), world.ask("closed")
    world.answer(long)
    assert world.run(long).state == "failed"
    assert "its context holds 96" in (world.run(long).problem or "")
    assert world.run(fine).state == "done"


def test_damaged_prepared_queries_are_a_problem(world: World) -> None:
    [run] = world.ask()
    scan = world.work.claim(run, 1, run)
    assert scan is not None
    world.work.plan(scan)
    [file] = list((world.home / "scans").rglob("*.safetensors"))
    file.write_bytes(b"")
    World(world.settings, world.sessions).work.shard(scan, 0)
    _assert_failed(world, run, "cut short", "Delete the folder")


def test_an_error_nobody_foresaw_is_told_and_the_worker_lives_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a bug")

    with monkeypatch.context() as patch:
        patch.setattr("app.worker.reach.score", break_down)
        [run] = world.ask()
        world.answer(run)
    _assert_failed(world, run, "ZeroDivisionError: a bug", "Try again")
    [other] = world.ask("closed")
    world.answer(other)
    assert world.run(other).state == "done"


def test_running_out_of_memory_says_what_to_lower(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhaust(*_: object, **__: object) -> None:
        raise MemoryError("300 GB")

    monkeypatch.setattr("app.worker.reach.score", exhaust)
    [run] = world.ask()
    world.answer(run)
    _assert_failed(world, run, "ran out of memory", "INFLUENCE_BATCH_TOKENS")


def test_two_models_of_one_tokenizer_rank_the_same_sequences(world: World, tiny_deep: Path) -> None:
    world.model("deep", tiny_deep)
    runs = world.ask(models=["tiny", "deep"])
    for run in runs:
        world.answer(run)
    from app.services.comparison import compare

    with world.sessions() as session:
        found = compare(session, runs)
    assert [len(run.layers) for run in found.runs] == [2, 3]
    texts = {line.id: line.text for line in lines(DOCUMENTS)}
    assert all(one.text == texts[one.document] for one in found.sequences)


def test_documents_can_be_ranked_for_many_queries_without_storing_anything(world: World, tiny: Path) -> None:
    [first, second] = world.work.rank("tiny", "towns", [("The mill of town 8", w) for w in ("opened", "closed")], 5)
    _, scores = _engines_scores(tiny, world, "opened")
    assert first == [f"d{i}" for i in np.argsort(-scores)[:5]]
    assert len(second) == 5
    with world.sessions() as session:
        assert list(session.scalars(select(Run))) == []


@pytest.mark.parametrize("damaged", [False, True])
def test_a_fit_that_was_cut_off_is_gone_on_with_or_begun_anew_where_what_is_left_of_it_is_damaged(
    new_world: Callable[..., World], tiny: Path, monkeypatch: pytest.MonkeyPatch, damaged: bool
) -> None:
    from app.worker.progress import ModelReport
    from engine import Progress

    monkeypatch.setattr("engine.storage.checkpoint.LEAST_SECONDS", 0.0)
    monkeypatch.setattr("engine.storage.checkpoint.WRITING_SHARE", 1e9)
    made = new_world(batch_tokens=200)
    made.corpus()
    made.model("tiny", tiny)
    told = ModelReport.__call__

    def cut_off(report: ModelReport, progress: Progress) -> None:
        told(report, progress)
        if progress.stage == "eigenvalues" and progress.done > 20:
            raise MemoryError("cut off")

    with monkeypatch.context() as patch:
        patch.setattr(ModelReport, "__call__", cut_off)
        made.work.prepare("tiny")
    left = [file for file in (made.home / "factors").rglob("*.safetensors") if ".checkpoint" in str(file)]
    assert left
    if damaged:
        for file in left:
            file.write_bytes(file.read_bytes()[:-9])
    passed: list[tuple[str, int]] = []
    with monkeypatch.context() as patch:
        patch.setattr(ModelReport, "__call__", lambda _, progress: passed.append((progress.stage, progress.done)))
        made.work.prepare("tiny")
    assert (("covariances", 0) in passed) == damaged
    assert not list((made.home / "factors").rglob("*.checkpoint"))
    with made.sessions() as session:
        assert session.get_one(Model, "tiny").state == "ready"
        assert len(list(session.scalars(select(FactorSet)))) == 1
