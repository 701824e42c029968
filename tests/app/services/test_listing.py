"""Lists are chosen, ordered and folded as their parameters say, and say how many they left out."""

from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy.orm import Session, sessionmaker

from app.services import results
from app.services.errors import InvalidInput
from app.services.listing import concentration
from app.services.shapes import InfluencePage, ListChoice
from tests.app.rows import add_catalog, answer, submit

TEXTS = {
    1: "The mill opened.",
    2: "A  MILL\nopened twice.",
    3: "Nothing here (a.b)",
    4: "The mill opened.",
    5: "the mill",
}
DOCUMENTS = {1: "town/10", 2: "town/9", 3: "Almanac", 4: "town/10", 5: "zoo"}


@pytest.fixture
def run(sessions: sessionmaker[Session]) -> str:
    """Five sequences: 4 repeats 1, 5 repeats 1 and is spurious, 3 has no overlap."""
    add_catalog(sessions)
    [run] = submit(sessions)
    made = answer(run, {1: 9.0, 2: 6.0, 3: 5.0, 4: 4.0, 5: 2.0}, {7: -1.0})
    rows = []
    for row in made.positive:
        number = row.sequence_id
        text = TEXTS[number]
        tokens = np.zeros(number + 2, dtype=np.float32)
        tokens[:number] = row.influence / number
        cuts = np.linspace(0, len(text), len(tokens) + 1).astype(np.int32)
        rows.append(
            replace(
                row,
                text=text,
                document=DOCUMENTS[number],
                kind="fact" if number % 2 else "poem",
                token=tokens,
                offsets=np.stack([cuts[:-1], cuts[1:]], axis=1),
                flags=("spurious",) if number == 5 else (),
                duplicate_of=1 if number in (4, 5) else None,
                overlap=None if number == 3 else number / 10,
            )
        )
    with sessions() as session:
        assert results.record(session, replace(made, positive=rows))
    return run


def chosen(
    sessions: sessionmaker[Session], run: str, offset: int = 0, limit: int = 50, **choice: object
) -> InfluencePage:
    """The positive list as chosen."""
    with sessions() as session:
        return results.influences(session, run, "positive", offset, limit, ListChoice.model_validate(choice))


def ids(page: InfluencePage) -> list[int]:
    return [row.sequence_id for row in page.rows]


@pytest.mark.parametrize(
    ("sort", "expected", "turned"),
    [
        ("influence", [1, 2, 3, 4, 5], [5, 4, 3, 2, 1]),
        ("concentration", [1, 2, 3, 4, 5], [5, 4, 3, 2, 1]),
        ("overlap", [5, 4, 2, 1, 3], [1, 2, 4, 5, 3]),
        ("document", [3, 2, 1, 4, 5], [5, 1, 4, 2, 3]),
        ("length", [5, 4, 3, 2, 1], [1, 2, 3, 4, 5]),
    ],
)
def test_a_list_stands_in_the_order_chosen(
    sessions: sessionmaker[Session], run: str, sort: str, expected: list[int], turned: list[int]
) -> None:
    assert ids(chosen(sessions, run, sort=sort)) == expected
    turned = (
        expected[::-1]
        if sort not in ("overlap", "document")
        else {"overlap": [1, 2, 4, 5, 3], "document": [5, 1, 4, 2, 3]}[sort]
    )
    assert ids(chosen(sessions, run, sort=sort, reverse=True)) == turned


def test_concentration_is_the_two_norm_over_the_one_norm(sessions: sessionmaker[Session], run: str) -> None:
    assert concentration(np.array([3.0, -4.0, 0.0], dtype=np.float32)) == pytest.approx(5 / 7)
    assert concentration(np.zeros(4, dtype=np.float32)) == 0
    assert concentration(np.array([2e-30], dtype=np.float32)) == 1
    rows = chosen(sessions, run).rows
    assert [row.concentration for row in rows] == pytest.approx([number**-0.5 for number in range(1, 6)])


def test_a_search_finds_any_capitals_and_any_white_space_and_nothing_is_a_pattern(
    sessions: sessionmaker[Session], run: str
) -> None:
    assert ids(chosen(sessions, run, find="mill OPENED")) == [1, 2, 4]
    assert ids(chosen(sessions, run, find="(a.b")) == [3]
    assert ids(chosen(sessions, run, find="a.b")) == [3]
    assert ids(chosen(sessions, run, find=".*")) == []
    assert ids(chosen(sessions, run, find="  ")) == [1, 2, 3, 4, 5]


def test_a_search_that_is_too_long_is_refused(sessions: sessionmaker[Session], run: str) -> None:
    with pytest.raises(InvalidInput, match="201 characters; 200 are the most"):
        chosen(sessions, run, find="x" * 201)


def test_what_is_left_out_is_counted(sessions: sessionmaker[Session], run: str) -> None:
    page = chosen(sessions, run, hide="spurious", kind="fact")
    assert ids(page) == [1, 3]
    assert (page.kept, page.total, page.folded) == (5, 2, 0)
    assert page.kinds == {"fact": 3, "poem": 2}


def test_duplicates_are_folded_under_the_heaviest_that_is_listed(sessions: sessionmaker[Session], run: str) -> None:
    page = chosen(sessions, run, group="duplicates")
    assert ids(page) == [1, 2, 3]
    assert [[other.rank for other in row.repeats] for row in page.rows] == [[4, 5], [], []]
    assert (page.total, page.folded) == (3, 2)
    assert page.rows[0].repeats[0].nats_per_copy == pytest.approx(4.0 / 40)
    # Of a group whose heaviest does not match, the next one leads.
    poems = chosen(sessions, run, group="duplicates", kind="poem")
    assert [(row.sequence_id, [other.sequence_id for other in row.repeats]) for row in poems.rows] == [(2, []), (4, [])]
    assert ids(chosen(sessions, run, group="duplicates", sort="length")) == [3, 2, 1]


def test_pages_of_a_chosen_list_join_to_the_whole(sessions: sessionmaker[Session], run: str) -> None:
    pages = [chosen(sessions, run, offset, 1, sort="length", hide="spurious") for offset in range(5)]
    assert [number for page in pages for number in ids(page)] == [4, 3, 2, 1]
    assert {page.total for page in pages} == {4}
    assert [row.rank for page in pages for row in page.rows] == [4, 3, 2, 1]


def test_the_other_sign_is_chosen_by_itself(sessions: sessionmaker[Session], run: str) -> None:
    with sessions() as session:
        page = results.influences(session, run, "negative", 0, 50, ListChoice(group="duplicates", sort="overlap"))
    assert (ids(page), page.kept) == ([7], 1)
