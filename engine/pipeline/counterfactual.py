"""The counterfactual check: what really happens to log p when a sequence is added or taken away.

The proximal Bregman objective (paper, eq 7) is minimised over the tracked weights:

    mean_i D(x_i) + (copies / N) L(z) + sum_m (damping_m / 2) ||delta_m||^2,

with D(x) the Kullback-Leibler divergence of the moved model's predictions from the model's own, summed over the
sequence's positions (the Bregman divergence of the cross-entropy in its outputs), and L(z) the sequence's loss.
The change of log p at the minimum is what influence / N predicts to first order.
"""

from collections.abc import Iterable, Mapping
from collections.abc import Sequence as Series
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from engine.corpus.batches import Batch, Sequences, batches, checked
from engine.corpus.encoding import EncodedQuery, encode
from engine.errors import CorpusError
from engine.maths.damping import damping_value
from engine.maths.descent import dot, minimise
from engine.maths.gradient import sequence_gradients
from engine.maths.precondition import precondition
from engine.model.capture import Capture, Captured, capture
from engine.model.language_model import LanguageModel
from engine.model.moved import moved, weight_norm
from engine.pipeline.query import log_p_of, measured_gradients
from engine.storage.factors import Factors
from engine.terms import PAPER_DAMPING, Damping, Measurement, Progress, ProgressCallback, Sequence, silent

Step = Mapping[str, Float[Tensor, "d_out d_in"]]


@dataclass(frozen=True, slots=True)
class CounterfactualConfig:
    """How the objective is minimised.

    copies: +1 adds a copy of the sequence, -1 takes one away. iterations: of non-linear conjugate gradients,
    preconditioned with EK-FAC, at most, each of two passes or so over the sequences; it stops earlier when the
    preconditioned gradient has fallen to `tolerance` of its start.
    """

    copies: int = 1
    iterations: int = 30
    tolerance: float = 0.01
    damping: Damping = PAPER_DAMPING
    batch_tokens: int = 8192


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """Changes of the measurements, one a query, in nats.

    predicted: copies x influence / N. measured: at the objective's minimum. residual: what is left of the
    preconditioned gradient's norm, as a share of the start; above the tolerance it did not converge.
    """

    predicted: tuple[float, ...]
    measured: tuple[float, ...]
    iterations: int
    residual: float


def counterfactual(
    model: LanguageModel,
    factors: Factors,
    queries: Series[Measurement],
    sequence: Sequence,
    sequences: Iterable[Sequence],
    training_sequences: int,
    config: CounterfactualConfig = CounterfactualConfig(),
    progress: ProgressCallback | None = None,
    weights: Series[float] | None = None,
) -> Counterfactual:
    """Solve the proximal Bregman objective for one sequence and measure every query at its minimum.

    sequences: over which the divergence is averaged, the training set or a random sample of it.
    weights: of each of them in the average, adding up to one; None weighs them alike.
    training_sequences: N. The weights are moved for a while and restored bit for bit.

    Raises: CorpusError, QueryError, FactorsError, NumericalError.
    """
    factors.check(model)
    encoded = [encode(model, query) for query in queries]
    over = Average.of(checked(sequences), weights, model)
    solver = Objective(model, factors, sequence, over, config.copies / training_sequences, config)
    report = progress or silent
    found = minimise(
        solver.gradient,
        solver.preconditioned,
        solver.pull({}),
        config.tolerance,
        config.iterations,
        lambda done: report(Progress("counterfactual", done, config.iterations)),
    )
    measured_before, gradients = measured_gradients(model, encoded)
    with moved(model, found.point):
        after = [log_p_of(model, query) for query in encoded]
    start = solver.start()
    predicted = [
        sum(float((gradients[name][place] * start[name]).sum()) for name in model.tracked)
        for place in range(len(encoded))
    ]
    measured = [new - old for new, old in zip(after, measured_before.log_p, strict=True)]
    return Counterfactual(tuple(predicted), tuple(measured), found.iterations, found.residual)


