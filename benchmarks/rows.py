"""Rows of results: what was measured, in which unit, beside its goal."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from benchmarks.machine import Measured

FLOORS = "x the floor"
ONE_FLOOR = "x the floor of one sequence"
FASTER = "x as fast"
MEMORY = "x the floor's memory"


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure to reach; `sense` says on which side of it."""

    limit: float
    sense: Literal["at most", "at least"] = "at most"

    def reached(self, value: float) -> bool:
        """Whether a value is on the right side."""
        return value <= self.limit if self.sense == "at most" else value >= self.limit

    def __str__(self) -> str:
        return f"{'≤' if self.sense == 'at most' else '≥'} {self.limit:g}"


# The figures to reach on two processor cores in float32, with the default sizes.
GOALS = {
    "fit passes": Goal(4.0),
    "fit passes, bfloat16": Goal(3.0),
    "tokens, 8 queries, rank 32": Goal(1.22),
    "tokens, 8 queries, rank 32, bfloat16": Goal(0.85),
    "hits, 8 queries, full rank": Goal(1.35),
    "scan, 64 queries": Goal(1.40),
    "scan, 256 queries": Goal(2.0),
    "memory of 256 queries, GiB": Goal(9.0),
    "memory of 256 queries, bfloat16, GiB": Goal(5.0),
    "prepare, full rank": Goal(1.5),
    "prepare, rank 32": Goal(1.5),
    "indexed query": Goal(20.0, "at least"),
    "index recall at 10": Goal(0.95, "at least"),
    "index size": Goal(4.0),
    "index lookup, a sequence": Goal(100.0, "at least"),
    "memory of a scan": Goal(1.3),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One figure in a unit.

    seconds: the median, and of how many rounds. kronfluence: the same figure of kronfluence in the same run.
    flops_per_second: matrix products counted from shapes, over the median.
    """

    key: str
    work: str
    unit: str
    value: float
    seconds: float | None = None
    rounds: int = 0
    kronfluence: float | None = None
    flops_per_second: float | None = None
    note: str = ""

    @property
    def goal(self) -> Goal | None:
        """The figure to reach, if one is set for this row."""
        return GOALS.get(self.key)

    def as_json(self) -> dict[str, Any]:
        """What docs/studies/engine.json holds of it."""
        goal = self.goal
        row = {key: value for key, value in asdict(self).items() if value is not None and value != ""}
        if goal is not None:
            row["goal"] = str(goal)
            row["reached"] = goal.reached(self.value)
        return row

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> "Row":
        """Read back what `as_json` wrote; goals are always today's."""
        known = {key: value for key, value in row.items() if key in cls.__dataclass_fields__}
        return cls(**known)


def floors(key: str, work: str, side: Measured, floor: Measured, other: float | None = None, note: str = "") -> Row:
    """A row of a whole side over the floor of the same run; `other` is kronfluence's seconds."""
    return Row(
        key,
        work,
        FLOORS,
        side.median / floor.median,
        side.median,
        len(side.seconds),
        None if other is None else other / floor.median,
        side.flops / side.median if side.flops else None,
        note,
    )
