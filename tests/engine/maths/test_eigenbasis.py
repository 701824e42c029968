"""Eigenbases against the matrices they come from, whole and in diagonal blocks, in float64."""

import pytest
import torch
from torch import Tensor

from engine import NumericalError
from engine.maths.blocks import in_blocks
from engine.maths.eigenbasis import Eigenbasis, eigenbasis, eigenvectors


def random(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(sum(shape)))


def covariance(d: int) -> Tensor:
    vectors = random(3 * d, d)
    return vectors.T @ vectors / (3 * d)


def blocked(d: int, width: int) -> tuple[Eigenbasis, Tensor]:
    """The eigenbasis of a covariance's diagonal blocks, and those blocks as one matrix."""
    matrix = covariance(d)
    places = [part.long() for part in in_blocks(torch.arange(d).float(), width)]
    blocks = [matrix[part][:, part] for part in places]
    return eigenbasis(blocks, "test"), torch.block_diag(*blocks)


@pytest.mark.parametrize(
    ("d", "width", "widths"),
    [(6, None, [6]), (6, 6, [6]), (6, 7, [6]), (6, 5, [3, 3]), (7, 6, [4, 3]), (7, 3, [3, 2, 2]), (3, 1, [1, 1, 1])],
)
def test_blocks_are_as_few_and_as_equal_as_the_width_allows(d: int, width: int | None, widths: list[int]) -> None:
    vectors = random(2, 4, d)
    parts = in_blocks(vectors, width)
    assert [part.shape[-1] for part in parts] == widths
    assert torch.equal(torch.cat(parts, dim=-1), vectors)


def test_the_eigenvectors_rebuild_the_matrix_and_no_eigenvalue_is_negative() -> None:
    vectors = random(3, 6)
    matrix = vectors.T @ vectors
    values, basis = eigenvectors(matrix, "test")
    torch.testing.assert_close(basis @ torch.diag(values) @ basis.T, matrix)
    torch.testing.assert_close(basis.T @ basis, torch.eye(6, dtype=torch.float64))
    assert bool((values >= 0).all())


@pytest.mark.parametrize(("d", "width"), [(6, 6), (7, 4), (8, 3)])
def test_an_eigenbasis_rebuilds_the_block_diagonal_covariance(d: int, width: int) -> None:
    basis, matrix = blocked(d, width)
    q = basis.dense()
    torch.testing.assert_close(q @ torch.diag(basis.values) @ q.T, matrix)
    torch.testing.assert_close(q.T @ q, torch.eye(d, dtype=torch.float64))


@pytest.mark.parametrize(("d", "width"), [(6, 6), (7, 4), (8, 3)])
def test_rotations_are_products_with_the_dense_basis(d: int, width: int) -> None:
    basis, _ = blocked(d, width)
    q, rows, columns = basis.dense(), random(2, 5, d), random(2, d, 5)
    torch.testing.assert_close(basis.rotate(rows), rows @ q)
    torch.testing.assert_close(basis.rotate_columns(columns), q.T @ columns)
    torch.testing.assert_close(basis.rotate_back(basis.rotate(rows)), rows)
    torch.testing.assert_close(basis.rotate_columns_back(basis.rotate_columns(columns)), columns)


def test_a_single_block_is_the_dense_basis_itself_and_one_product() -> None:
    basis, _ = blocked(6, 6)
    assert basis.dense() is basis.blocks[0]
    rows = random(4, 6)
    assert torch.equal(basis.rotate(rows), rows @ basis.blocks[0])
    assert basis.to(torch.device("cpu")) is basis


def test_a_failing_solver_falls_back_to_another(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix = torch.diag(torch.tensor([1.0, 2.0]))

    def fail(_: Tensor) -> None:
        raise torch.linalg.LinAlgError("did not converge")

    monkeypatch.setattr(torch.linalg, "eigh", fail)
    values, _ = eigenvectors(matrix, "test")
    assert values.tolist() == [1.0, 2.0]


def test_a_device_without_memory_leaves_it_to_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    solve, asked = torch.linalg.eigh, []

    def full(matrix: Tensor) -> tuple[Tensor, Tensor]:
        asked.append(matrix.device)
        if len(asked) == 1:
            raise torch.OutOfMemoryError("out of memory")
        solved: tuple[Tensor, Tensor] = solve(matrix)
        return solved

    monkeypatch.setattr(torch.linalg, "eigh", full)
    matrix = covariance(5)
    values, vectors = eigenvectors(matrix, "test", torch.device("cpu", 0))
    torch.testing.assert_close(vectors @ torch.diag(values) @ vectors.T, matrix)
    assert asked[1:] == [torch.device("cpu")]


def test_it_is_computed_in_float64_and_returned_in_the_matrixs_dtype() -> None:
    matrix = torch.diag(torch.tensor([1.0, 1.0 + 2.0**-20, 1e-12]))
    values, vectors = eigenvectors(matrix, "test")
    assert values.dtype == vectors.dtype == torch.float32
    assert vectors.is_contiguous()
    # In float32 an eigenvalue this small would drown in the rounding of the largest.
    assert float(values[0]) == pytest.approx(1e-12, rel=1e-3)


def test_a_matrix_with_nan_is_an_error_that_names_it() -> None:
    with pytest.raises(NumericalError, match="activations of layer 3"):
        eigenbasis([torch.eye(2), torch.tensor([[float("nan")]])], "the activations of layer 3")
