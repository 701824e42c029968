"""Whitened inner products against the preconditioned query."""

import torch

from engine.maths.eigenbasis import eigenbasis
from engine.maths.precondition import precondition
from engine.maths.whitening import inner_products, whitening


def test_the_whitened_inner_product_is_that_of_the_preconditioned_query_with_the_gradient() -> None:
    generator = torch.Generator().manual_seed(1)
    queries = torch.randn(3, 5, 7, generator=generator, dtype=torch.float64)
    gradients = torch.randn(4, 5, 7, generator=generator, dtype=torch.float64)
    eigenvalues = torch.rand(5, 7, generator=generator, dtype=torch.float64)
    bases = []
    for d in (5, 7):
        square = torch.randn(d, d, generator=generator, dtype=torch.float64)
        bases.append(eigenbasis([square @ square.T], "a test"))
    weights = whitening(eigenvalues, 0.2)
    whitened = [bases[1].rotate(bases[0].rotate_columns(matrix)) * weights for matrix in (queries, gradients)]
    exact = torch.einsum("qoi,soi->sq", precondition(queries, *bases, eigenvalues, 0.2), gradients)
    torch.testing.assert_close(inner_products(*whitened), exact, rtol=1e-12, atol=1e-12)
