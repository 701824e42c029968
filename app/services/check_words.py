"""What a check found, in words that need no knowledge of the method."""

from app.services.checks import FACTOR
from app.services.shapes import CheckView, CounterfactualResult, Moved, OneStepResult


def of_moved(moved: Moved) -> str:
    """One sentence on a predicted and a measured change of log p."""
    match moved.verdict:
        case "holds":
            return "The estimate holds."
        case "too small":
            return "Both are too small to be told from rounding."
        case "not converged":
            way = "the way predicted" if moved.predicted * moved.measured > 0 else "the other way"
            return (
                f"Not settled: the solve stopped with {100 * moved.residual:.0f} % of its start left. So far log p "
                f"moves {way}; by how much is not known."
            )
        case "sign differs":
            return "The estimate does not hold: log p moves the other way."
        case "size differs":
            return _size(moved)


def _size(moved: Moved) -> str:
    if not moved.measured:
        return "The estimate does not hold: nothing moves."
    ratio = moved.predicted / moved.measured
    if ratio > 1:
        return f"The direction is right, the size is overstated {_times(ratio)}."
    return f"The direction is right, the size is understated {_times(1 / ratio)}."


def _times(factor: float) -> str:
    return f"{factor:.0f} times" if factor >= 9.5 else f"{factor:.1f} times"


def ratio(moved: Moved) -> float | None:
    """Measured over predicted; None where nothing was predicted."""
    return moved.measured / moved.predicted if moved.predicted else None


def of_counterfactual(result: CounterfactualResult) -> str:
    """What a counterfactual check says on the whole."""
    return of_moved(result.added)


def of_step(result: OneStepResult) -> str:
    """What a gradient step says of the sign."""
    match result.verdict:
        case "holds":
            return "Log p moves the way influence says."
        case "too small":
            return "The change is too small to be told from rounding."
        case _:
            return "Log p moves the other way than influence says."


def lines(check: CheckView) -> list[str]:
    """A check for a terminal."""
    found = [f"{check.kind.replace('_', ' ')}: {check.state}"]
    if check.error is not None:
        found += [check.error.problem, check.error.remedy]
    if check.counterfactual is not None:
        found += _counterfactual(check.counterfactual)
    if check.one_step is not None:
        step = check.one_step
        found.append(f"  one gradient step: log p {step.measured:+.3g} nats; influence {step.influence:+.4g} raw")
        found.append(f"  {of_step(step)}")
    if check.erasure is not None:
        found.append(f"  {len(check.erasure.output)} tokens, three ways; --json prints them")
    return found


def _counterfactual(result: CounterfactualResult) -> list[str]:
    found = []
    for what, moved in (("a copy more", result.added), ("a copy less", result.removed)):
        if moved is not None:
            numbers = f"predicted {moved.predicted:+.3g}, measured {moved.measured:+.3g} nats"
            found.append(f"  {what}: {numbers} (residual {moved.residual:.2g}). {of_moved(moved)}")
    if result.training_sequences is None:
        found.append(f"  N is unknown: a copy is weighed 1/{result.corpus_sequences}, as a sequence of the corpus is.")
    found.append(
        f"  Averaged over {result.averaged_over} of {result.corpus_sequences} sequences; an estimate holds within a "
        f"factor of {FACTOR:g}."
    )
    return found
