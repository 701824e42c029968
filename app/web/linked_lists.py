"""The lists of a comparison: columns whose same sequences are joined by curves, and all of them in one table."""

from collections.abc import Callable, Sequence

from app.services import units
from app.services.shapes import Comparison
from app.web import charts
from app.web.context import Column, JoinedRow, SideView
from app.web.same_text import address_of
from app.web.views import Look, list_rows, sequence_url

CARD_STEP = 112
GUTTER = 56


def columns(found: Comparison, sides: Sequence[SideView], look: Look) -> tuple[Column, ...]:
    """What each run's list begins with, a column each."""
    keys = [_keys(found, index) for index in range(len(sides))]
    shown = [[keys[index][row.sequence_id] for row in run.rows] for index, run in enumerate(found.runs)]
    names = tuple(side.short for side in sides)
    height = CARD_STEP * max((len(ids) for ids in shown), default=0)
    return tuple(
        Column(
            side=side,
            rows=list_rows(side.run.rows, side.run.layers, side.run.query, side.run.run, side.unit, look),
            links=charts.links(shown[index], shown[index + 1], CARD_STEP, GUTTER) if index + 1 < len(sides) else (),
            height=height,
            elsewhere={sequence: _elsewhere(found, names, index, key) for sequence, key in keys[index].items()},
            keys=keys[index],
        )
        for index, side in enumerate(sides)
    )


def _keys(found: Comparison, index: int) -> dict[int, int]:
    """The place among the joined sequences of each sequence of a run."""
    ids = (item.sequence_ids[index] for item in found.sequences)
    return {sequence_id: key for key, sequence_id in enumerate(ids) if sequence_id is not None}


def _elsewhere(found: Comparison, names: tuple[str, ...], index: int, key: int) -> str:
    """Where the other runs' lists have the sequence, in words: the curves for those who do not see them."""
    others = [one for place, one in enumerate(zip(names, found.sequences[key].ranks, strict=True)) if place != index]
    if len(others) > 1 and all(rank is None for _, rank in others):
        return "not kept elsewhere"
    return " · ".join(f"{name}: {'not kept' if rank is None else rank}" for name, rank in others)


def joined(found: Comparison, url: Callable[[str], str]) -> tuple[JoinedRow, ...]:
    """Every sequence of any list; `url` is the page on which the one of an address is read in full."""
    rows = []
    for key, item in enumerate(found.sequences):
        under = zip(found.runs, item.sequence_ids, item.ranks, item.influences, strict=True)
        places = tuple(
            None
            if sequence_id is None or rank is None or raw is None
            else (rank, units.unit(run.training_sequences).of(raw), sequence_url(run.query, sequence_id, run.run))
            for run, sequence_id, rank, raw in under
        )
        rows.append(JoinedRow(key, url(address_of(item.ranks)), item.document, item.kind, item.text, places))
    return tuple(rows)
