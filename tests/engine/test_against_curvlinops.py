"""EK-FAC against curvlinops 3.0.1, where the conventions agree: one predicting position a sequence."""

import pytest
import torch
from torch import Tensor, nn

from engine import FactorConfig, Sequence, fit_factors
from tests.engine.tiny import tiny_model
from tests.required import required

curvlinops = required("curvlinops")


class FirstPosition(nn.Module):
    """Logits of the only position that predicts, as the two-dimensional output curvlinops asks for."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, ids: Tensor) -> Tensor:
        logits: Tensor = self.inner(input_ids=ids, use_cache=False).logits
        return logits[:, 0]


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("family", ["llama", "gpt_neox"])
def test_the_fitted_curvature_equals_curvlinops_ekfac(family: str) -> None:
    model = tiny_model(family, torch.float64)
    pairs = torch.randint(0, 29, (40, 2), generator=torch.Generator().manual_seed(1))
    corpus = [Sequence(pair.tolist()) for pair in pairs]
    factors = fit_factors(model, corpus, FactorConfig(labels="true"))
    for name in (model.tracked[0], model.tracked[-1]):
        module = model.modules[name]
        # curvlinops differentiates the loss's mean over sequences; sums of gradients divided by N agree.
        operator = curvlinops.EKFACLinearOperator(
            FirstPosition(model.hf_model),
            nn.CrossEntropyLoss(reduction="mean"),
            [p for p in (module.weight, module.bias) if p is not None],
            [(pairs[:, :1], pairs[:, 1])],
            fisher_type="empirical",
            separate_weight_and_bias=False,
            check_deterministic=False,
        )
        fitted = factors.modules[name]
        basis = torch.kron(fitted.gradient_eigenvectors, fitted.activation_eigenvectors)
        ours = basis @ torch.diag(fitted.corrected_eigenvalues.flatten()) @ basis.T
        dense = operator @ torch.eye(operator.shape[1], dtype=torch.float64)
        torch.testing.assert_close(dense, _weight_then_bias(ours, module), rtol=1e-5, atol=1e-7)


def _weight_then_bias(matrix: Tensor, module: nn.Module) -> Tensor:
    """Reorder rows and columns from [out, in + 1] to the weight's entries, then the bias's."""
    if module.bias is None:
        return matrix
    d_out, d_in = module.weight.shape
    places = torch.arange(d_out * (d_in + 1)).view(d_out, d_in + 1)
    order = torch.cat([places[:, :-1].flatten(), places[:, -1]])
    return matrix[order][:, order]
