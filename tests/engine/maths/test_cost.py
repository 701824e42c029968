"""The cost model against what the ways of scoring take."""

import pytest

from benchmarks.cost_model import seconds, ways
from engine.maths.cost import Work

REPEATS = 4
# Fewer times apart than this, the model may choose either; the shapes below are chosen far from the border.
CLEAR = 3.0


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
    found = {name: (cost, seconds(run, REPEATS)) for name, cost, run in ways(work)}
    costs = {name: cost for name, (cost, _) in found.items()}
    times = {name: taken for name, (_, taken) in found.items()}
    clear = [(one, other) for one in found for other in found if costs[other] > CLEAR * costs[one]]
    assert clear, "the shape decides nothing"
    for one, other in clear:
        assert times[one] < times[other], (one, other, costs, times)
