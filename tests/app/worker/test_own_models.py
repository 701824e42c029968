"""Models of one's own through the worker: GGUF files, adapters, chat templates, and N where nobody knows it."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from sqlalchemy import select
from sqlalchemy.orm import undefer

from app.models import FactorSet, Model
from app.services import catalog, registry, results, units
from app.services.preview import preview
from tests.app.rows import form
from tests.app.tiny import save_llama
from tests.app.worker.world import DOCUMENTS, World
from tests.engine.ggufs import TEMPLATE, save_pair


def add(world: World, name: str, source: Path | str, **chosen: object) -> None:
    with world.sessions() as session:
        registry.add_model(session, world.jobs, name, str(source), **chosen)  # type: ignore[arg-type]


def answered(world: World, model: str, **changed: str) -> str:
    [run] = world.ask(models=(model,), **changed)
    world.answer(run)
    assert world.run(run).state == "done", world.run(run).problem
    return run


def lora(folder: Path, base: Path) -> Path:
    """A random adapter of the MLP's projections."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    config = LoraConfig(r=2, lora_alpha=4, target_modules=["up_proj", "down_proj"], task_type="CAUSAL_LM")
    adapted = get_peft_model(AutoModelForCausalLM.from_pretrained(base), config)
    torch.manual_seed(3)
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if "lora_" in name:
                parameter.copy_(0.3 * torch.randn_like(parameter))
    adapted.save_pretrained(folder)
    return folder


@pytest.fixture
def bare(new_world: Callable[..., World]) -> World:
    """A world with a corpus and no model."""
    made = new_world()
    made.corpus()
    return made


def test_a_gguf_file_answers_as_the_folder_with_the_same_weights_does(bare: World, tmp_path: Path) -> None:
    save_pair(tmp_path)
    add(bare, "plain", tmp_path / "plain", corpus="towns")
    add(bare, "packed", tmp_path / "packed" / "tiny.gguf", corpus="towns")
    first, second = answered(bare, "plain"), answered(bare, "packed")
    assert bare.run(second).log_p == pytest.approx(bare.run(first).log_p, abs=1e-4)
    plain, packed = bare.rows(first), bare.rows(second)
    assert [row.sequence_id for row in packed] == [row.sequence_id for row in plain]
    assert [row.influence for row in packed] == pytest.approx([row.influence for row in plain], rel=1e-3)


def test_what_a_gguf_file_tells_stands_on_its_row_once_it_was_read(bare: World, tmp_path: Path) -> None:
    save_pair(tmp_path)
    add(bare, "packed", tmp_path / "packed", gguf_file="tiny.gguf")
    bare.work.prepare("packed")
    with bare.sessions() as session:
        read = [undefer(Model.chat_template), undefer(Model.tokenizer_json)]
        row = session.get_one(Model, "packed", options=read)
        assert (row.state, row.problem) == ("ready", None)
        assert row.chat_template == TEMPLATE
        assert (row.context_length, row.begins_with_text) == (64, "<s>")
        view = catalog.model(session, "packed")
        [tokens] = preview(session, form("The", "mill", models=["packed"]))
    assert view.chat_template
    assert view.tokenizer_fingerprint
    assert "".join(tokens.prompt_tokens) == "<s>The"


def test_a_template_that_came_later_is_taken_up(bare: World, tmp_path: Path) -> None:
    folder = save_llama(tmp_path / "model")
    add(bare, "late", folder, corpus="towns")
    answered(bare, "late")
    with bare.sessions() as session:
        assert not catalog.model(session, "late").chat_template
        session.get_one(Model, "late").chat_template = "of old"
        session.commit()
    answered(bare, "late", completion="closed")
    with bare.sessions() as session:
        assert not catalog.model(session, "late").chat_template