@dataclass(frozen=True, slots=True)
class Average:
    """Sequences with what each weighs in the average of the divergence, in units of one over their number."""

    sequences: Sequences
    relative: Float[Tensor, " sequence"]

    @classmethod
    def of(cls, sequences: Sequences, weights: Series[float] | None, model: LanguageModel) -> "Average":
        """Equal weights where none are given. Raises: CorpusError unless there is one a sequence, adding up to one."""
        many = len(sequences)
        relative = [1.0] * many if weights is None else [many * weight for weight in weights]
        if len(relative) != many or abs(sum(relative) / many - 1) > 1e-6:
            raise CorpusError(
                f"{len(relative)} weights that add up to {sum(relative) / many:.6g} were given for {many} sequences.",
                "Give one a sequence, adding up to 1.",
            )
        return cls(sequences, torch.tensor(relative, dtype=model.dtype, device=model.device))


class Objective:
    """The proximal Bregman objective's gradient in the tracked weights, and EK-FAC's inverse as preconditioner."""

    def __init__(
        self,
        model: LanguageModel,
        factors: Factors,
        sequence: Sequence,
        over: Average,
        weight: float,
        config: CounterfactualConfig,
    ) -> None:
        self._model, self._config = model, config
        self._fitted = {name: module.to(model.device_of(name)) for name, module in factors.modules.items()}
        self._over, self._weight = over, weight
        self._sequence = sequence
        self.batch_tokens = config.batch_tokens
        self.damping = {
            name: damping_value(config.damping, fitted.corrected_eigenvalues)
            for name, fitted in factors.modules.items()
        }

    def preconditioned(self, gradient: Step) -> dict[str, Tensor]:
        """(G~ + damping)^-1 gradient, with EK-FAC's G~."""
        return {
            name: precondition(
                part,
                self._fitted[name].gradient_basis,
                self._fitted[name].activation_basis,
                self._fitted[name].corrected_eigenvalues,
                self.damping[name],
            )
            for name, part in gradient.items()
        }

    def start(self) -> dict[str, Tensor]:
        """EK-FAC's own solution: (copies / N) (G~ + damping)^-1 grad log p(sequence)."""
        return self.preconditioned({name: -part for name, part in self.pull({}).items()})

    def gradient(self, step: Step) -> dict[str, Tensor]:
        """The objective's gradient at the model's weights plus `step`."""
        total = self.pull(step)
        with capture(self._model) as opened:
            for batch in batches(self._model, self._over.sequences, self._config.batch_tokens):
                for name, part in self._divergence(opened, batch, step).items():
                    total[name] += part / len(self._over.sequences)
        return {name: total[name] + self.damping[name] * step[name] for name in total}

    def pull(self, step: Step) -> dict[str, Tensor]:
        """(copies / N) x the gradient of the sequence's loss, at the model's weights plus `step`."""
        whole = EncodedQuery(self._sequence.ids, 1)
        if step:
            with moved(self._model, step):
                _, gradients = measured_gradients(self._model, [whole])
        else:
            _, gradients = measured_gradients(self._model, [whole])
        return {name: -self._weight * part[0] for name, part in gradients.items()}

    def _divergence(self, opened: Capture, batch: Batch, step: Step) -> dict[str, Tensor]:
        """The gradient of the batch's weighted divergence: softmax(moved) - softmax(own) in the logits."""
        own = torch.softmax(opened.forward(batch.ids), dim=-1)
        with moved(self._model, step):
            difference = torch.softmax(opened.forward(batch.ids), dim=-1) - own
            difference *= self._over.relative[batch.index, None, None]
            captured = opened.backward(difference.masked_fill_(~batch.predicting.unsqueeze(-1), 0))
        return _weight_gradients(captured)


def one_step(
    model: LanguageModel, queries: Series[Measurement], sequence: Sequence, relative_step: float = 1e-4
) -> tuple[float, ...]:
    """Tail-patch: the change of each query's log p after one plain gradient step on the sequence.

    The step goes along the gradient of the sequence's log-likelihood in the tracked weights; its norm is
    `relative_step` times theirs. In nats; the weights are restored bit for bit.
    """
    _, gradients = measured_gradients(model, [EncodedQuery(sequence.ids, 1)])
    step = {name: part[0] for name, part in gradients.items()}
    size = relative_step * weight_norm(model) / dot(step, step) ** 0.5
    encoded = [encode(model, query) for query in queries]
    before = [log_p_of(model, query) for query in encoded]
    with moved(model, step, size):
        return tuple(log_p_of(model, query) - old for query, old in zip(encoded, before, strict=True))


def _weight_gradients(captured: Captured) -> dict[str, Tensor]:
    return {
        name: sequence_gradients(gradients.flatten(0, 1)[None], captured.activations[name].flatten(0, 1)[None])[0]
        for name, gradients in captured.output_gradients.items()
    }
