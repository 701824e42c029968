"""Vectors in few bits: codes on an even grid about zero, packed into bytes, with one step a vector."""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn.functional import pad

Bits = Literal[2, 4, 8]

# Half-widths of the grid that are tried, as shares of the largest entry: the fewer the levels, the more it pays to
# cut off the largest entries.
HALF_WIDTHS: dict[Bits, tuple[float, ...]] = {2: (0.8, 0.6, 0.45, 0.33), 4: (1.0, 0.8, 0.6), 8: (1.0,)}

_INTEGERS = {8: torch.int64, 4: torch.int32, 2: torch.int16, 1: torch.uint8}


@dataclass(frozen=True, slots=True)
class Quantised:
    """Entry i of a vector is step x (code_i - (2^bits - 1) / 2); a byte holds 8 / bits codes.

    Codes are packed in planes: with 2 bits, byte j holds entries j, j + n, j + 2n and j + 3n of the n bytes,
    the first in the lowest bits, so that unpacking moves whole stretches.
    """

    codes: UInt8[Tensor, "vector byte"]
    step: Float[Tensor, " vector"]


def packed_bytes(entries: int, bits: Bits) -> int:
    """Bytes that the codes of a vector take."""
    return -(-entries * bits // 8)


def middle(bits: Bits) -> float:
    """The code, halfway between two, that stands for zero."""
    return (2**bits - 1) / 2


def quantise(vectors: Float[Tensor, "vector d"], bits: Bits) -> Quantised:
    """The codes nearest to each vector on the best of a few grids, and the step that then fits it best.

    The step is a least-squares fit, so what is read back is the vector's projection on its codes: of unit vectors
    with normal entries it keeps 0.88, 0.988 and 0.9999 of the squared norm with 2, 4 and 8 bits.
    """
    largest = vectors.abs().amax(1, keepdim=True)
    largest = largest + (largest == 0)
    best = codes = step = None
    for half_width in HALF_WIDTHS[bits]:
        found = _codes(vectors, largest * half_width, bits)
        points = found - middle(bits)
        product, square = (vectors * points).sum(1), points.square().sum(1)
        kept = product.square() / square
        if best is None or codes is None or step is None:
            best, codes, step = kept, found, product / square
        else:
            better = kept > best
            best = torch.where(better, kept, best)
            step = torch.where(better, product / square, step)
            codes = torch.where(better[:, None], found, codes)
    assert codes is not None
    assert step is not None
    return Quantised(_packed(codes.to(torch.uint8), bits), step)


def unpacked(
    codes: UInt8[Tensor, "vector byte"], entries: int, bits: Bits, dtype: torch.dtype, into: Tensor | None = None
) -> Tensor:
    """The codes as numbers [vector, entries], still counted from 0 upwards: subtract `middle`.

    into: a flat tensor of that dtype to write them into, at least as large as the packed bytes hold codes; what it
    held is lost. Where many are unpacked one after another, new memory for each would take longer than unpacking.
    """
    planes = 8 // bits
    plane = codes.shape[1]
    size = codes.shape[0] * planes * plane
    flat = torch.empty(size, dtype=dtype, device=codes.device) if into is None else into[:size]
    words = _words(codes)
    mask = int.from_bytes(bytes([2**bits - 1]) * words.element_size(), "little", signed=words.dtype != torch.uint8)
    apart = words.new_empty(words.shape[0], planes, words.shape[1])
    for place in range(planes):
        torch.bitwise_and(words >> (bits * place), mask, out=apart[:, place])
    # One dense conversion: of planes one by one, it would go through short stretches.
    return flat.copy_(apart.view(torch.uint8).flatten()).view(codes.shape[0], planes * plane)[:, :entries]


def _words(codes: UInt8[Tensor, "vector byte"]) -> Tensor:
    """The same bytes, several to a number: what is done to each alike is then done to them at once.

    A shift moves bits of one byte into the next only where a mask of its lowest bits leaves them out.
    """
    at_once = next(size for size in _INTEGERS if codes.shape[1] % size == 0)
    return codes.contiguous().view(_INTEGERS[at_once])


def dequantised(quantised: Quantised, entries: int, bits: Bits) -> Float[Tensor, "vector d"]:
    """The vectors that the codes stand for."""
    points = unpacked(quantised.codes, entries, bits, quantised.step.dtype) - middle(bits)
    return points * quantised.step[:, None]


def _codes(vectors: Tensor, half_width: Tensor, bits: Bits) -> Tensor:
    top = middle(bits)
    return (vectors * (top / half_width) + top).round_().clamp_(0, 2**bits - 1)


def _packed(codes: UInt8[Tensor, "vector d"], bits: Bits) -> UInt8[Tensor, "vector byte"]:
    if bits == 8:
        return codes
    planes = 8 // bits
    plane = packed_bytes(codes.shape[1], bits)
    filled = pad(codes, (0, planes * plane - codes.shape[1]))
    packed = filled[:, :plane].clone()
    for place in range(1, planes):
        packed |= filled[:, place * plane : (place + 1) * plane] << (bits * place)
    return packed
