"""The longest run of consecutive tokens that a query and a sequence share: the sign of a copied phrase."""

from collections.abc import Sequence as Series

import numpy as np


def longest_shared_run(query_ids: Series[int], sequence_ids: Series[int]) -> int:
    """How many consecutive tokens of the query the sequence holds in the same order without a gap, at most.

    Takes time proportional to the product of the lengths, memory to the sequence's.
    """
    sequence = np.asarray(sequence_ids, dtype=np.int64)
    # runs[t] is the length of the shared run that ends at the query's current token and at position t - 1.
    runs = np.zeros(len(sequence) + 1, dtype=np.int64)
    longest = 0
    for token in query_ids:
        runs[1:] = np.where(sequence == token, runs[:-1] + 1, 0)
        longest = max(longest, int(runs.max()))
    return longest
