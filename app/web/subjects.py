"""A query or a sequence as something that people label, note and collect."""

from sqlalchemy.orm import Session

from app.services import annotations, collections
from app.services.annotations import Subject
from app.web.context import SubjectView
from app.web.views import address, query_path

# The collections that a page offers; older ones are reached through /collections.
OFFERED = 30


def subject_view(session: Session, subject: Subject, back: str | None = None) -> SubjectView:
    """What stands on a query or a sequence; `back` is the view that is shown again after a change, if not its page."""
    holding = collections.holding(session, subject)
    held = {one.id for one in holding}
    others = [one for one in collections.recent(session, limit=OFFERED).rows if one.id not in held]
    return SubjectView(
        what="query" if subject.run is None else "sequence",
        query=subject.query,
        run=subject.run,
        sequence_id=subject.sequence_id,
        annotation=annotations.get(session, subject),
        holding=tuple(holding),
        others=tuple(others),
        annotate=annotate_url(subject),
        back=back or subject.url,
    )


def annotate_url(subject: Subject) -> str:
    """Where the form of a label and a note is sent."""
    if subject.run is None:
        return f"{query_path(subject.query)}/annotation"
    return address(f"{query_path(subject.query)}/sequences/{subject.sequence_id}/annotation", run=subject.run)


def safe_back(back: str, otherwise: str) -> str:
    """An address of this site that a form names as the page to go back to; `otherwise` for any other."""
    own = back.startswith("/") and not back.startswith(("//", "/\\")) and "\n" not in back and "\r" not in back
    return back if own else otherwise
