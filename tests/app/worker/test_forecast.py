"""What a plan says before anything is run is what the run then uses."""

import json

import pytest
from structlog.testing import capture_logs

from app.cli.plan import told
from app.models import FactorSet, Model
from app.services import registry
from app.services.errors import InvalidInput, NotFound
from app.worker.forecast import forecast
from tests.app.worker.world import DOCUMENTS, World


def test_a_plan_speaks_of_the_model_the_corpus_and_every_stage(world: World) -> None:
    found = forecast(world.settings, world.sessions, "tiny", "towns", 8)
    assert found["sequences"] == DOCUMENTS
    assert found["tokens"] > DOCUMENTS
    assert len(found["tracked"]) == 3 * len(found["layers"])
    assert "model.embed_tokens" in found["untracked"]
    assert [stage["name"] for stage in found["fit"]["stages"]] == ["covariances", "eigenvectors", "eigenvalues"]
    assert [stage["name"] for stage in found["scan"]["stages"]] == ["gradients", "scanning"]
    for work in (found["fit"], found["scan"]):
        assert work["peak_bytes"] == max(stage["peak_bytes"] for stage in work["stages"])
        assert work["seconds"] > 0
        assert work["fits"]
    json.dumps(found)


def test_a_plan_fits_nothing(world: World) -> None:
    forecast(world.settings, world.sessions, "tiny", None, 1)
    with world.sessions() as session:
        assert session.query(FactorSet).count() == 0


def test_more_queries_take_more_memory(world: World) -> None:
    one, many = (forecast(world.settings, world.sessions, "tiny", "towns", count)["scan"] for count in (1, 8))
    held = [work["stages"][1]["held_bytes"]["queries"] for work in (one, many)]
    assert held[1] == 8 * held[0]


def test_a_plan_needs_a_model_and_a_corpus_that_are_there(world: World) -> None:
    with pytest.raises(NotFound, match="no model named 'nobody'"):
        forecast(world.settings, world.sessions, "nobody", None, 1)
    with pytest.raises(NotFound, match="no corpus named 'elsewhere'"):
        forecast(world.settings, world.sessions, "tiny", "elsewhere", 1)


def test_a_model_of_unknown_training_needs_a_corpus(world: World) -> None:
    with world.sessions() as session:
        session.get_one(Model, "tiny").corpus = None
        session.commit()
    with pytest.raises(InvalidInput, match="names no corpus") as caught:
        forecast(world.settings, world.sessions, "tiny", None, 1)
    assert "give a corpus's name after the model's" in caught.value.remedy


def test_what_does_not_fit_is_said_with_a_remedy(world: World) -> None:
    found = forecast(world.settings, world.sessions, "tiny", None, 1)
    assert "more than is free" not in told(found)
    found["scan"]["fits"] = False
    assert "This is more than is free. Lower INFLUENCE_BATCH_TOKENS" in told(found)


def test_a_fit_says_beforehand_what_it_will_take(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with capture_logs() as logs:
        world.work.prepare("tiny")
    [told] = [line for line in logs if line["event"] == "memory plan of the fit"]
    assert (told["model"], told["sequences"], told["log_level"]) == ("tiny", DOCUMENTS, "info")
    assert told["gigabytes"] > 0
    refit(world)
    monkeypatch.setattr("engine.pipeline.plan.free_memory", lambda _: 1000)
    with capture_logs() as logs:
        world.work.prepare("tiny")
    assert [line["log_level"] for line in logs if "may not fit in memory" in line["event"]] == ["warning"]


def refit(world: World) -> None:
    with world.sessions() as session:
        registry.refit(session, world.jobs, "tiny")
