"""The choice of components: the best that the bytes allow."""

from itertools import combinations

import pytest
import torch

from engine.maths.byte_budget import densities, density_within


def test_no_other_choice_of_the_same_bytes_keeps_more_of_the_squared_norm() -> None:
    generator = torch.Generator().manual_seed(8)
    values = [torch.rand(1, 4, generator=generator, dtype=torch.float64) for _ in range(2)]
    costs = [10.0, 30.0]
    squared_norm = sum(value.square().sum(1) for value in values)
    dense = torch.cat([densities(v, squared_norm, c / 40).flatten() for v, c in zip(values, costs, strict=True)])
    paid = torch.tensor([10.0] * 4 + [30.0] * 4)
    energy = torch.cat([value.square().flatten() for value in values])
    for budget in range(10, 161, 10):
        chosen = dense >= density_within(dense, paid, float(budget))
        spent = float(paid[chosen].sum())
        assert spent <= budget
        for size in range(9):
            for other in combinations(range(8), size):
                if float(paid[list(other)].sum()) <= spent:
                    assert float(energy[list(other)].sum()) <= float(energy[chosen].sum()) + 1e-12


def test_density_is_the_share_of_the_squared_norm_over_the_share_of_bytes() -> None:
    found = densities(torch.tensor([[3.0, 1.0], [0.0, 0.0]]), torch.tensor([20.0, 0.0]), 0.25)
    torch.testing.assert_close(found, torch.tensor([[1.8, 0.2], [0.0, 0.0]]))


def test_everything_is_kept_within_a_budget_for_everything_and_nothing_within_none() -> None:
    dense, costs = torch.tensor([3.0, 1.0, 2.0]), torch.tensor([5.0, 5.0, 5.0])
    assert density_within(dense, costs, 15.0) == 0
    assert density_within(dense, costs, 10.0) == 2
    assert density_within(dense, costs, 4.0) == torch.inf


@pytest.mark.parametrize(("budget", "kept"), [(5.0, 0), (10.0, 0), (14.0, 0), (15.0, 3), (20.0, 4)])
def test_components_of_equal_density_are_kept_or_left_out_together(budget: float, kept: int) -> None:
    dense, costs = torch.tensor([2.0, 2.0, 2.0, 1.0]), torch.full((4,), 5.0)
    assert int((dense >= density_within(dense, costs, budget)).sum()) == kept
