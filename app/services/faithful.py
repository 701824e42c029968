"""How faithful a model's influences were measured to be: its counterfactual checks taken together, and more of them."""

import math
from collections.abc import Iterator, Sequence
from statistics import median

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.jobs.client import Jobs
from app.models import Influence, Model, Query, Run
from app.services import checks
from app.services.errors import InvalidInput, NotFound
from app.services.shapes import CheckView, Faithfulness, MeasuredPair

MOST = 200
LEAST_PAIRS = 3
RESAMPLES = 2_000
NORMAL_95 = 1.959964


def of_model(session: Session, model: str) -> Faithfulness:
    """All counterfactual checks of a model's runs, taken together."""
    found = checks.of_model(session, model)
    done = [one for one in found if one.state == "done" and one.counterfactual is not None]
    every = [pair for one in done for pair in _pairs(one)]
    pairs = [pair for pair in every if pair.verdict != "not converged"]
    states = [one.state for one in found]
    return Faithfulness.model_validate(
        {
            "checks": len(done),
            "waiting": states.count("queued") + states.count("running"),
            "failed": states.count("failed"),
            "not_converged": len(every) - len(pairs),
            "pairs": pairs,
            **agreement([(pair.predicted, pair.measured) for pair in pairs], [pair.check for pair in pairs]),
            "holds": sum(pair.verdict == "holds" for pair in pairs),
        }
    )


def _pairs(check: CheckView) -> Iterator[MeasuredPair]:
    """The changes that a check measured: a copy added, and one taken away where there is one."""
    assert check.counterfactual is not None
    for change, moved in (("added", check.counterfactual.added), ("removed", check.counterfactual.removed)):
        if moved is not None:
            yield MeasuredPair.model_validate(
                {
                    "check": check.id,
                    "run": check.run,
                    "query": check.query,
                    "sequence_id": check.sequence_id,
                    "change": change,
                    "predicted": moved.predicted,
                    "measured": moved.measured,
                    "verdict": moved.verdict,
                }
            )


def agreement(pairs: Sequence[tuple[float, float]], groups: Sequence[str]) -> dict[str, object]:
    """How predicted and measured values agree.

    groups: what each pair belongs to. A copy added and the same copy taken away are nearly one measurement, so whole
    groups are resampled for the correlation's interval, and the share's interval counts groups.
    """
    values = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    same = [predicted * measured > 0 for predicted, measured in pairs]
    ratios = [measured / predicted for (predicted, measured), alike in zip(pairs, same, strict=True) if alike]
    enough = len(set(groups)) >= LEAST_PAIRS
    return {
        "pearson": pearson(values) if enough else None,
        "pearson_interval": interval(values, groups) if enough else None,
        "spearman": pearson(np.stack([_ranks(column) for column in values.T], axis=1)) if enough else None,
        "same_sign": sum(same),
        "same_sign_interval": wilson(sum(same) / len(same), len(set(groups))) if same else None,
        "ratio": median(ratios) if ratios else None,
    }


def pearson(values: NDArray[np.float64]) -> float | None:
    """The correlation of two columns; None where one of them does not vary."""
    centred = values - values.mean(axis=0)
    spread = np.sqrt((centred**2).sum(axis=0))
    if not spread.all():
        return None
    return float(np.clip((centred[:, 0] * centred[:, 1]).sum() / (spread[0] * spread[1]), -1, 1))


