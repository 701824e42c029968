"""On an accelerator the scores are the CPU's. Run on request: pytest -m gpu."""

import pytest
import torch

from engine import FactorConfig, LanguageModel, Query, ScoreConfig, Sequence, fit_factors, score
from tests.engine.tiny import hf_model, sequences

pytestmark = pytest.mark.gpu


def test_scores_on_a_gpu_equal_those_on_the_cpu() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    corpus = sequences(40)
    queries = [Query.from_ids([3, 5, 7], [2, 9])]
    scores = [scores_on(device, corpus, queries) for device in ("cpu", "cuda")]
    torch.testing.assert_close(scores[0], scores[1], rtol=1e-3, atol=1e-3 * float(scores[0].abs().max()))


def scores_on(device: str, corpus: list[Sequence], queries: list[Query]) -> torch.Tensor:
    model = LanguageModel(hf_model("gpt_neox", torch.float32).to(device))
    found = score(model, fit_factors(model, corpus, FactorConfig(labels="true")), queries, corpus).sequence
    assert found is not None
    return found


def test_bfloat16_on_a_gpu_ranks_as_float32_on_the_cpu() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    many = sequences(60)
    queries = [Query.from_ids([3, 5, 7], [2, 9])]
    factors = {}
    scores = {}
    for device, precision in (("cpu", "float32"), ("cuda", "bfloat16")):
        model = LanguageModel(hf_model("llama", torch.float32).to(device))
        factors[device] = fit_factors(model, many, FactorConfig(labels="true"))
        found = score(model, factors[device], queries, many, ScoreConfig(precision=precision)).sequence
        assert found is not None
        scores[device] = found[0]
    assert float(torch.corrcoef(torch.stack([scores["cpu"], scores["cuda"]]))[0, 1]) > 0.999
