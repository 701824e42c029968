"""Components of many matrices at once against the singular value decomposition of each."""

import pytest
import torch

from engine.maths.components import Components, joined, leading_components


def decaying(count: int, d_out: int, d_in: int, dtype: torch.dtype = torch.float64, seed: int = 5) -> torch.Tensor:
    """Random matrices whose singular values fall by a third from one to the next."""
    generator = torch.Generator().manual_seed(seed)
    rank = min(d_out, d_in)
    left = torch.linalg.qr(torch.randn(count, d_out, rank, generator=generator, dtype=torch.float64))[0]
    right = torch.linalg.qr(torch.randn(count, d_in, rank, generator=generator, dtype=torch.float64))[0]
    return ((left * (2 / 3) ** torch.arange(rank)) @ right.transpose(1, 2)).to(dtype)


def product(components: Components) -> torch.Tensor:
    return (components.left * components.values[:, :, None]).transpose(1, 2) @ components.right


@pytest.mark.parametrize(("d_out", "d_in"), [(6, 9), (9, 6)])
def test_all_components_together_are_the_matrix(d_out: int, d_in: int) -> None:
    matrices = decaying(4, d_out, d_in)
    torch.testing.assert_close(product(leading_components(matrices, 6)), matrices, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("d_out", "d_in"), [(40, 60), (60, 40)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_first_components_are_those_of_the_singular_value_decomposition(
    d_out: int, d_in: int, dtype: torch.dtype
) -> None:
    matrices = decaying(3, d_out, d_in, dtype)
    found = leading_components(matrices, 4, refinements=3)
    left, values, right = torch.linalg.svd(matrices.double(), full_matrices=False)
    torch.testing.assert_close(found.values.double(), values[:, :4], rtol=1e-4, atol=0)
    # Singular vectors are known up to a sign, which both share.
    best = (left[:, :, :4] * values[:, None, :4]) @ right[:, :4]
    torch.testing.assert_close(product(found).double(), best, rtol=0, atol=1e-4)
    identity = torch.eye(4, dtype=dtype).expand(3, 4, 4)
    torch.testing.assert_close(found.left @ found.left.transpose(1, 2), identity, rtol=0, atol=1e-4)
    torch.testing.assert_close(found.right @ found.right.transpose(1, 2), identity, rtol=0, atol=1e-4)


def test_one_refinement_keeps_nearly_what_the_best_keep() -> None:
    matrices = torch.randn(5, 64, 96, generator=torch.Generator().manual_seed(2))
    kept = leading_components(matrices, 8).values.square().sum(1)
    best = torch.linalg.svdvals(matrices)[:, :8].square().sum(1)
    assert bool((kept <= best * (1 + 1e-5)).all())
    # Even where singular values hardly fall, which is the hardest case.
    assert bool((kept > 0.8 * best).all())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_matrix_of_lower_rank_keeps_all_of_itself(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(4)
    thin = torch.randn(3, 50, 2, generator=generator, dtype=dtype)
    matrices = thin @ torch.randn(3, 2, 70, generator=generator, dtype=dtype)
    matrices[0] = 0
    found = leading_components(matrices, 5)
    assert bool(torch.isfinite(product(found)).all())
    error = (product(found) - matrices).flatten(1).norm(dim=1)
    assert bool((error <= 1e-4 * matrices.flatten(1).norm(dim=1)).all())
    assert bool((found.values[:, 2:] <= 1e-4 * found.values[:, :1]).all())


def test_a_matrix_has_the_same_components_alone_as_among_others() -> None:
    matrices = decaying(6, 30, 50, torch.float64)
    together = leading_components(matrices, 4)
    parts = joined([leading_components(matrices[:2], 4), leading_components(matrices[2:], 4)])
    torch.testing.assert_close(product(parts), product(together), rtol=0, atol=1e-12)
    again = leading_components(matrices, 4)
    assert torch.equal(again.left, together.left)
    assert torch.equal(again.right, together.right)
