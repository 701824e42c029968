"""The checks of a sequence as its page shows them."""

from statistics import median

from sqlalchemy.orm import Session

from app.services import check_words, checks
from app.services.shapes import CheckKind, CounterfactualResult
from app.web import charts, check_events
from app.web.charts import Chart
from app.web.context import ChecksView, MovedRow
from app.web.sequence_view import SequenceChoice

# Of so many earlier checks the time of another is told.
RECENT = 20


def checks_view(session: Session, choice: SequenceChoice, model: str) -> ChecksView:
    """All checks of a sequence, as the view is to show them again after a change."""
    all_kinds = checks.of_run_sequence(session, choice.run, choice.sequence_id)
    found = {one.kind: one for one in all_kinds}
    reading = check_events.reading(choice.run, choice.sequence_id, all_kinds)
    counterfactual, step = found.get("counterfactual"), found.get("one_step")
    result = counterfactual.counterfactual if counterfactual else None
    return ChecksView(
        of=f"/api/v1/runs/{choice.run}/influences/{choice.sequence_id}/checks",
        version=None if reading.ended else reading.version,
        ask=choice.below("checks"),
        cancel=choice.below("checks/cancel"),
        retry=choice.below("checks/retry"),
        counterfactual=counterfactual,
        one_step=step,
        erasure=found.get("erasure"),
        moved=() if result is None else _rows(result),
        chart=None if result is None else _chart(_rows(result)),
        told="" if result is None else check_words.of_counterfactual(result),
        step_told="" if step is None or step.one_step is None else check_words.of_step(step.one_step),
        result=result,
        seconds=_seconds(session, model, "counterfactual"),
        erasure_seconds=_seconds(session, model, "erasure"),
    )


def _rows(result: CounterfactualResult) -> tuple[MovedRow, ...]:
    copy = "a copy" if result.training_sequences else "epsilon"
    both = ((f"{copy} more", result.added), (f"{copy} less", result.removed))
    return tuple(
        MovedRow(what, one.predicted, one.measured, check_words.ratio(one), one.iterations, one.residual)
        for what, one in both
        if one is not None
    )


def _chart(rows: tuple[MovedRow, ...]) -> Chart:
    values = [value for row in rows for value in (row.predicted, row.measured)]
    return charts.profile(values, ["predicted", "measured"] * len(rows))


def _seconds(session: Session, model: str, kind: CheckKind) -> float | None:
    """What a check has taken with this model, the middle of the latest."""
    took = [one.seconds for one in checks.of_model(session, model, kind, RECENT) if one.seconds is not None]
    return median(took) if took else None
