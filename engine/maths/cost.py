"""What each way of computing influences through one module costs, so that the cheapest can be taken.

Costs are counted in multiply-adds of a matrix product; what is bound by memory is counted in those that a
processor makes meanwhile. With these constants the way picked was the fastest for 95 % of 96 choices measured, and
lost 0.2 % of the time on average (docs/studies/cost-model.json); accelerators have a similar balance.
"""

from dataclasses import dataclass

# A number written by one product and read by the next.
PASSED_ON = 40.0
# A number of the preconditioned query, read for one batch.
READ = 25.0
# An inner product over few sequences runs below a matrix product's full speed.
INNER = 1.25
# A projected number: written twice, multiplied, and summed over the rank.
PROJECTED = 250.0


@dataclass(frozen=True, slots=True)
class Work:
    """A batch of `sequences` padded to `tokens`, through a module of these widths, for `queries` queries."""

    sequences: int
    tokens: int
    d_in: int
    d_out: int
    queries: int


def by_tokens(work: Work) -> float:
    """P a_t for every token and query, then its product with d_t."""
    return work.queries * work.sequences * work.tokens * work.d_out * (work.d_in + PASSED_ON)


def by_factors(work: Work, rank: int) -> float:
    """U^T d_t and V^T a_t for every token and query, then their product."""
    return work.queries * rank * work.sequences * work.tokens * (work.d_in + work.d_out + PROJECTED)


def by_gradients(work: Work) -> float:
    """The gradient of each sequence once, then its inner product with every query."""
    a_gradient = work.tokens + PASSED_ON + INNER * work.queries
    return work.d_in * work.d_out * (work.sequences * a_gradient + READ * work.queries)


def by_gradients_of_factors(work: Work, rank: int) -> float:
    """As `by_gradients`, after the whole matrix of each query is made from its factors."""
    return by_gradients(work) + work.queries * work.d_in * work.d_out * (rank + PASSED_ON)
