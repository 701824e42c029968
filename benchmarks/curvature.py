"""The exact damped Gauss-Newton Hessian of the tracked weights, one product at a time, and systems solved with it.

Near the model's weights the proximal Bregman objective (paper, eq 7) is half this Hessian's quadratic form and a linear
pull, so its minimum for a small weight of a sequence is the solution of a linear system.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd import forward_ad
from torch.func import functional_call
from transformers.pytorch_utils import Conv1D

from engine import Factors, LanguageModel, Sequence
from engine.corpus.batches import Batch, batches
from engine.maths.gradient import sequence_gradients
from engine.maths.precondition import precondition
from engine.model.capture import Capture, capture

Vector = Float[Tensor, " weight"]


@dataclass(frozen=True, slots=True)
class Layout:
    """Matrices [out, in] of all tracked modules as one vector, and back."""

    shapes: tuple[tuple[str, tuple[int, int]], ...]

    @classmethod
    def of(cls, model: LanguageModel) -> "Layout":
        """Tracked modules in their order; `in` counts the homogeneous 1 of a bias."""
        return cls(tuple((name, model.dimensions(name)) for name in model.tracked))

    def flat(self, step: dict[str, Tensor]) -> Vector:
        """All matrices behind one another."""
        return torch.cat([step[name].flatten() for name, _ in self.shapes])

    def step(self, vector: Vector) -> dict[str, Tensor]:
        """The matrices of a vector, as views."""
        parts = vector.split([d_out * d_in for _, (d_out, d_in) in self.shapes])
        return {name: part.view(shape) for (name, shape), part in zip(self.shapes, parts, strict=True)}


class GaussNewton:
    """(G + damping) v, with G = sum over sequences of weight x J^T (diag p - p p^T) J over predicting positions.

    weights: one a sequence, adding up to one; equal ones make G the mean over the sequences.
    """

    def __init__(
        self,
        model: LanguageModel,
        sequences: list[Sequence],
        weights: Float[Tensor, " sequence"],
        damping: dict[str, float],
        batch_tokens: int = 2048,
    ) -> None:
        self._model, self._sequences, self._batch_tokens = model, sequences, batch_tokens
        self._weights, self._damping, self.layout = weights.to(model.dtype), damping, Layout.of(model)

    def __call__(self, vector: Vector) -> Vector:
        """One pass over the sequences: a forward derivative, then a backward pass of what the softmax makes of it."""
        step = self.layout.step(vector)
        total = {name: damping * step[name] for name, damping in self._damping.items()}
        for batch in batches(self._model, self._sequences, self._batch_tokens):
            # The hooks of a capture cut the forward derivative, so they are on for the backward pass only.
            moves = self._logits_derivative(batch, step)
            with capture(self._model) as opened:
                for name, part in self._backward(opened, batch, moves).items():
                    total[name] += part
        return self.layout.flat(total)

    def _logits_derivative(self, batch: Batch, step: dict[str, Tensor]) -> Tensor:
        with torch.no_grad(), forward_ad.dual_level():
            moving = {
                name: forward_ad.make_dual(weight, move) for name, (weight, move) in _moving(self._model, step).items()
            }
            logits = functional_call(
                self._model.hf_model, moving, (), {"input_ids": batch.ids, "use_cache": False}
            ).logits
            tangent: Tensor = forward_ad.unpack_dual(logits).tangent
            return tangent

    def _backward(self, opened: Capture, batch: Batch, moves: Tensor) -> dict[str, Tensor]:
        probabilities = torch.softmax(opened.forward(batch.ids), dim=-1)
        curved = probabilities * (moves - (probabilities * moves).sum(-1, keepdim=True))
        curved *= self._weights[batch.index, None, None]
        captured = opened.backward(curved.masked_fill_(~batch.predicting.unsqueeze(-1), 0))
        return {
            name: sequence_gradients(gradients.flatten(0, 1)[None], captured.activations[name].flatten(0, 1)[None])[0]
            for name, gradients in captured.output_gradients.items()
        }


def _moving(model: LanguageModel, step: dict[str, Tensor]) -> dict[str, tuple[Tensor, Tensor]]:
    """Each tracked parameter by its full name, with the direction in which the step moves it."""
    moving = {}
    for name, module in model.modules.items():
        part = step[name]
        if model.has_bias(name):
            moving[f"{name}.bias"] = (module.get_parameter("bias").detach(), part[:, -1].contiguous())
            part = part[:, :-1]
        weight = part.T if isinstance(module, Conv1D) else part
        moving[f"{name}.weight"] = (module.get_parameter("weight").detach(), weight.contiguous())
    return moving


def ekfac_inverse(model: LanguageModel, factors: Factors, damping: dict[str, float]) -> Callable[[Vector], Vector]:
    """v -> (EK-FAC + damping)^-1 v: the preconditioner, and what influence functions take the inverse to be."""
    layout = Layout.of(model)

    def inverse(vector: Vector) -> Vector:
        parts = {}
        for name, part in layout.step(vector).items():
            fitted = factors.modules[name]
            parts[name] = precondition(
                part,
                fitted.gradient_basis,
                fitted.activation_basis,
                fitted.corrected_eigenvalues,
                damping[name],
            )
        return layout.flat(parts)

    return inverse


@dataclass(frozen=True, slots=True)
class Solved:
    """A solution, the products it took, and what is left of the residual's preconditioned norm (1 at the start)."""

    solution: Vector
    products: int
    residual: float


def conjugate_gradients(
    matrix: Callable[[Vector], Vector],
    inverse: Callable[[Vector], Vector],
    right: Vector,
    tolerance: float,
    most: int,
    observe: Callable[[Solved], None] = lambda _: None,
) -> Solved:
    """Solve matrix x = right from zero, preconditioned with `inverse`, until the residual is `tolerance` of its start.

    Each direction is made conjugate to all before it, which rounding would otherwise spoil within tens of products;
    it costs two vectors of memory a product. The first iterate is a multiple of inverse(right): judge by `residual`.
    """
    scale = float(right @ inverse(right)) ** 0.5
    solution, residual = torch.zeros_like(right), right
    kept: list[tuple[Vector, Vector]] = []
    found = Solved(solution, 0, 1.0)
    while found.residual > tolerance and found.products < most:
        direction = _conjugate(inverse(residual), kept)
        image = matrix(direction)
        kept.append((direction, image))
        length = (direction @ residual) / (direction @ image)
        solution = solution + length * direction
        residual = residual - length * image
        left = float(residual @ inverse(residual)) ** 0.5 / scale
        found = Solved(solution, found.products + 1, left)
        observe(found)
    return found


def _conjugate(ahead: Vector, kept: list[tuple[Vector, Vector]]) -> Vector:
    for direction, image in kept:
        ahead = ahead - (image @ ahead) / (image @ direction) * direction
    return ahead
