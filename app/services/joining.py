"""Which kept sequences of different runs are the same: by place in the corpus, or by what they hold of documents."""

from collections import defaultdict
from collections.abc import Iterator
from collections.abc import Sequence as Many
from dataclasses import dataclass
from itertools import combinations
from typing import Any, NamedTuple


class Joinable(NamedTuple):
    """A kept sequence, as much of it as is needed to join it. `documents` is None where it is not to tell."""

    rank: int
    sequence_id: int
    influence: float
    document: str
    kind: str | None
    text: str
    documents: list[dict[str, Any]] | None = None


Row = tuple[Joinable | None, ...]


@dataclass(frozen=True)
class Stretch:
    """The characters [start, stop) of a document; `stop` is None where an answer of old does not tell the place."""

    document: str
    start: int
    stop: int | None


def by_sequence(columns: Many[Many[Joinable]]) -> list[Row]:
    """One row for each sequence that any run keeps; all runs number the same sequences."""
    by_id = [{one.sequence_id: one for one in column} for column in columns]
    every = dict.fromkeys(one.sequence_id for column in columns for one in column)
    return [tuple(column.get(sequence_id) for column in by_id) for sequence_id in every]


def by_document(columns: Many[Many[Joinable]]) -> list[Row]:
    """One row for each sequence that any run keeps; of different runs those are one whose stretches overlap.

    The pairs of the longest overlap are joined first, the heavier first where it is as long, and each sequence at most
    once with one of another run.
    """
    members = [(place, one) for place, column in enumerate(columns) for one in column]
    held: list[dict[int, int]] = [{place: number} for number, (place, _) in enumerate(members)]
    for first, second in _pairs(members):
        mine, other = held[first], held[second]
        if mine is other or mine.keys() & other.keys():
            continue
        mine.update(other)
        for number in other.values():
            held[number] = mine
    groups = {id(group): group for group in held}.values()
    return [
        tuple(members[group[place]][1] if place in group else None for place in range(len(columns))) for group in groups
    ]


def _pairs(members: Many[tuple[int, Joinable]]) -> list[tuple[int, int]]:
    """The pairs of sequences of different runs that overlap, the best first."""
    found: dict[tuple[int, int], int] = defaultdict(int)
    for holders in _by_document(members).values():
        for (first, one), (second, other) in combinations(holders, 2):
            if members[first][0] != members[second][0]:
                found[first, second] += overlap(one, other)

    def order(pair: tuple[int, int]) -> tuple[int, int, tuple[int, int]]:
        return -found[pair], members[pair[0]][1].rank + members[pair[1]][1].rank, pair

    return sorted((pair for pair, shared in found.items() if shared > 0), key=order)


def _by_document(members: Many[tuple[int, Joinable]]) -> dict[str, list[tuple[int, Stretch]]]:
    holders: dict[str, list[tuple[int, Stretch]]] = defaultdict(list)
    for number, (_, one) in enumerate(members):
        for stretch in stretches(one):
            holders[stretch.document].append((number, stretch))
    return holders


def stretches(kept: Joinable) -> Iterator[Stretch]:
    """What a kept sequence holds of which documents."""
    if not kept.documents:
        yield Stretch(kept.document, 0, None)
    for held in kept.documents or ():
        yield Stretch(held["document"], held["begins"], held["begins"] + held["stop"] - held["start"])


def overlap(one: Stretch, other: Stretch) -> int:
    """How many characters two stretches of a document share; 1 where nobody knows the place of either."""
    if one.stop is None or other.stop is None:
        return 1
    return max(0, min(one.stop, other.stop) - max(one.start, other.start))
