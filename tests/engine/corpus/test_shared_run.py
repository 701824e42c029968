"""The longest shared run against every pair of stretches."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.corpus.shared_run import longest_shared_run

IDS = st.lists(st.integers(0, 3), max_size=12)


@given(IDS, IDS)
@settings(max_examples=200, deadline=None)
def test_the_longest_shared_run_is_the_longest_stretch_found_in_both(query: list[int], sequence: list[int]) -> None:
    stretches = {tuple(sequence[at:to]) for at in range(len(sequence)) for to in range(at + 1, len(sequence) + 1)}
    lengths = [
        to - at for at in range(len(query)) for to in range(at + 1, len(query) + 1) if tuple(query[at:to]) in stretches
    ]
    assert longest_shared_run(query, sequence) == max(lengths, default=0)


@pytest.mark.parametrize(
    ("query", "sequence", "run"),
    [
        ([5, 6, 7], [1, 5, 6, 7, 2], 3),
        ([5, 6, 7], [5, 6, 0, 6, 7], 2),
        ([5, 5, 5], [5, 5], 2),
        ([1, 2], [2, 1], 1),
        ([1, 2], [3, 4], 0),
    ],
)
def test_runs_by_hand(query: list[int], sequence: list[int], run: int) -> None:
    assert longest_shared_run(query, sequence) == run
