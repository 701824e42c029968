"""A sequence's influence with the exact damped inverse of a sample's Gauss-Newton matrix, in place of EK-FAC's.

    (1 / N) grad m^T (G + damping)^-1 grad log p(z),    G = sum_s w_s J_s^T H_s J_s,

is what the proximal Bregman objective's minimum (`engine.pipeline.counterfactual`) does to a measurement m to first
order in 1/N: the same number with opposite signs for a copy more and a copy less. Beside EK-FAC's prediction it tells
what EK-FAC's approximation of the inverse costs; beside the measured change, what the distance of a whole copy costs.
"""

from collections.abc import Iterable
from collections.abc import Sequence as Series
from dataclasses import dataclass

from torch import Tensor

from engine.corpus.batches import batches, checked
from engine.corpus.encoding import encode
from engine.maths.conjugate import solve
from engine.maths.descent import dot
from engine.model.language_model import LanguageModel
from engine.model.tangents import Tangents, tangents
from engine.pipeline.counterfactual import Average, CounterfactualConfig, Objective, Step
from engine.pipeline.query import measured_gradients
from engine.storage.factors import Factors
from engine.terms import Measurement, Progress, ProgressCallback, Sequence, silent


@dataclass(frozen=True, slots=True)
class FirstOrder:
    """Changes of the measurements, one a query, in nats.

    predicted: with EK-FAC's damped inverse, copies x influence / N. exact: with the exact damped inverse.
    residual: what conjugate gradients left of the system, as a share of the start in the preconditioner's norm.
    """

    predicted: tuple[float, ...]
    exact: tuple[float, ...]
    iterations: int
    residual: float


def first_order(
    model: LanguageModel,
    factors: Factors,
    queries: Series[Measurement],
    sequence: Sequence,
    sequences: Iterable[Sequence],
    training_sequences: int,
    config: CounterfactualConfig = CounterfactualConfig(),
    progress: ProgressCallback | None = None,
    weights: Series[float] | None = None,
) -> FirstOrder:
    """Solve (G + damping) x = (copies / N) grad log p(sequence) and project x on every query's gradient.

    sequences, weights: over which G is averaged, as in `counterfactual`. config: its `copies`, `iterations` and
    `tolerance` are those of this solve, whose iterations take one product with G each, preconditioned with EK-FAC.
    No weight is moved.

    Raises: CorpusError, QueryError, FactorsError, NumericalError, DeviceError.
    """
    factors.check(model)
    encoded = [encode(model, query) for query in queries]
    over = Average.of(checked(sequences), weights, model)
    objective = Objective(model, factors, sequence, over, config.copies / training_sequences, config)
    right = {name: -part for name, part in objective.pull({}).items()}
    report = progress or silent
    with tangents(model) as opened:
        found = solve(
            lambda step: _damped(model, opened, over, objective, step),
            objective.preconditioned,
            right,
            config.tolerance,
            config.iterations,
            lambda done: report(Progress("counterfactual", done, config.iterations)),
        )
    _, gradients = measured_gradients(model, encoded)
    each = [{name: part[place] for name, part in gradients.items()} for place in range(len(encoded))]
    start = objective.preconditioned(right)
    return FirstOrder(
        tuple(dot(gradient, start) for gradient in each),
        tuple(dot(gradient, found.point) for gradient in each),
        found.iterations,
        found.residual,
    )


def _damped(
    model: LanguageModel, opened: Tangents, over: Average, objective: Objective, step: Step
) -> dict[str, Tensor]:
    """(G + damping) step."""
    total = {name: objective.damping[name] * part for name, part in step.items()}
    relative = over.relative / len(over.sequences)
    for batch in batches(model, over.sequences, objective.batch_tokens):
        for name, part in opened.product(batch.ids, batch.predicting, step, relative[batch.index]).items():
            total[name] += part
    return total
