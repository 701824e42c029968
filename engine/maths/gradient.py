"""Gradients of a sequence's summed loss with respect to one weight, from activations and output gradients."""

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from engine.maths.eigenbasis import Eigenbasis
from engine.maths.slices import sequences_a_slice


def sequence_gradients(
    output_gradients: Float[Tensor, "sequence token d_out"], activations: Float[Tensor, "sequence token d_in"]
) -> Float[Tensor, "sequence d_out d_in"]:
    """G = sum_t d_t a_t^T for each sequence: the gradient with respect to the weight, as [out, in]."""
    return output_gradients.transpose(1, 2) @ activations


def rotated_gradients(
    output_gradients: Float[Tensor, "sequence token d_out"],
    activations: Float[Tensor, "sequence token d_in"],
    gradient_basis: Eigenbasis,
    activation_basis: Eigenbasis,
) -> Iterator[Float[Tensor, "_ d_out d_in"]]:
    """Q_S^T G Q_A for each sequence, in order, a few at a time, to be used up while they are in the cache.

    The cheaper order is taken: rotating the tokens costs T (in^2 + out^2) a sequence, rotating the gradient
    in out (in + out).
    """
    tokens, d_out, d_in = output_gradients.shape[1], output_gradients.shape[2], activations.shape[2]
    few = sequences_a_slice(output_gradients, activations)
    if rotating_tokens_is_cheaper(tokens, d_in, d_out):
        yield from _a_few(gradient_basis.rotate(output_gradients), activation_basis.rotate(activations), few)
    else:
        for gradients in _a_few(output_gradients, activations, few):
            yield gradient_basis.rotate_columns(activation_basis.rotate(gradients))


def rotating_tokens_is_cheaper(tokens: int, d_in: int, d_out: int) -> bool:
    """Compare the multiplications of both orders; forming the gradient costs the same in either."""
    return tokens * (d_in**2 + d_out**2) <= d_in * d_out * (d_in + d_out)


def _a_few(
    output_gradients: Float[Tensor, "sequence token d_out"], activations: Float[Tensor, "sequence token d_in"], few: int
) -> Iterator[Float[Tensor, "_ d_out d_in"]]:
    for some, others in zip(torch.split(output_gradients, few), torch.split(activations, few), strict=True):
        yield sequence_gradients(some, others)