@pytest.mark.parametrize(("weights", "tracked"), [("merged", 6), ("adapter", 8)])
def test_an_adapter_is_fitted_scanned_and_named_with_the_weights_it_is_about(
    bare: World, tmp_path: Path, tiny: Path, weights: str, tracked: int
) -> None:
    place = lora(tmp_path / "lora", tiny)
    add(bare, "base", tiny, corpus="towns")
    add(bare, "tuned", tiny, corpus="towns", adapter=str(place), adapter_weights=weights)
    base, tuned = answered(bare, "base"), answered(bare, "tuned")
    with bare.sessions() as session:
        view = catalog.model(session, "tuned")
        provenance = results.run(session, tuned).provenance
        assert len(set(session.scalars(select(FactorSet.model_fingerprint)))) == 2
    assert len(view.tracked) == tracked
    assert all("lora_" in name for name in view.tracked) == (weights == "adapter")
    assert (provenance.adapter, provenance.adapter_weights) == (str(place), weights)
    assert provenance.weights == view.weights
    assert ("the adapter's own matrices" in view.weights) == (weights == "adapter")
    assert bare.run(base).log_p != pytest.approx(bare.run(tuned).log_p, abs=1e-3)
    assert bare.rows(tuned)


def test_an_adapters_matrices_can_be_asked_through_a_gradient_index(bare: World, tmp_path: Path, tiny: Path) -> None:
    place = lora(tmp_path / "lora", tiny)
    add(bare, "tuned", tiny, corpus="towns", adapter=str(place), adapter_weights="adapter")
    everything = {row.sequence_id: row.influence for row in bare.rows(answered(bare, "tuned"))}
    found = {row.sequence_id: row.influence for row in bare.rows(answered(bare, "tuned", scope="indexed"))}
    shared = sorted(everything.keys() & found.keys())
    assert len(shared) >= 3
    assert [found[one] for one in shared] == pytest.approx([everything[one] for one in shared], rel=1e-4)


def test_an_adapter_of_another_model_fails_with_what_to_do(bare: World, tmp_path: Path, tiny: Path) -> None:
    place = lora(tmp_path / "lora", save_llama(tmp_path / "deep", layers=3))
    add(bare, "tuned", tiny, corpus="towns", adapter=str(place))
    bare.work.prepare("tuned")
    with bare.sessions() as session:
        error = catalog.model(session, "tuned").error
    assert error is not None
    assert "does not fit" in error.problem
    assert "base_model_name_or_path" in error.remedy


def test_without_training_data_a_model_answers_in_raw_values(bare: World, tiny: Path) -> None:
    add(bare, "strange", tiny)
    run = answered(bare, "strange")
    assert bare.run(run).training_sequences is None
    rows = bare.rows(run)
    assert all(row.nats_per_copy is None for row in rows)
    assert [row.relative for row in rows] == [row.influence / rows[0].influence for row in rows]
    with bare.sessions() as session:
        found = results.run(session, run)
    assert found.unit == "raw"
    assert found.provenance.factors_sequences == found.provenance.corpus_sequences == DOCUMENTS


def test_training_tokens_count_in_sequences_of_the_mean_length(bare: World, tiny: Path) -> None:
    add(bare, "counted", tiny, training_tokens=10_000)
    run = answered(bare, "counted")
    with bare.sessions() as session:
        [corpus] = catalog.corpora(session)
    expected = round(10_000 / (corpus.tokens / corpus.sequences))
    assert bare.run(run).training_sequences == expected
    assert all(row.nats_per_copy == row.influence / expected for row in bare.rows(run))


def test_the_provisional_ten_of_a_run_without_n_are_raw(bare: World, tiny: Path) -> None:
    add(bare, "strange", tiny)
    [run] = bare.ask(models=("strange",))
    scan = bare.work.claim(run, 1, run)
    assert scan is not None
    bare.work.plan(scan)
    bare.work.shard(scan, 0)
    partial = bare.run(run).partial
    assert partial
    assert all(row["nats_per_copy"] is None for row in partial)
    assert [row["influence"] for row in partial] == sorted((row["influence"] for row in partial), reverse=True)


def test_the_reason_for_raw_values_names_the_command_that_ends_them() -> None:
    assert "influence model set strange --training-tokens" in units.why_raw("strange")
