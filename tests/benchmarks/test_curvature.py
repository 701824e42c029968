"""Products with the exact Gauss-Newton Hessian against the dense one, and systems solved with recycled directions."""

import pytest
import torch
from torch import Tensor

from benchmarks.curvature import GaussNewton, Layout, Solved, conjugate_gradients
from engine import LanguageModel
from tests.engine.dense import gauss_newton
from tests.engine.tiny import FAMILIES, sequences, tiny_model


def spd(size: int, seed: int) -> Tensor:
    root = torch.randn(size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return root @ root.T / size + 0.1 * torch.eye(size, dtype=torch.float64)


# torch itself still loads its forward derivatives with torch.jit.script.
@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")
@pytest.mark.parametrize("family", FAMILIES)
def test_a_product_equals_the_dense_damped_gauss_newton_times_the_vector(family: str) -> None:
    model: LanguageModel = tiny_model(family, torch.float64)
    model.hf_model.set_attn_implementation("eager")
    corpus = sequences(4, longest=6)
    weights = torch.tensor([0.1, 0.4, 0.3, 0.2], dtype=torch.float64)
    damping = {name: 0.01 * (1 + place) for place, name in enumerate(model.tracked)}
    product = GaussNewton(model, corpus, weights, damping, batch_tokens=16)
    shapes = dict(product.layout.shapes)
    diagonal = torch.cat(
        [torch.full((shapes[n][0] * shapes[n][1],), v, dtype=torch.float64) for n, v in damping.items()]
    )
    vector = torch.randn(len(diagonal), dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    dense = sum(weight * gauss_newton(model, [one]) for weight, one in zip(weights, corpus, strict=True))
    expected = dense @ vector + diagonal * vector
    # Attention weights are in float32 inside transformers, whatever the model's dtype.
    torch.testing.assert_close(product(vector), expected, rtol=1e-4, atol=1e-6)


def test_conjugate_gradients_solve_a_dense_system() -> None:
    matrix = spd(40, seed=0)
    right = torch.randn(40, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    seen: list[Solved] = []
    found = conjugate_gradients(lambda v: matrix @ v, lambda v: v / matrix.diagonal(), right, 1e-10, 60, seen.append)
    torch.testing.assert_close(found.solution, torch.linalg.solve(matrix, right), rtol=1e-8, atol=1e-8)
    assert found.residual <= 1e-10
    assert [step.products for step in seen] == list(range(1, found.products + 1))


def test_with_the_exact_inverse_one_product_is_enough() -> None:
    matrix = spd(30, seed=2)
    inverse = torch.linalg.inv(matrix)
    found = conjugate_gradients(
        lambda v: matrix @ v, lambda v: inverse @ v, torch.ones(30, dtype=torch.float64), 1e-6, 9
    )
    assert found.products == 1


def test_a_solve_stops_at_its_bound_and_says_what_is_left() -> None:
    matrix = spd(30, seed=3)
    found = conjugate_gradients(lambda v: matrix @ v, lambda v: v, torch.ones(30, dtype=torch.float64), 1e-12, 2)
    assert found.products == 2
    assert found.residual > 1e-12


def test_a_layout_gives_back_what_it_laid_out() -> None:
    model = tiny_model("gpt2", torch.float64)
    layout = Layout.of(model)
    step = {name: torch.randn(shape, dtype=torch.float64) for name, shape in layout.shapes}
    back = layout.step(layout.flat(step))
    assert all(torch.equal(back[name], step[name]) for name in step)
