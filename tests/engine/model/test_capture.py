"""Capture leaves the model as it found it and forms no weight gradient."""

import pytest
import torch

from engine import LanguageModel, ModelError
from engine.model.capture import capture
from tests.engine.tiny import hf_model, tiny_model


def test_hooks_flags_and_gradients_are_as_before(model32: LanguageModel) -> None:
    model = model32.hf_model.train()
    frozen = next(model.parameters()).requires_grad_(False)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    with capture(model32) as opened:
        logits = opened.forward(torch.tensor([[1, 2, 3]]))
        opened.backward(torch.ones_like(logits))
    assert model.training
    assert all(module.training for module in model.modules())
    assert not frozen.requires_grad
    assert sum(not p.requires_grad for p in model.parameters()) == 1
    assert all(p.grad is None for p in model.parameters())
    assert all(not m._forward_hooks and not m._forward_pre_hooks for m in model.modules())
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


def test_an_exception_inside_takes_the_hooks_off(model32: LanguageModel) -> None:
    with pytest.raises(RuntimeError, match="stop"), capture(model32):
        raise RuntimeError("stop")
    assert all(not m._forward_hooks for m in model32.hf_model.modules())
    assert all(p.requires_grad for p in model32.hf_model.parameters())


def test_capture_works_on_a_model_whose_parameters_are_all_frozen() -> None:
    model = LanguageModel(hf_model("llama", torch.float32).requires_grad_(False))
    with torch.no_grad(), capture(model) as opened:
        logits = opened.forward(torch.tensor([[1, 2, 3]]))
        captured = opened.backward(torch.ones_like(logits))
    assert set(captured.output_gradients) == set(model.tracked)


def test_a_module_called_twice_is_refused() -> None:
    hf = hf_model("llama", torch.float32)
    hf.model.layers[1].mlp = hf.model.layers[0].mlp
    with pytest.raises(ModelError, match="called twice"), capture(LanguageModel(hf)) as opened:
        opened.forward(torch.tensor([[1, 2]]))


def test_gate_and_up_share_one_activation_tensor() -> None:
    model = tiny_model("llama", torch.float32)
    with capture(model) as opened:
        logits = opened.forward(torch.tensor([[1, 2, 3]]))
        activations = opened.backward(torch.ones_like(logits)).activations
    gate, up, down = (activations[f"model.layers.1.mlp.{n}_proj"] for n in ("gate", "up", "down"))
    assert gate is up
    assert gate is not down


def test_a_bias_adds_a_homogeneous_one() -> None:
    model = tiny_model("gpt_neox", torch.float32)
    with capture(model) as opened:
        logits = opened.forward(torch.tensor([[1, 2, 3]]))
        activations = opened.backward(torch.ones_like(logits)).activations
    for name in model.tracked:
        assert activations[name].shape[-1] == model.dimensions(name)[1]
        assert bool((activations[name][..., -1] == 1).all())
