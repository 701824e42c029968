"""Whitened gradients, of sequences and of queries: an influence is the inner product of two of them."""

from collections.abc import Callable, Iterator
from collections.abc import Sequence as Series

import torch
from jaxtyping import Float
from torch import Tensor

from engine.corpus.encoding import encode
from engine.errors import NumericalError, QueryError
from engine.maths.components import leading_components
from engine.maths.damping import damping_value
from engine.maths.gradient import rotated_gradients
from engine.maths.whitening import whitening
from engine.model.capture import Captured
from engine.model.language_model import LanguageModel
from engine.pipeline.query import measure
from engine.storage.factors import Factors
from engine.storage.prepared import Factored
from engine.terms import Damping, Measurement, ProgressCallback

# The components of a query that a search uses. With 6 as with 16 of them an index finds the same share of the exact top
# ten (0.996 of the positive, 0.98 of the negative, medium demo model), and a lookup takes time in proportion.
QUERY_RANK = 8
QUERY_REFINEMENTS = 2


class Whitening:
    """The whitening of every tracked module, where the module is."""

    def __init__(self, model: LanguageModel, factors: Factors, damping: Damping) -> None:
        factors.check(model)
        self._model = model
        self._factors = {name: factors.modules[name].to(model.device_of(name)) for name in model.tracked}
        self._weights = {name: self._checked(name, damping) for name in model.tracked}

    def gradients(self, name: str, captured: Captured, rows: slice = slice(None)) -> Iterator[Tensor]:
        """(Q_S^T G Q_A) x (L + damping)^-1/2 of some sequences of a batch, [sequence, out, in], a few at a time."""
        fitted = self._factors[name]
        output_gradients, activations = captured.output_gradients[name][rows], captured.activations[name][rows]
        bases = fitted.gradient_basis, fitted.activation_basis
        for rotated in rotated_gradients(output_gradients, activations, *bases):
            yield rotated.mul_(self._weights[name])

    def queries(self, queries: Series[Measurement], progress: ProgressCallback) -> dict[str, Tensor]:
        """The whitened gradients of the measurements: [query, out, in] by module."""
        whole = {name: weights.new_empty(len(queries), *weights.shape) for name, weights in self._weights.items()}

        def keep(name: str, places: Series[int], some: Tensor) -> None:
            whole[name][list(places)] = some

        self._measure(queries, keep, progress)
        return whole

    def factored_queries(self, queries: Series[Measurement], progress: ProgressCallback) -> dict[str, Factored]:
        """The same, each cut to its leading components as soon as it is made: near left right^T."""
        made: dict[str, Factored] = {}

        def keep(name: str, places: Series[int], some: Tensor) -> None:
            found = leading_components(some, QUERY_RANK, QUERY_REFINEMENTS)
            if name not in made:
                rows = len(queries), found.values.shape[1]
                made[name] = Factored(
                    some.new_empty(rows[0], some.shape[1], rows[1]), some.new_empty(rows[0], some.shape[2], rows[1])
                )
            made[name].left[list(places)] = (found.left * found.values[:, :, None]).transpose(1, 2)
            made[name].right[list(places)] = found.right.transpose(1, 2)

        self._measure(queries, keep, progress)
        return made

    def _measure(
        self, queries: Series[Measurement], keep: Callable[[str, Series[int], Tensor], None], progress: ProgressCallback
    ) -> None:
        if not queries:
            raise QueryError("There is no query.", "Give at least one Query(prompt=..., completion=...).")

        def consume(index: Series[int], captured: Captured) -> None:
            for name in self._weights:
                at = 0
                for some in self.gradients(name, captured):
                    keep(name, index[at : at + len(some)], some)
                    at += len(some)

        measure(self._model, [encode(self._model, query) for query in queries], consume, progress)

    def _checked(self, name: str, damping: Damping) -> Float[Tensor, "d_out d_in"]:
        eigenvalues = self._factors[name].corrected_eigenvalues
        weights = whitening(eigenvalues, damping_value(damping, eigenvalues))
        if not bool(torch.isfinite(weights.sum())):
            raise NumericalError(
                f"The corrected eigenvalues of {name} are zero or not finite, so gradients cannot be whitened.",
                "Raise the damping, or fit again.",
            )
        return weights
