"""Codes in few bits: what is packed is read back, within the bound of the grid, and the shares promised are kept."""

import pytest
import torch

from engine.maths.quantisation import Bits, Quantised, dequantised, middle, packed_bytes, quantise, unpacked

ALL_BITS: tuple[Bits, ...] = (2, 4, 8)


def normal(vectors: int, d: int) -> torch.Tensor:
    return torch.randn(vectors, d, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


@pytest.mark.parametrize("bits", ALL_BITS)
@pytest.mark.parametrize("entries", [1, 7, 8, 37])
def test_codes_are_unpacked_as_the_planes_say(bits: Bits, entries: int) -> None:
    generator = torch.Generator().manual_seed(9)
    codes = torch.randint(0, 256, (5, packed_bytes(entries, bits)), generator=generator, dtype=torch.uint8)
    found = unpacked(codes, entries, bits, torch.float32)
    width = codes.shape[1]
    for row in range(5):
        for entry in range(entries):
            plane, byte = divmod(entry, width)
            assert found[row, entry] == (int(codes[row, byte]) >> (bits * plane)) % 2**bits


@pytest.mark.parametrize("bits", ALL_BITS)
def test_points_of_the_grid_are_read_back_exactly(bits: Bits) -> None:
    generator = torch.Generator().manual_seed(6)
    codes = torch.randint(0, 2**bits, (20, 33), generator=generator)
    codes[:, :2] = torch.tensor([0, 2**bits - 1])
    vectors = (codes - middle(bits)).double() * torch.rand(20, 1, generator=generator, dtype=torch.float64)
    found = quantise(vectors, bits)
    assert found.codes.shape == (20, packed_bytes(33, bits))
    # The grid that spans the largest entry is tried for 4 and 8 bits; with 2 it is always narrower.
    if bits > 2:
        torch.testing.assert_close(dequantised(found, 33, bits), vectors, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("bits", "kept"), [(2, 0.87), (4, 0.985), (8, 0.9999)])
@pytest.mark.parametrize("d", [80, 640])
def test_vectors_of_normal_entries_keep_the_promised_share_of_their_squared_norm(
    bits: Bits, kept: float, d: int
) -> None:
    vectors = normal(200, d)
    found = dequantised(quantise(vectors, bits), d, bits)
    shares = 1 - (vectors - found).square().sum(1) / vectors.square().sum(1)
    assert float(shares.mean()) > kept


def test_with_eight_bits_no_entry_is_off_by_more_than_a_step() -> None:
    vectors = normal(50, 100)
    error = (dequantised(quantise(vectors, 8), 100, 8) - vectors).abs().amax(1)
    assert bool((error <= 2 * vectors.abs().amax(1) / 255).all())


@pytest.mark.parametrize("bits", ALL_BITS)
def test_what_is_read_back_is_a_projection_of_the_vector(bits: Bits) -> None:
    vectors = normal(30, 50)
    found = dequantised(quantise(vectors, bits), 50, bits)
    torch.testing.assert_close((found * vectors).sum(1), found.square().sum(1), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("bits", ALL_BITS)
def test_a_vector_of_zeros_is_read_back_as_zeros(bits: Bits) -> None:
    found: Quantised = quantise(torch.zeros(3, 11), bits)
    assert torch.equal(dequantised(found, 11, bits), torch.zeros(3, 11))