def _ranks(column: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 1; equal values share the mean of theirs."""
    _, place, counts = np.unique(column, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return ((last - counts + 1 + last) / 2)[place]


def interval(values: NDArray[np.float64], groups: Sequence[str], seed: int = 0) -> tuple[float, float] | None:
    """A percentile bootstrap of the correlation over whole groups, 95 %; None where too few samples have one."""
    _, place = np.unique(np.array(groups), return_inverse=True)
    number = int(place.max()) + 1
    drawn = np.random.default_rng(seed).multinomial(number, np.full(number, 1 / number), size=RESAMPLES)[:, place]
    # Drawing groups again and again weighs their pairs; in units of their spread squares lose nothing.
    scaled = (values - values.mean(axis=0)) / (values.std(axis=0) + np.finfo(np.float64).tiny)
    total = drawn.sum(axis=1)
    means = drawn @ scaled / total[:, None]
    spread = drawn @ scaled**2 / total[:, None] - means**2
    together = drawn @ (scaled[:, 0] * scaled[:, 1]) / total - means[:, 0] * means[:, 1]
    varies = (spread > 1e-12).all(axis=1)
    if varies.sum() < RESAMPLES // 2:
        return None
    found = together[varies] / np.sqrt(spread[varies].prod(axis=1))
    low, high = np.quantile(np.clip(found, -1, 1), [0.025, 0.975])
    return float(low), float(high)


def wilson(share: float, of: int) -> tuple[float, float]:
    """Wilson's interval (1927) of a share among so many, 95 %."""
    square = NORMAL_95**2
    middle = (share + square / (2 * of)) / (1 + square / of)
    reach = NORMAL_95 / (1 + square / of) * math.sqrt(share * (1 - share) / of + square / (4 * of**2))
    return max(middle - reach, 0.0), min(middle + reach, 1.0)


def ask(session: Session, jobs: Jobs, model: str, count: int) -> list[CheckView]:
    """Let workers check sequences of a model's answers, spread over queries, signs and ranks; behind people's queries.

    Raises: NotFound for a model that is not there, InvalidInput for a count out of range or a model without answers.
    """
    if not 1 <= count <= MOST:
        raise InvalidInput(f"{count} checks cannot be asked for at once.", f"Ask for 1 to {MOST}.", "count")
    chosen = choose(session, model, count)
    return [checks.ask(session, jobs, run, sequence, "counterfactual", urgent=False) for run, sequence in chosen]


def choose(session: Session, model: str, count: int) -> list[tuple[str, int]]:
    """Runs and sequences to check: curated queries first, then the newest; signs by turns; ranks from 1 to the last.

    The same answers give the same choice, so that asking for more adds to what was checked.
    """
    if session.get(Model, model) is None:
        raise NotFound(f"There is no model named {model!r}.", "`influence model list` shows those there are.")
    lists = _lists(session, model)
    if not lists:
        raise InvalidInput(
            f"No query of {model!r} is answered yet, so there is no sequence to check.",
            "Ask it a query of scope everything first.",
            "model",
        )
    chosen: dict[tuple[str, int], None] = {}
    for turn in range(4 * count):
        run, sign, length = lists[turn % len(lists)]
        rank = spread_rank(turn // len(lists), length)
        sequence = select(Influence.sequence_id).where(
            Influence.run_id == run, Influence.sign == sign, Influence.rank == rank
        )
        chosen[(run, session.scalars(sequence).one())] = None
        if len(chosen) == count:
            break
    return list(chosen)


def _lists(session: Session, model: str) -> list[tuple[str, str, int]]:
    """The lists of a model's answers: every second one negative, so that the first checks have both signs."""
    runs = (
        select(Run.id)
        .join(Query)
        .where(Run.model == model, Run.state == "done", Query.scope == "everything")
        .order_by(Query.curated.desc(), Query.created_at.desc(), Run.id)
        .limit(MOST)
    )
    order = {run: place for place, run in enumerate(session.scalars(runs))}
    counted = (
        select(Influence.run_id, Influence.sign, func.count())
        .where(Influence.run_id.in_(order))
        .group_by(Influence.run_id, Influence.sign)
    )
    rows = [(run, sign, length) for run, sign, length in session.execute(counted)]

    def turn(row: tuple[str, str, int]) -> tuple[bool, int]:
        first = ("positive", "negative")[order[row[0]] % 2]
        return row[1] != first, order[row[0]]

    return sorted(rows, key=turn)


def spread_rank(turn: int, length: int) -> int:
    """The rank to check in the given turn: the first, then ever between those before it, on a scale of ratios."""
    if turn == 0:
        return 1
    # Van der Corput's sequence: 1/2, 1/4, 3/4, 1/8 ... of the way from the first rank to the last.
    part, base, rest = 0.0, 0.5, turn
    while rest:
        part, base, rest = part + base * (rest % 2), base / 2, rest // 2
    return min(max(round(math.exp(part * math.log(length))), 1), length)
