"""Two runs of a comparison held against each other: which sequences only one keeps, which both, and in what order."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.services import units
from app.services.comparison import Lists
from app.services.joining import Joinable
from app.web import charts
from app.web.charts import Both
from app.web.context import Held, HeldList, HeldRow, Tab
from app.web.views import sequence_url

FIRST = 12
TOLD = 60


@dataclass(frozen=True)
class _Joined:
    """A joined sequence under two runs, at least one of which keeps it."""

    key: int
    under: tuple[Joinable | None, Joinable | None]

    @property
    def ranks(self) -> tuple[int | None, int | None]:
        one, other = self.under
        return (None if one is None else one.rank, None if other is None else other.rank)

    @property
    def any(self) -> Joinable:
        return next(one for one in self.under if one is not None)


@dataclass(frozen=True)
class Pairing:
    """Which two of the joined lists, under which names, placed by "rank" or "influence"."""

    lists: Lists
    names: tuple[str, ...]
    places: tuple[int, int]
    by: str

    def held(self, axes: tuple[Tab, ...], pairs: tuple[Tab, ...], table: str) -> Held:
        """What the two keep, as the page shows it; `table` is where all of it stands."""
        rows = self._rows()
        left, right = (self.names[place] for place in self.places)
        one, other = self._units()
        return Held(
            left=left,
            right=right,
            lists=(
                self._list(f"Only in {left}", rows, lambda ranks: ranks[1] is None),
                self._list("In both", rows, lambda ranks: None not in ranks),
                self._list(f"Only in {right}", rows, lambda ranks: ranks[0] is None),
            ),
            chart=self._chart(rows),
            by=self.by,
            axes=axes,
            pairs=pairs,
            units=(one.name, other.name),
            table=table,
        )

    def _units(self) -> tuple[units.Unit, units.Unit]:
        one, other = (units.unit(self.lists.runs[place].training_sequences) for place in self.places)
        return one, other

    def _rows(self) -> list[_Joined]:
        first, second = self.places
        every = (_Joined(key, (row[first], row[second])) for key, row in enumerate(self.lists.rows))
        return [one for one in every if one.ranks != (None, None)]

    def _url(self, one: _Joined) -> str:
        place = self.places[0] if one.under[0] is not None else self.places[1]
        run = self.lists.runs[place]
        return sequence_url(run.query_id, one.any.sequence_id, run.id)

    def _list(
        self, name: str, rows: Sequence[_Joined], wanted: Callable[[tuple[int | None, int | None]], bool]
    ) -> HeldList:
        mine = sorted((one for one in rows if wanted(one.ranks)), key=lambda one: _sum(one.ranks))
        shown = tuple(HeldRow(one.key, self._url(one), one.any.text[:160], one.ranks) for one in mine[:FIRST])
        return HeldList(name, shown, len(mine))

    def _chart(self, rows: Sequence[_Joined]) -> charts.ScatterChart:
        one, other = self._units()

        def place(kept: Joinable | None, unit: units.Unit) -> float | None:
            if kept is None:
                return None
            return float(kept.rank) if self.by == "rank" else abs(unit.of(kept.influence))

        found = [
            Both(row.key, place(row.under[0], one), place(row.under[1], other), self._url(row), self._told(row))
            for row in rows
        ]
        return charts.by_rank(found) if self.by == "rank" else charts.by_influence(found, alike=one.key == other.key)

    def _told(self, row: _Joined) -> str:
        """A sequence in words: its ranks, and how it begins."""
        names = (self.names[place] for place in self.places)
        ranks = (
            f"{name}: {'not kept' if rank is None else f'rank {rank}'}"
            for name, rank in zip(names, row.ranks, strict=True)
        )
        return f"{', '.join(ranks)} · {' '.join(row.any.text.split())[:TOLD]}"


def _sum(ranks: tuple[int | None, int | None]) -> int:
    return sum(rank for rank in ranks if rank is not None)
