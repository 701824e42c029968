"""Curves that join the same sequence in two neighbouring columns."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Link:
    """A line between the same sequence in two neighbouring columns of a comparison."""

    key: int
    path: str


def links(left: Sequence[int], right: Sequence[int], step: float, width: float) -> tuple[Link, ...]:
    """Curves from each sequence of the left column to the same one in the right; rows are `step` apart."""
    places = {key: row for row, key in enumerate(right)}
    found = []
    for row, key in enumerate(left):
        if key in places:
            start, end = (row + 0.5) * step, (places[key] + 0.5) * step
            middle = width / 2
            path = f"M0 {start:.0f}C{middle:.0f} {start:.0f} {middle:.0f} {end:.0f} {width:.0f} {end:.0f}"
            found.append(Link(key, path))
    return tuple(found)
