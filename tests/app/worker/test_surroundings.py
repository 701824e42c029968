"""Documents read from disk without the worker: one by its id, what was cut from it, and who keeps that."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

from app.jobs.client import NullJobs
from app.models import Corpus
from app.services import cut_sequences, documents, neighbours, results, surroundings
from app.services.errors import Conflict, NotFound
from app.services.shapes import DocumentPlace, InfluenceRow, Reading
from app.web.main import create_app
from app.worker.documents import Document, add_corpus, append_corpus
from app.worker.tokens import TokenSequences
from tests.app.worker.world import World

ODD = "a folder/with space/ünd #1?.json"


def long_text(number: int) -> str:
    return " ".join(f"Line {line} of book {number} tells of the mill and the town." for line in range(2 + number))


def made(world: World, tiny: Path, reading: Reading = Reading()) -> World:
    books = [Document(f"book-{i}", "prose", "made", long_text(i), f'{{"shelf": {i}}}') for i in range(8)]
    books.append(Document(ODD, None, "made", "A short one."))
    add_corpus(world.sessions, world.home, "towns", "made", books, reading)
    world.model("tiny", tiny)
    return world


@pytest.fixture(params=["documents", "packed"])
def library(request: pytest.FixtureRequest, new_world: Callable[..., World], tiny: Path) -> World:
    """A world whose documents are cut in pieces, or packed."""
    return made(new_world(), tiny, Reading(sequences=request.param))


def answered(world: World, **changed: Any) -> str:
    (run,) = world.ask(**{"keep": 200, **changed})
    world.answer(run)
    return run


def test_documents_are_found_by_id_and_paged_without_the_library_that_wrote_them(library: World) -> None:
    with library.sessions() as session:
        stored = documents.of_corpus(session, library.home, "towns")
    assert len(stored) == 9
    assert stored.number("book-3") == 3
    assert stored[3] == documents.StoredDocument(3, "book-3", "prose", "made", long_text(3), {"shelf": 3})
    assert stored[stored.number(ODD)].text == "A short one."
    assert [stored.id(number) for number in (-1, 0, 8, 9)] == [None, "book-0", ODD, None]
    assert [row.id for row in stored.page(1, limit=3).rows] == ["book-2", "book-3", "book-4"]
    found = stored.page(0, limit=2, find="BOOK")
    assert ([row.id for row in found.rows], found.total) == (["book-1", "book-2"], 8)
    assert found.rows[0].beginning == long_text(1)[: documents.HEAD]
    with pytest.raises(NotFound, match="holds no document 'book'"):
        stored.number("book")


def test_documents_that_came_later_are_there_too(library: World, tmp_path: Path) -> None:
    with library.sessions() as session:
        assert len(documents.of_corpus(session, library.home, "towns")) == 9
    more = tmp_path / "more.jsonl"
    more.write_text('{"id": "late", "text": "A late one."}\n')
    append_corpus(library.sessions, library.home, "towns", str(more))
    with library.sessions() as session:
        stored = documents.of_corpus(session, library.home, "towns")
    assert stored.number("late") == 9
    assert stored.id(9) == "late"


def test_a_corpus_that_is_not_here_says_so(library: World) -> None:
    with library.sessions() as session:
        with pytest.raises(NotFound, match="no corpus named 'nowhere'"):
            documents.of_corpus(session, library.home, "nowhere")
        with pytest.raises(Conflict, match="cannot be read on this machine"):
            documents.of_corpus(session, library.home / "elsewhere", "towns")
        session.add(Corpus(name="unread", source="x"))
        session.flush()
        with pytest.raises(Conflict, match="has not been read yet"):
            documents.of_corpus(session, library.home, "unread")


def test_the_pieces_of_a_document_are_those_that_the_worker_knows(library: World) -> None:
    run = answered(library)
    with library.sessions() as session:
        cut = cut_sequences.of_run(session, library.home, library.run(run))
    assert cut is not None
    (folder,) = (library.home / "corpora" / "towns" / "tokens").iterdir()
    known = TokenSequences.read(folder)
    for document in range(9):
        holders = [place for place in range(len(known)) if document in {one.document for one in known.held(place, 1)}]
        assert cut.of_document(document) == holders
    for place in range(len(known)):
        told = [(one.document, one.start, one.count) for one in cut.pieces(place, 1)]
        assert told == [(one.document, one.start, one.count) for one in known.held(place, 1)]


def test_neighbours_in_a_document_put_together_are_its_text(library: World) -> None:
    run = answered(library)
    rows = {row.sequence_id: row for sign in ("positive", "negative") for row in library.rows(run, sign)}
    with library.sessions() as session:
        cut = cut_sequences.of_run(session, library.home, library.run(run))
        assert cut is not None
        holders = cut.of_document(7)
        assert len(holders) >= 3
        # A packed sequence is named after another document where that carries more of it.
        middles = [place for place in holders[1:-1] if rows[place].document == "book-7"]
        assert middles
        for place in middles:
            around = surroundings.of_sequence(session, library.home, run, place).documents[0]
            at = holders.index(place)
            assert (around.document, around.pieces, around.place) == ("book-7", len(holders), at + 1)
            assert around.previous is not None
            assert around.next is not None
            assert (around.previous.sequence_id, around.next.sequence_id) == (holders[at - 1], holders[at + 1])
            assert around.previous.kept
            assert around.previous.influence == rows[holders[at - 1]].influence
            joined = f"{around.previous.text}{rows[place].text}{around.next.text}"
            assert joined in long_text(7)


def test_a_document_that_is_one_sequence_has_no_neighbour(new_world: Callable[..., World], tiny: Path) -> None:
    world = made(new_world(), tiny)
    run = answered(world)
    (place,) = [
        row.sequence_id for sign in ("positive", "negative") for row in world.rows(run, sign) if row.document == ODD
    ]
    with world.sessions() as session:
        around = surroundings.of_sequence(session, world.home, run, place)
    assert (len(around.documents), around.left_out) == (1, 0)
    assert around.documents[0] == DocumentPlace(document=ODD, pieces=1, place=1, previous=None, next=None)


def kept_rows(world: World, run: str) -> dict[int, InfluenceRow]:
    """All that a run keeps, by place."""
    return {row.sequence_id: row for sign in ("positive", "negative") for row in world.rows(run, sign)}


def test_a_packed_sequence_has_a_place_in_each_of_its_documents(new_world: Callable[..., World], tiny: Path) -> None:
    world = made(new_world(), tiny, Reading(sequences="packed"))
    run = answered(world)
    rows = kept_rows(world, run)
    with world.sessions() as session:
        cut = cut_sequences.of_run(session, world.home, world.run(run))
        stored = documents.of_corpus(session, world.home, "towns")
        assert cut is not None
        found = {place: surroundings.of_sequence(session, world.home, run, place) for place in rows}
        several = 0
        for place, around in found.items():
            held = list(dict.fromkeys(stored.id(one.document) for one in cut.pieces(place, 1)))
            names = [one.document for one in around.documents]
            assert names[0] == rows[place].document
            assert names[1:] == [name for name in held if name != names[0]]
            assert around.left_out == 0
            several += len(names) > 1
            for one in around.documents:
                holders = cut.of_document(stored.number(one.document))
                at = holders.index(place)
                assert (one.pieces, one.place) == (len(holders), at + 1)
                beside = (one.previous and one.previous.sequence_id, one.next and one.next.sequence_id)
                assert beside == (holders[at - 1] if at else None, [*holders, None][at + 1])
                # Its text in this document, not in another that the neighbour holds as well.
                text = stored[stored.number(one.document)].text
                assert all(side.text and side.text in text for side in (one.previous, one.next) if side)
    assert several > 2


def test_of_many_documents_the_first_are_shown_and_the_rest_counted(
    new_world: Callable[..., World], tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbours, "MOST_DOCUMENTS", 2)
    world = new_world()
    texts = [Document(f"line-{i}", "prose", "made", f"Line {i}.") for i in range(6)]
    add_corpus(world.sessions, world.home, "towns", "made", texts, Reading(sequences="packed"))
    world.model("tiny", tiny)
    run = answered(world)
    row = max(kept_rows(world, run).values(), key=lambda row: row.others)
    with world.sessions() as session:
        held = [one.document for one in results.influence(session, run, row.sequence_id).documents]
    assert len(held) > 3
    with world.sessions() as session:
        around = surroundings.of_sequence(session, world.home, run, row.sequence_id)
        away = surroundings.of_sequence(session, world.home / "elsewhere", run, row.sequence_id)
    first = next(name for name in held if name != row.document)
    assert [one.document for one in around.documents] == [row.document, first]
    assert around.left_out == len(held) - 2
    # Where the corpus is not on this machine the same documents are named, and nothing more is told of them.
    assert [(one.document, one.pieces, one.place) for one in away.documents] == [
        (row.document, None, None),
        (first, None, None),
    ]
    with TestClient(create_app(world.settings, NullJobs())) as client:
        page = client.get(f"/queries/{run.split('-')[0]}/sequences/{row.sequence_id}?run={run}").text
    assert f"And some of {len(held) - 2} more documents" in page
    assert [f'href="/corpora/towns/documents/{name}"' in page for name in (row.document, first)] == [True, True]


def test_other_queries_that_keep_a_sequence_are_told_the_heaviest_first(library: World) -> None:
    first, second, third = (answered(library, completion=word) for word in ("opened", "closed", "burnt"))
    texts = [{"id": "a", "text": "The mill."}]
    answered(library, scope="candidates", candidates=texts, completion="else")
    place = library.rows(first)[0].sequence_id
    expected = {}
    for run in (second, third):
        rows = [row for sign in ("positive", "negative") for row in library.rows(run, sign)]
        expected[run] = next(row for row in rows if row.sequence_id == place)
    with library.sessions() as session:
        around = surroundings.of_sequence(session, library.home, first, place)
        with pytest.raises(NotFound, match="keeps no sequence 900"):
            surroundings.of_sequence(session, library.home, first, 900)
    by_weight = sorted(expected, key=lambda run: -abs(expected[run].influence))
    assert [one.run for one in around.elsewhere] == by_weight
    assert [one.rank for one in around.elsewhere] == [expected[run].rank for run in by_weight]


@pytest.fixture
def client(library: World) -> Iterator[TestClient]:
    with TestClient(create_app(library.settings, NullJobs()), raise_server_exceptions=False) as opened:
        yield opened


def test_a_document_has_a_page_and_a_twin_whatever_its_id_holds(library: World, client: TestClient) -> None:
    run = answered(library)
    address = "/corpora/towns/documents/a%20folder%2Fwith%20space%2F%C3%BCnd%20%231%3F.json"
    page = client.get(address)
    assert page.status_code == 200
    assert "A short one." in page.text
    assert "document 9 of 9" in page.text
    assert client.get(f"{address}.json").json() == client.get(f"/api/v1{address}").json()
    body = client.get("/api/v1/corpora/towns/documents/book-7").json()
    assert (body["text"], body["previous"], body["next"]) == (long_text(7), "book-6", ODD)
    assert body["metadata"] == {"shelf": 7}
    kept = {one["sequence_id"]: one for one in body["kept"]}
    rows = {row.sequence_id: row for sign in ("positive", "negative") for row in library.rows(run, sign)}
    assert set(kept) == set(body["sequences"]) & set(rows)
    assert all(one["influence"] == rows[place].influence for place, one in kept.items())
    missing = client.get("/corpora/towns/documents/nothing")
    assert missing.status_code == 404
    assert "holds no document" in missing.text


def test_a_long_document_is_cut_until_all_of_it_is_asked_for(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.web.pages.documents.SHOWN", 100)
    address = "/corpora/towns/documents/book-7"
    cut, whole = client.get(address).text, client.get(f"{address}?whole=true").text
    assert long_text(7)[:100] in cut
    assert long_text(7) not in cut
    assert f'href="{address}?whole=true"' in cut
    assert long_text(7) in whole


def test_a_sequences_page_shows_its_place_in_the_document(library: World, client: TestClient) -> None:
    run = answered(library)
    query = run.split("-")[0]
    row = next(row for row in library.rows(run) if row.document == "book-7")
    places = client.get(f"/api/v1/runs/{run}/influences/{row.sequence_id}/surroundings").json()["documents"]
    page = client.get(f"/queries/{query}/sequences/{row.sequence_id}?run={run}&read=word&palette=paper").text
    assert places[0]["document"] == "book-7"
    assert f"piece {places[0]['place']} of {places[0]['pieces']}." in page
    for place in places:
        assert f'href="/corpora/towns/documents/{quote(place["document"])}"' in page
        for side in (place["previous"], place["next"]):
            if side is not None:
                other = f"/queries/{query}/sequences/{side['sequence_id']}?run={run}"
                assert f'href="{other}&amp;read=word&amp;palette=paper"' in page
