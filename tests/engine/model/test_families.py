"""Every family the engine names by pattern, from a tiny random configuration, against autograd."""

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from engine import FactorConfig, LanguageModel, Query, fit_factors, prepare, score
from engine.model.families import FAMILIES
from engine.storage.prepared import Whole
from tests.engine.tiny import log_likelihood, sequences, weight_gradients

COMMON = {
    "vocab_size": 29, "hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 2, "num_attention_heads": 2,
    "num_key_value_heads": 1, "head_dim": 4, "max_position_embeddings": 32, "bos_token_id": 0, "eos_token_id": 1,
    "pad_token_id": 2,
}  # fmt: skip
OWN = {
    "gpt2": {"n_embd": 8, "n_layer": 2, "n_head": 2, "n_positions": 32, "vocab_size": 29, "bos_token_id": 0,
             "eos_token_id": 1},
    "gpt_neox": {k: v for k, v in COMMON.items() if k not in ("num_key_value_heads", "head_dim")},
    "gemma2": {**COMMON, "query_pre_attn_scalar": 4, "sliding_window": 16},
    "gemma3_text": {**COMMON, "query_pre_attn_scalar": 4, "sliding_window": 16},
    "olmo3": {**COMMON, "sliding_window": 16},
}  # fmt: skip


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_scores_of_a_family_equal_autograd(family: str) -> None:
    torch.manual_seed(0)
    hf = AutoModelForCausalLM.from_config(AutoConfig.for_model(family, **OWN.get(family, COMMON))).double().eval()
    model = LanguageModel(hf)
    assert len(model.layers) == 2
    assert len(model.tracked) in (4, 6)
    corpus = sequences(6)
    query = Query.from_ids([3, 5], [7, 9])
    factors = fit_factors(model, corpus, FactorConfig(labels="true"))
    prepared = prepare(model, factors, [query])
    found = score(model, factors, prepared, corpus).sequence
    assert found is not None
    for index, sequence in enumerate(corpus):
        gradients = weight_gradients(model, log_likelihood(model, sequence.ids))
        expected = 0.0
        for name, gradient in gradients.items():
            module = prepared.modules[name]
            assert isinstance(module, Whole)
            expected += (module.matrix[0] * gradient).sum().item()
        # These families normalise in float32 even in a float64 model.
        assert float(found[0, index]) == pytest.approx(expected, rel=2e-3, abs=1e-4 * float(found.abs().max()))
