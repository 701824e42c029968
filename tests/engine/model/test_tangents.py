"""Gauss-Newton products against the dense matrix."""

import pytest
import torch

from engine import LanguageModel
from engine.corpus.batches import batches
from engine.model.tangents import tangents
from tests.engine.dense import flat, gauss_newton
from tests.engine.tiny import hf_model, sequences


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
# GPT-NeoX takes the softmax of its eager attention in float32, also in a float64 model.
@pytest.mark.parametrize(("family", "tolerance"), [("gpt_neox", 1e-6), ("gpt2", 1e-10)])
def test_a_product_is_the_dense_matrix_times_the_step(family: str, tolerance: float, attention: str) -> None:
    hf = hf_model(family, torch.float64, width=4)
    hf.set_attn_implementation("eager")
    model, corpus = LanguageModel(hf), sequences(10, seed=5, longest=6)
    dense = gauss_newton(model, corpus)
    hf.set_attn_implementation(attention)
    torch.manual_seed(0)
    step = {name: torch.randn(model.dimensions(name), dtype=torch.float64) for name in model.tracked}
    total = {name: torch.zeros_like(part) for name, part in step.items()}
    with tangents(model) as opened:
        for batch in batches(model, corpus, 20):
            weights = torch.full((len(batch.index),), 1 / len(corpus), dtype=torch.float64)
            for name, part in opened.product(batch.ids, batch.predicting, step, weights).items():
                total[name] += part
    exact = dense @ flat(model, step)
    assert float((flat(model, total) - exact).norm() / exact.norm()) < tolerance


def test_each_sequence_weighs_what_it_is_told_to() -> None:
    model, corpus = LanguageModel(hf_model("gpt_neox", torch.float64, width=4)), sequences(3, seed=5, longest=6)
    step = {name: torch.ones(model.dimensions(name), dtype=torch.float64) for name in model.tracked}
    with tangents(model) as opened:
        (batch,) = batches(model, corpus, 1000)
        place = batch.index.tolist().index(2)
        only = torch.zeros(3, dtype=torch.float64)
        only[place] = 2.0
        found = opened.product(batch.ids, batch.predicting, step, only)
        (alone,) = batches(model, corpus[2:], 1000)
        expected = opened.product(alone.ids, alone.predicting, step, torch.tensor([2.0], dtype=torch.float64))
    assert torch.allclose(flat(model, found), flat(model, expected), rtol=1e-9, atol=1e-12)


def test_the_model_is_left_as_it_was() -> None:
    model = LanguageModel(hf_model("gpt_neox", torch.float64, width=4))
    model.hf_model.train()
    wanted = {name: p.requires_grad for name, p in model.hf_model.named_parameters()}
    before = {name: value.clone() for name, value in model.hf_model.state_dict().items()}
    with pytest.raises(KeyError), tangents(model):
        raise KeyError
    assert model.hf_model.training
    assert {name: p.requires_grad for name, p in model.hf_model.named_parameters()} == wanted
    assert all(torch.equal(value, before[name]) for name, value in model.hf_model.state_dict().items())
