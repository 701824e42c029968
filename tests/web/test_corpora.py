"""What the pages and the API say about corpora of one's own: their parts, what was skipped, and their metadata."""

from typing import Any

from sqlalchemy import select

from app.database import writing
from app.models import Corpus, Influence, TokenizedCorpus
from tests.web.conftest import Site
from tests.web.filling import Asked, add_query

PARTS: list[dict[str, Any]] = [
    {
        "path": f"corpora/demo/documents{number}",
        "source": f"/data/{name}.jsonl",
        "documents": documents,
        "fingerprint": name * 4,
        "skipped": skipped,
        "added_at": "2026-01-02T03:04:05+00:00",
    }
    for number, (name, documents, skipped) in enumerate((("first", 4_000, 0), ("<second>", 12, 23)))
]
SKIPPED = {
    "count": 23,
    "reasons": {"not JSON": 22, "no field 'text'": 1},
    "first": [{"place": f"line {i} of <second>.jsonl", "reason": "not JSON"} for i in range(1, 21)],
}


def grown(site: Site, **changed: object) -> None:
    """Let the demo corpus have grown since the answers."""
    with writing(site.sessions) as session:
        row = session.get_one(Corpus, "demo")
        row.path, row.parts, row.skipped = PARTS[0]["path"], PARTS, SKIPPED
        for name, value in changed.items():
            setattr(row, name, value)


def done(site: Site) -> tuple[str, str]:
    """A query that small has answered, and its run."""
    with site.sessions() as session:
        query = add_query(session, Asked("The first ruler of Rosthaar was", "Kelmar", states={"small": "done"}))
        session.commit()
    [run] = site.client.get(f"/api/v1/queries/{query}").json()["runs"]
    return query, run["id"]


def test_the_page_names_the_parts_and_what_was_skipped(new_site: Site) -> None:
    grown(new_site, reading={"sequences": "packed"})
    page = new_site.client.get("/corpora/demo").text
    assert "/data/&lt;second&gt;.jsonl" in page
    assert "23 rows skipped: 22 not JSON, 1 no field &#39;text&#39;" in page
    assert "the first 20" in page
    assert "line 20 of &lt;second&gt;.jsonl" in page
    assert "documents one after another, to full length" in page
    [body] = new_site.client.get("/api/v1/corpora").json()
    assert [(part["source"], part["documents"], part["skipped"]) for part in body["parts"]] == [
        ("/data/first.jsonl", 4_000, 0),
        ("/data/<second>.jsonl", 12, 23),
    ]
    assert body["skipped"] == SKIPPED
    assert body["reading"]["sequences"] == "packed"
    assert "path" not in body["parts"][0]


def test_a_corpus_of_one_part_with_nothing_skipped_says_neither(new_site: Site) -> None:
    page = new_site.client.get("/corpora/demo").text
    assert "skipped" not in page
    assert "grown by" not in page
    assert "a document, or a piece of a long one" in page


def test_a_run_says_that_its_corpus_has_grown_and_can_be_asked_again(new_site: Site) -> None:
    query, run = done(new_site)
    assert "has grown since" not in new_site.client.get(f"/queries/{query}?view=run").text
    assert new_site.client.post(f"/api/v1/queries/{query}/retry?run={run}").status_code == 409
    grown(new_site)
    page = new_site.client.get(f"/queries/{query}?view=run").text
    assert "The corpus has grown since" in page
    assert f'action="/queries/{query}/retry?run={run}"' in page
    assert new_site.client.get(f"/api/v1/runs/{run}").json()["provenance"]["corpus_grown"] is True
    answer = new_site.client.post(f"/queries/{query}/retry?run={run}", follow_redirects=False)
    assert answer.status_code == 303
    assert new_site.client.get(f"/api/v1/queries/{query}").json()["runs"][0]["state"] == "queued"
    assert new_site.jobs.asked[-1] == ("run", run, 2)


def test_a_corpus_that_was_cut_with_its_new_part_has_not_grown_for_its_newest_answers(new_site: Site) -> None:
    _, run = done(new_site)
    grown(new_site)
    with writing(new_site.sessions) as session:
        cut = session.scalars(select(TokenizedCorpus)).one()
        state = {"path": cut.path, "documents": 4_000, "sequences": 9, "tokens": 99, "fingerprint": "0"}
        cut.parts = [state, {**state, "fingerprint": cut.fingerprint}]
    assert new_site.client.get(f"/api/v1/runs/{run}").json()["provenance"]["corpus_grown"] is False


def test_the_sequence_page_shows_each_document_with_its_stretch_and_its_other_fields(new_site: Site) -> None:
    query, run = done(new_site)
    listed = new_site.client.get(f"/api/v1/runs/{run}/influences?sign=positive").json()["rows"][0]
    first, second = (
        {
            "document": name,
            "kind": "letter",
            "source": "post",
            "start": start,
            "stop": stop,
            "begins": 7,
            "metadata": metadata,
        }
        for name, start, stop, metadata in (
            ("one<b>", 0, 5, {"year": 1871, "to": "<i>Anna</i>", "tags": ["a", "b"]}),
            ("two", 6, 9, None),
        )
    )
    with writing(new_site.sessions) as session:
        for row in session.scalars(select(Influence).where(Influence.sequence_id == listed["sequence_id"])):
            row.documents = [first, second]
    page = new_site.client.get(f"/queries/{query}/sequences/{listed['sequence_id']}?run={run}").text
    assert "one&lt;b&gt; · letter · post · characters 1 to 5 of this text" in page
    assert '<dt>to</dt><dd dir="auto">&lt;i&gt;Anna&lt;/i&gt;</dd>' in page
    assert "<dt>year</dt>" in page
    assert "Cut from 2 documents" in page
    assert "[&#34;a&#34;, &#34;b&#34;]" in page
    assert "and 1 other" in page
    body = new_site.client.get(f"/api/v1/runs/{run}/influences/{listed['sequence_id']}").json()
    assert body["documents"] == [first, second]
    rows = new_site.client.get(f"/api/v1/runs/{run}/influences?sign=positive").json()["rows"]
    assert [row["others"] for row in rows[:2]] == [1, 0]
    assert "and 1 other" in new_site.client.get(f"/queries/{query}").text


def test_the_other_fields_of_a_sequences_only_document_stand_open(new_site: Site) -> None:
    query, run = done(new_site)
    listed = new_site.client.get(f"/api/v1/runs/{run}/influences?sign=positive").json()["rows"][0]
    only = {"document": "one", "kind": None, "source": "post", "start": 0, "stop": 5, "begins": 0, "metadata": {"a": 1}}
    address = f"/queries/{query}/sequences/{listed['sequence_id']}?run={run}"
    for documents, shown in (([only], True), ([{**only, "metadata": None}], False), ([], False)):
        with writing(new_site.sessions) as session:
            for row in session.scalars(select(Influence).where(Influence.sequence_id == listed["sequence_id"])):
                row.documents = documents
        page = new_site.client.get(address).text
        assert ("one: other fields" in page) is shown
        assert "and 1 other" not in page
