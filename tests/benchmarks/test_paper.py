"""The paper's experiments: the fit of a power law on samples that are known, and thirds that add up."""

import numpy as np
import pytest

from benchmarks.paper import fitted, of_layers, one_sign, power_law, thirds


def pareto(alpha: float, size: int, seed: int) -> np.ndarray:
    return 2.0 * (1 - np.random.default_rng(seed).random(size)) ** (-1 / (alpha - 1))


@pytest.mark.parametrize("alpha", [1.8, 2.5, 3.5])
def test_the_exponent_of_a_power_law_is_found(alpha: float) -> None:
    found, _, _, length = fitted(np.sort(pareto(alpha, 4_000, 1)))
    assert found == pytest.approx(alpha, abs=4 * (alpha - 1) / np.sqrt(length))


def test_a_power_law_is_not_ruled_out_and_an_exponential_is() -> None:
    assert power_law(pareto(2.5, 2_000, 3), rounds=100)["p"] > 0.1
    # So that no tail of it is a power law either: the whole range is bounded.
    uniform = np.random.default_rng(4).uniform(1, 3, 2_000)
    assert power_law(uniform, rounds=100)["p"] < 0.1


def test_shares_of_the_heaviest_are_those_of_a_plain_sum() -> None:
    scores = np.sort(np.random.default_rng(5).standard_t(2, 1_000))[::-1]
    held = scores[scores > 0]
    found = one_sign(scores, len(scores))
    assert found["share of the top 1 %"] == pytest.approx(held[:10].sum() / held.sum(), abs=1e-4)
    assert found["share of the top sequence"] == pytest.approx(held[0] / held.sum(), abs=1e-4)


@pytest.mark.parametrize("layers", [1, 2, 3, 4, 5, 8, 12])
def test_thirds_add_up_and_are_even_where_layers_are(layers: int) -> None:
    assert thirds(np.full(layers, 1 / layers)) == pytest.approx([1 / 3] * 3)
    shares = np.random.default_rng(layers).dirichlet(np.ones(layers))
    assert sum(thirds(shares)) == pytest.approx(1.0)


def test_layers_count_the_heaviest_sequences_alone() -> None:
    scores = np.array([3.0, -9.0, *[0.0] * 60])
    by_layer = np.zeros((62, 3))
    by_layer[0], by_layer[1] = [2.0, 1.0, 0.0], [0.0, 0.0, -9.0]
    found = of_layers(scores, by_layer)
    assert found["share of each layer"] == pytest.approx([2 / 3, 1 / 3, 0.0], abs=1e-3)
    assert found["thirds"]["early third"] == pytest.approx(2 / 3, abs=1e-3)
