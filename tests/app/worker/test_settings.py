"""Damping, rank and precision reach the engine, part the runs and their scans, and are told with the numbers."""

from pathlib import Path

import numpy as np
import pytest

from app.services import queries, results
from app.services.identity import index_digest, run_id
from app.services.run_settings import RunSettings
from app.services.shapes import RunChoices
from app.worker.tokens import TokenSequences
from engine import FactorConfig, LanguageModel, Query, RelativeDamping, ScoreConfig, fit_factors, prepare, rescore
from tests.app.worker.world import World

CHOSEN = [
    pytest.param(RunChoices(damping=0.01), ScoreConfig(damping=RelativeDamping(0.01)), id="damping"),
    pytest.param(RunChoices(rank=2), ScoreConfig(rank=2), id="rank"),
    pytest.param(RunChoices(precision="bfloat16"), ScoreConfig(precision="bfloat16"), id="precision"),
]


def _engines_scores(folder: Path, world: World, config: ScoreConfig) -> np.ndarray:
    """The score of every sequence by the engine, called directly."""
    model = LanguageModel.from_pretrained(str(folder), device="cpu")
    [cut] = list((world.home / "corpora" / "towns" / "tokens").iterdir())
    sequences = TokenSequences.read(cut)
    factors = fit_factors(model, sequences, FactorConfig())
    prepared = prepare(model, factors, [Query(prompt="The mill of town 8", completion="opened")], config)
    found = rescore(model, factors, prepared, list(sequences), config)
    assert found.sequence is not None
    return found.sequence[0].numpy()


@pytest.mark.parametrize(("choices", "config"), CHOSEN)
def test_a_runs_influences_are_the_engines_at_its_settings(
    world: World, tiny: Path, choices: RunChoices, config: ScoreConfig
) -> None:
    [run] = world.ask(settings=choices)
    world.answer(run)
    expected, usual = _engines_scores(tiny, world, config), _engines_scores(tiny, world, ScoreConfig())
    rows = world.rows(run)
    places = [row.sequence_id for row in rows]
    np.testing.assert_allclose([row.influence for row in rows], expected[places], rtol=3e-5)
    assert not np.allclose(expected[places], usual[places], rtol=1e-4), "the setting changes nothing here"


def test_runs_of_other_settings_stand_beside_each_other_and_share_no_scan(world: World) -> None:
    [usual] = world.ask()
    _, damped = world.ask(settings=RunChoices(damping=0.01))
    again = world.ask(settings=RunChoices(damping=0.01))
    assert again == [usual, damped]
    world.answer(usual)
    assert (world.run(usual).state, world.run(damped).state) == ("done", "queued")
    world.answer(damped)
    [one, other] = [world.run(run).scan_id for run in (usual, damped)]
    assert one != other


def test_the_settings_are_told_with_the_numbers_and_in_the_command(world: World) -> None:
    [run] = world.ask(settings=RunChoices(damping=0.01, rank=3))
    world.answer(run)
    with world.sessions() as session:
        found = results.run(session, run)
        [view] = queries.get(session, found.query).runs
    assert view.settings == RunChoices(damping=0.01, rank=3)
    assert found.provenance.damping.startswith("0.01 x")
    assert found.provenance.rank == "at most 3 in each module"
    assert found.provenance.command.endswith("--damping 0.01 --rank 3")


def test_usual_settings_keep_the_ids_of_runs_from_before_there_was_a_choice() -> None:
    # As version 0.1.0 made it.
    before = {"track": "mlp", "labels": "sampled", "seed": 0, "relative_damping": 0.1}
    assert RunSettings().stored == before
    assert RunSettings.of(RunChoices()) == RunSettings()
    ids = {run_id("q", "small", RunSettings.of(choices.values[0])) for choices in CHOSEN}
    assert len({*ids, run_id("q", "small", RunSettings())}) == 4


def test_an_index_depends_on_the_damping_only() -> None:
    usual, ranked = index_digest(RunSettings()), index_digest(RunSettings(query_rank=4, precision="bfloat16"))
    assert usual == ranked
    assert usual != index_digest(RunSettings(relative_damping=0.01))
