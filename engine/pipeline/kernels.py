"""The cheapest way of taking one module's influences: by tokens, by factors, or by gradients of whole sequences."""

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor

from engine.maths.cost import Work, by_factors, by_gradients, by_gradients_of_factors, by_tokens
from engine.maths.influence import (
    factored_sequence_influences,
    factored_token_influences,
    sequence_influences,
    token_influences,
)
from engine.storage.prepared import Preconditioned, Whole

Kernel = Callable[
    [Float[Tensor, "sequence token d_out"], Float[Tensor, "sequence token d_in"], Preconditioned],
    Float[Tensor, "query sequence _"],
]


def token_kernel(
    gradients: Float[Tensor, "sequence token d_out"],
    activations: Float[Tensor, "sequence token d_in"],
    query: Preconditioned,
) -> Float[Tensor, "query sequence token"]:
    """The influence of every token."""
    if isinstance(query, Whole):
        return token_influences(gradients, activations, query.matrix)
    return factored_token_influences(gradients, activations, query.left, query.right)


def sequence_kernel(
    gradients: Float[Tensor, "sequence token d_out"],
    activations: Float[Tensor, "sequence token d_in"],
    query: Preconditioned,
) -> Float[Tensor, "query sequence one"]:
    """The influence of every sequence (a last axis of length one), by whichever way costs least at these sizes."""
    if tokens_are_cheaper(gradients, activations, query):
        return token_kernel(gradients, activations, query).sum(-1, keepdim=True)
    if isinstance(query, Whole):
        return sequence_influences(gradients, activations, query.matrix).unsqueeze(-1)
    return factored_sequence_influences(gradients, activations, query.left, query.right).unsqueeze(-1)


def tokens_are_cheaper(
    gradients: Float[Tensor, "sequence token d_out"],
    activations: Float[Tensor, "sequence token d_in"],
    query: Preconditioned,
) -> bool:
    """Whether a sequence's influence costs less as the sum over its tokens than from its gradient."""
    sequences, tokens, d_out = gradients.shape
    work = Work(sequences, tokens, activations.shape[2], d_out, len(query))
    if isinstance(query, Whole):
        return by_tokens(work) <= by_gradients(work)
    rank = query.left.shape[2]
    return by_factors(work, rank) <= by_gradients_of_factors(work, rank)
