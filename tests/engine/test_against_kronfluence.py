"""The same scores as kronfluence 1.0.1 on the same model, labels, positions and damping."""

from pathlib import Path

import pytest
import torch
from scipy.stats import spearmanr
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from engine import FactorConfig, LanguageModel, Query, Sequence, fit_factors, score
from tests.engine.tiny import hf_model, sequences
from tests.required import required

required("kronfluence")

QUERIES = [([3, 5, 7], [2, 9, 14]), ([11, 4, 8], [4, 1, 20]), ([9, 9, 1], [17, 3, 6])]


def kronfluence_scores(model: LanguageModel, corpus: list[Sequence], folder: Path) -> Tensor:
    """Pairwise scores [query, sequence] with the empirical Fisher and 0.1 x mean damping."""
    # Imported here, where kronfluence is known to be there.
    from kronfluence.arguments import FactorArguments, ScoreArguments

    from benchmarks.reference import Texts, analyzer

    analysis = analyzer(model, folder)
    train = Texts([(list(s.ids), 1) for s in corpus])
    queries = Texts([([*prompt, *completion], len(prompt)) for prompt, completion in QUERIES])
    arguments = FactorArguments(strategy="ekfac", use_empirical_fisher=True)
    analysis.fit_all_factors("f", train, per_device_batch_size=8, factor_args=arguments)
    analysis.compute_pairwise_scores(
        "s",
        "f",
        queries,
        train,
        per_device_query_batch_size=3,
        per_device_train_batch_size=8,
        score_args=ScoreArguments(damping_factor=None),
    )
    result: Tensor = analysis.load_pairwise_scores("s")["all_modules"]
    return result


def with_linear_maps(model: nn.Module) -> nn.Module:
    """The same function with every Conv1D written as a Linear, which is all that kronfluence tracks."""
    for name, module in list(model.named_modules()):
        if isinstance(module, Conv1D):
            linear = nn.Linear(*module.weight.shape)
            linear.weight.data.copy_(module.weight.T)
            linear.bias.data.copy_(module.bias)
            model.set_submodule(name, linear)
    return model


def test_a_model_with_linear_maps_is_the_same_function() -> None:
    ids = torch.tensor([QUERIES[0][0]])
    plain = hf_model("gpt2", torch.float32)
    rewritten = with_linear_maps(hf_model("gpt2", torch.float32))
    assert not any(isinstance(module, Conv1D) for module in rewritten.modules())
    torch.testing.assert_close(rewritten(input_ids=ids).logits, plain(input_ids=ids).logits)


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("family", ["llama", "gpt_neox", "gpt2"])
def test_scores_equal_kronfluence_with_the_same_labels_and_damping(family: str, tmp_path: Path) -> None:
    corpus = sequences(48, seed=17)
    ours = LanguageModel(hf_model(family, torch.float32))
    ours.hf_model.set_attn_implementation("eager")
    factors = fit_factors(ours, corpus, FactorConfig(labels="true"))
    scores = score(ours, factors, [Query.from_ids(*query) for query in QUERIES], corpus).sequence
    assert scores is not None
    theirs = LanguageModel(with_linear_maps(hf_model(family, torch.float32)))
    theirs.hf_model.set_attn_implementation("eager")
    expected = kronfluence_scores(theirs, corpus, tmp_path)
    for row, expected_row in zip(scores, expected, strict=True):
        assert spearmanr(row.numpy(), expected_row.numpy()).statistic >= 0.999
        scale = float(expected_row.abs().max())
        assert float((row - expected_row).abs().max()) <= 2e-3 * scale
