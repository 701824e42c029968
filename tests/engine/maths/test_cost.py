"""The cost model against what the ways of scoring take."""

import time
from collections.abc import Callable

import pytest
import torch

from engine.maths.cost import Work, by_factors, by_gradients, by_gradients_of_factors, by_tokens
from engine.maths.influence import (
    factored_sequence_influences,
    factored_token_influences,
    sequence_influences,
    token_influences,
)

RANK = 16
# Fewer times apart than this, the model may choose either; the shapes below are chosen far from the border.
CLEAR = 3.0


def seconds(run: Callable[[], object]) -> float:
    """The least of a few times: what else the machine does can only add to it."""
    times = []
    for _ in range(4):
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return min(times)


@pytest.mark.parametrize(
    "work",
    [
        pytest.param(Work(32, 64, 192, 256, 48), id="many queries"),
        pytest.param(Work(128, 8, 256, 256, 1), id="one query, short sequences"),
        pytest.param(Work(4, 256, 192, 192, 64), id="long sequences, many queries"),
        pytest.param(Work(2, 16, 384, 512, 2), id="few sequences"),
    ],
)
def test_where_the_cost_model_sees_a_clear_difference_the_clock_sees_the_same_winner(work: Work) -> None:
    generator = torch.Generator().manual_seed(0)
    d = torch.randn(work.sequences, work.tokens, work.d_out, generator=generator)
    a = torch.randn(work.sequences, work.tokens, work.d_in, generator=generator)
    left = torch.randn(work.queries, work.d_out, RANK, generator=generator)
    right = torch.randn(work.queries, work.d_in, RANK, generator=generator)
    whole = left @ right.transpose(1, 2)
    ways: dict[str, tuple[float, Callable[[], object]]] = {
        "tokens": (by_tokens(work), lambda: token_influences(d, a, whole)),
        "factors": (by_factors(work, RANK), lambda: factored_token_influences(d, a, left, right)),
        "gradients": (by_gradients(work), lambda: sequence_influences(d, a, whole)),
        "gradients of factors": (
            by_gradients_of_factors(work, RANK),
            lambda: factored_sequence_influences(d, a, left, right),
        ),
    }
    costs = {name: cost for name, (cost, _) in ways.items()}
    times = {name: seconds(run) for name, (_, run) in ways.items()}
    clear = [(one, other) for one in ways for other in ways if costs[other] > CLEAR * costs[one]]
    assert clear, "the shape decides nothing"
    for one, other in clear:
        assert times[one] < times[other], (one, other, costs, times)
