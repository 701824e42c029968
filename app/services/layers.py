"""Where in the network the heaviest sequences of a run act: by layer, by third, and each sequence by itself."""

from collections.abc import Sequence as Many
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Influence, Run
from app.services import units
from app.services.results import done_run
from app.services.shapes import LayersView, SequenceLayers, Sign, SignLayers, Third
from app.services.units import Unit

BEGINNING = 160
_THIRDS: tuple[Literal["early", "middle", "late"], ...] = ("early", "middle", "late")


def layers(session: Session, run_id: str, first: int | None = None) -> LayersView:
    """The `first` heaviest sequences of each sign, or all kept, by layer. Conflict when the run is not done."""
    run = done_run(session, run_id)
    return LayersView(
        run=run_id,
        first=first,
        unit=units.unit(run.training_sequences).key,
        layers=run.layers,
        positive=_of_sign(session, run, "positive", first),
        negative=_of_sign(session, run, "negative", first),
    )


def thirds_of(session: Session, run: Run, sign: Sign) -> list[Third]:
    """What each third of the network holds of all kept sequences of one sign; none for fewer than three layers."""
    chosen = select(Influence.layer).where(Influence.run_id == run.id, Influence.sign == sign)
    return _thirds(_table(session.scalars(chosen.order_by(Influence.rank)).all(), run), run.layers)


def _of_sign(session: Session, run: Run, sign: Sign, first: int | None) -> SignLayers:
    wanted = (Influence.rank, Influence.sequence_id, Influence.document, Influence.text, Influence.influence)
    chosen = select(*wanted, Influence.layer).where(Influence.run_id == run.id, Influence.sign == sign)
    rows = session.execute(chosen.order_by(Influence.rank).limit(first)).all()
    unit = units.unit(run.training_sequences)
    table = _table([row.layer for row in rows], run)
    return SignLayers(
        sign=sign,
        sequences=len(rows),
        layers=table.sum(axis=0).tolist(),
        shares=_shares(table).tolist(),
        thirds=_thirds(table, run.layers),
        rows=[_row(row, values, unit) for row, values in zip(rows, table, strict=True)],
    )


def _table(rows: Many[NDArray[np.float32]], run: Run) -> NDArray[np.float64]:
    """The influence of each sequence by layer, in the run's unit."""
    table = np.array(rows, dtype=np.float64).reshape(len(rows), len(run.layers))
    return table / units.unit(run.training_sequences).divisor


def _row(row: Any, values: NDArray[np.float64], unit: Unit) -> SequenceLayers:
    return SequenceLayers(
        rank=row.rank,
        sequence_id=row.sequence_id,
        document=row.document,
        text=row.text[:BEGINNING],
        influence=unit.of(row.influence),
        layers=values.tolist(),
    )


def _shares(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """What each layer holds of the absolute influence; 0 where there is none."""
    held: NDArray[np.float64] = np.abs(table).sum(axis=0)
    return held / (held.sum() or 1.0)


def thirds(layers: int) -> list[tuple[int, int]]:
    """The stretches [start, stop) of the early, middle and late third; none for fewer than three layers."""
    if layers < len(_THIRDS):
        return []
    cuts = [round(layers * part / len(_THIRDS)) for part in range(len(_THIRDS) + 1)]
    return list(pairwise(cuts))


def _thirds(table: NDArray[np.float64], names: list[str]) -> list[Third]:
    shares = _shares(table)
    return [
        Third(
            name=name,
            layers=names[start:stop],
            share=float(shares[start:stop].sum()),
            influence=float(table[:, start:stop].sum()),
        )
        for name, (start, stop) in zip(_THIRDS, thirds(len(names)), strict=False)
    ]
