"""The view of a ranked list: its rows, the form above it, and what that leaves out."""

from dataclasses import replace

from sqlalchemy.orm import Session

from app.services import results, units
from app.services.listing import sought
from app.services.shapes import InfluencePage, InfluenceRow, QueryView, RunView, Sort
from app.web import words
from app.web.choices import Choices
from app.web.context import Carried, Controls, ListView, Looks, Option, Pager
from app.web.views import Look, address, list_rows, query_path

PAGE = 50
SORTS = (
    ("influence", "influence"),
    ("concentration", "concentration"),
    ("overlap", "overlap with the query"),
    ("document", "document"),
    ("length", "length"),
)
# What the form itself says; the rest of the address it takes along.
FIELDS = frozenset({"sort", "reverse", "find", "kind", "hide", "group", "page"})


def list_view(session: Session, query: QueryView, run: RunView, choices: Choices) -> ListView:
    """One page of a run's list as the address asks for it."""
    offset = (choices.page - 1) * PAGE
    page = results.influences(session, run.id, choices.sign, offset, PAGE, choices.listed)
    last, unit = offset + len(page.rows), units.unit(page.training_sequences)
    corpus = query.corpus if query.candidates is None else None
    look = Look(choices.colour == "list", choices.read, sought(choices.listed.find), choices.palette, corpus)
    chosen = choices.state(page=None, model=None, view=None, colour=None, read=None, palette=None, first=None)
    here = {**chosen, "run": run.id, "sign": choices.sign, "reference": None}
    path = query_path(choices.query_id)
    other = "negative" if choices.sign == "positive" else "positive"
    return ListView(
        page=page,
        unit=unit,
        why_raw=units.why_raw(run.model),
        beyond=units.beyond_reach((row.nats_per_copy for row in page.rows), run.log_p, run.log_p_against),
        rows=tuple(
            replace(row, measure=_measure(row.row, choices.listed.sort))
            for row in list_rows(page.rows, page.layers, choices.query_id, run.id, unit, look)
        ),
        pager=Pager(
            first=offset + 1,
            last=last,
            total=page.total,
            previous=choices.url(page=choices.page - 1) if choices.page > 1 else None,
            next=choices.url(page=choices.page + 1) if last < page.total else None,
        ),
        controls=_controls(page, choices),
        looks=Looks(choices.colours(), choices.readings(), choices.palettes()),
        first=choices.url(page=1),
        other_sign=choices.url(sign=other, page=1),
        csv=address(f"{path}/influences.csv", **here),
        parquet=address(f"{path}/influences.parquet", **here),
        json=address(f"/api/v1/runs/{run.id}/influences", **{**here, "run": None, "offset": offset, "limit": PAGE}),
    )


def _measure(row: InfluenceRow, sort: Sort) -> str:
    """What a row is ordered by, in a few words."""
    match sort:
        case "concentration":
            return f"concentration {row.concentration:.2f}"
        case "overlap":
            return "overlap unknown" if row.overlap is None else f"overlap {words.percent(row.overlap)}"
        case "length":
            return words.plural(len(row.tokens), "token")
        case _:
            return ""


def _controls(page: InfluencePage, choices: Choices) -> Controls:
    chosen = choices.listed
    kinds = [Option(kind, f"{kind} ({words.count(many)})", chosen.kind == kind) for kind, many in page.kinds.items()]
    if chosen.kind and chosen.kind not in page.kinds:
        kinds.append(Option(chosen.kind, f"{chosen.kind} (0)", chosen=True))
    carried = [Carried(name, str(value)) for name, value in choices.state().items() if name not in FIELDS]
    return Controls(
        find=chosen.find,
        sorts=tuple(Option(value, name, value == chosen.sort) for value, name in SORTS),
        reverse=chosen.reverse,
        kinds=(Option("", "any kind", not chosen.kind), *kinds) if len(kinds) > 1 or chosen.kind else (),
        hide=chosen.hide is not None,
        group=chosen.group is not None,
        carried=tuple(carried),
        told=_told(page),
        everything=choices.everything(),
        action=query_path(choices.query_id),
    )


def _told(page: InfluencePage) -> tuple[str, ...]:
    """What the list leaves out, and why; nothing where it shows all that is kept."""
    chosen = page.choice
    if not chosen.narrows:
        return ()
    parts = [f"{words.count(page.total)} of {words.count(page.kept)} kept sequences shown"]
    parts += [f"{words.count(page.folded)} more folded under them"] if page.folded else []
    parts += [f"“{chosen.find}” is in the text"] if chosen.find else []
    parts += [f"kind is {chosen.kind}"] if chosen.kind else []
    parts += ["hide spurious is on"] if chosen.hide else []
    parts += ["duplicates are grouped"] if chosen.group else []
    return tuple(parts)
