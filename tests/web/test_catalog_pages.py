"""One model, one corpus, how everything stands, and the glossary: pages that name what is known, and what is not."""

import json
import re
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from datasets import Value
from sqlalchemy import select

from app.database import writing
from app.models import Check, Corpus, FactorSet, Model, Run, Scan, StoredIndex, TokenizedCorpus, Worker
from app.services import cursors, faithful
from app.services.shapes import StudyView
from app.worker.arrow import write_table
from tests.web.conftest import Site
from tests.web.filling import Asked, add_query
from tests.web.test_pages import HTML, page, words

MOMENT = datetime(2026, 1, 5, 6, 7, 8, tzinfo=UTC)


def fitted(site: Site, **changed: Any) -> None:
    """Factors of the large model, as a worker leaves them."""
    with writing(site.sessions) as session:
        cut = session.scalars(select(TokenizedCorpus)).one()
        row: dict[str, Any] = {
            "model": "large",
            "model_fingerprint": session.get_one(Model, "large").fingerprint,
            "tokenized": cut.id,
            "config": {"track": "mlp", "labels": "sampled", "seed": 0, "relative_damping": 0.1},
            "config_digest": "c",
            "path": "factors/large",
            "fingerprint": "fac7" * 16,
            "sequences": 1_000,
            "seconds": {"covariances": 60.0, "eigenvectors": 5.0, "eigenvalues": 65.0},
            "created_at": MOMENT,
        }
        session.add(FactorSet(**{**row, **changed}))


def test_a_model_says_what_its_factors_were_fitted_on_when_and_how_long_it_took(new_site: Site) -> None:
    fitted(new_site)
    text = words(page(new_site, "/models/large"))
    assert "1,000 of 4,012" in text
    assert "2026-01-05 06:07:08 UTC" in text
    assert "2 min 10 s (covariances 1 min, eigenvectors 5.0 s, eigenvalues 1 min 5 s)" in text
    assert "0.1 x the mean corrected eigenvalue" in text
    assert "fac7" * 16 in text
    assert "Fitted on other weights" not in text
    assert "1,000 sequences" in words(page(new_site, "/models"))


def test_factors_of_other_weights_and_of_a_smaller_corpus_are_stale(new_site: Site) -> None:
    fitted(new_site, model_fingerprint="0" * 64)
    assert "Fitted on other weights" in words(page(new_site, "/models/large"))
    assert "stale" in words(page(new_site, "/models"))
    with writing(new_site.sessions) as session:
        session.scalars(select(FactorSet)).one().model_fingerprint = str(session.get_one(Model, "large").fingerprint)
        part = {"path": "x", "source": "y", "documents": 1, "fingerprint": "z", "skipped": 0}
        moments = ("2026-01-01T00:00:00+00:00", "2026-02-01T00:00:00+00:00")
        session.get_one(Corpus, "demo").parts = [{**part, "added_at": moment} for moment in moments]
    assert "The corpus has grown since" in words(page(new_site, "/models/large"))


def test_what_a_query_takes_is_told_from_earlier_scans(new_site: Site) -> None:
    assert "Nothing was scanned yet" in words(page(new_site, "/models/large"))
    with writing(new_site.sessions) as session:
        for place, (seconds, runs) in enumerate(((10.0, 1), (30.0, 20), (14.0, 3))):
            row = {"model": "large", "corpus": "demo", "scope": "everything", "settings": {}, "keep": 50}
            session.add(
                Scan(
                    id=f"s{place}",
                    run_ids=[str(run) for run in range(runs)],
                    sequences=4_012,
                    seconds={"scanning": seconds - 1, "preparing": 1.0},
                    finished_at=MOMENT,
                    **row,
                )
            )
    [cost] = new_site.client.get("/api/v1/models/large").json()["costs"]
    assert (cost["scans"], cost["queries"], cost["seconds"], cost["least"], cost["most"]) == (3, 24, 14.0, 10.0, 30.0)
    assert "14 s" in words(page(new_site, "/models/large"))


def test_a_model_that_was_not_checked_says_so_with_a_button_and_a_command(new_site: Site) -> None:
    text = page(new_site, "/models/small")
    assert "Nothing was measured on this installation yet" in words(text)
    assert "influence model check small --count 12" in words(text)
    assert 'action="/models/small/checks"' in text
    assert "not measured here" in words(page(new_site, "/models"))


def test_the_button_asks_for_checks_that_the_page_then_sums_up(site_to_change: Site) -> None:
    site = site_to_change
    answer = site.client.post("/models/large/checks", data={"count": "6"}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/models/large?asked=6#faithful")
    assert sum(kind == "check" for kind, *_ in site.jobs.asked) == 6
    assert "6 checks asked for" in words(page(site, "/models/large?asked=6"))
    with writing(site.sessions) as session:
        for place, check in enumerate(session.scalars(select(Check).order_by(Check.id))):
            size = 0.01 * (place + 1) * (-1 if place % 2 else 1)
            moved = {"predicted": size, "measured": 0.8 * size, "iterations": 5, "residual": 0.01, "verdict": "holds"}
            opposite = {**moved, "predicted": -size, "measured": -0.9 * size}
            about = {"weight": 1 / 4_012, "training_sequences": 4_012, "corpus_sequences": 4_012, "averaged_over": 256}
            more = {"certain": 1, "settled": 0.1, "iterations": 50, "damping": "0.1 x"}
            check.state, check.result = "done", {"added": moved, "removed": opposite, **about, **more}
    text = page(site, "/models/large")
    told = words(text)
    found = site.client.get("/api/v1/models/large").json()["faithfulness"]
    assert (found["checks"], len(found["pairs"]), found["same_sign"], found["holds"]) == (6, 12, 12, 12)
    assert found["pearson"] > 0.99
    assert f"a correlation of {found['pearson']:.3f}" in told
    assert "The sign is right in 12 of 12" in told
    assert text.count('class="mk full') >= 12
    assert "correlation" in words(page(site, "/models"))
    assert site.client.post("/api/v1/models/large/checks", json={"count": 6}).status_code == 202


@pytest.mark.parametrize("count", ["0", "500"])
def test_a_count_of_checks_out_of_range_is_told(site_to_change: Site, count: str) -> None:
    answer = site_to_change.client.post("/models/large/checks", data={"count": count}, headers=HTML)
    assert answer.status_code == 422
    assert "Ask for 1 to 200" in words(answer.text)


def test_checks_of_a_model_without_answers_are_refused_with_what_to_do(new_site: Site) -> None:
    answer = new_site.client.post("/api/v1/models/small/checks", json={"count": 3})
    assert answer.status_code == 422
    assert "Ask it a query" in answer.json()["remedy"]


def test_only_the_demos_own_weights_have_studies_of_their_own(new_site: Site) -> None:
    assert new_site.client.get("/api/v1/models/large").json()["studies"] == []
    from app.services.studies.files import results

    with writing(new_site.sessions) as session:
        session.get_one(Model, "large").fingerprint = results("tails.json")["weights"]["medium"]
    numbers = new_site.client.get("/api/v1/models/large").json()["studies"]
    known = {StudyView.model_validate(one).name for one in new_site.client.get("/api/v1/studies").json()}
    assert {one["study"] for one in numbers} <= known
    values = {one["told"]: one["value"] for one in numbers}
    pbrf = results("pbrf.json")["fifty sequences"]["ekfac"]["mean over queries"]["pearson"]
    assert values["correlation of predicted and measured change, fifty sequences a query"] == pbrf


@pytest.mark.parametrize("address", ["/models/huge", "/corpora/huge", "/models/huge.json", "/corpora/huge.json"])
def test_what_is_not_there_is_a_404_that_says_where_to_look(site: Site, address: str) -> None:
    answer = site.client.get(address)
    assert answer.status_code == 404
    assert "list` shows those there are" in re.sub(r"</?code>", "`", answer.text)


def test_a_corpus_names_every_way_it_is_cut_and_the_queries_asked_of_it(site: Site) -> None:
    text = words(page(site, "/corpora/demo"))
    assert "4,012 documents, which small, medium, large were trained on" in text
    assert "221,904" in text
    assert "55.3" in text
    body = site.client.get("/api/v1/corpora/demo").json()
    assert body["cuts"][0]["models"] == ["small", "medium", "large"]
    assert body["queries"] == len(site.ids)
    assert len(body["recent"]) == 10
    assert f'href="/queries?corpus=demo">All {len(site.ids)}' in page(site, "/corpora/demo")
    assert "influence corpus append demo SOURCE" in text


def test_documents_that_are_not_on_this_machine_leave_the_rest_of_the_page(site: Site) -> None:
    text = words(page(site, "/corpora/demo"))
    assert "They cannot be read here" in text
    assert site.client.get("/api/v1/corpora/demo/documents").status_code == 409


def stored(site: Site, home: Path, many: int, before: int = 0) -> None:
    """Documents of the demo corpus on disk, as a worker writes them, behind those that are there before."""
    rows = [
        {"id": f"note/{place:03d}", "kind": "note", "source": "s", "text": f"Text <{place}>. " * 40, "metadata": None}
        for place in range(before, many)
    ]
    path = f"corpora/demo/documents-{before}"
    write_table(home / path, rows, dict.fromkeys(rows[0], Value("string")))
    part = {"path": path, "source": "s", "documents": len(rows), "fingerprint": "f", "skipped": 0}
    with writing(site.sessions) as session:
        corpus = session.get_one(Corpus, "demo")
        others = corpus.parts if before else []
        corpus.path, corpus.parts = path, [*others, {**part, "added_at": MOMENT.isoformat()}]


def test_documents_are_listed_page_by_page_and_found_by_id(new_site: Site, tmp_path: Path) -> None:
    stored(new_site, tmp_path, 120)
    first = page(new_site, "/corpora/demo")
    assert first.count('<p class="where">') == 50
    assert "1 to 50 of 120 documents" in words(first)
    assert "Text &lt;0&gt;" in first
    assert 'href="/corpora/demo/documents/note/000"' in first
    [onward] = re.findall(r'rel="next" href="([^"#]*)#documents"', first)
    assert "51 to 100 of 120 documents" in words(page(new_site, onward.replace("&amp;", "&")))
    found = page(new_site, "/corpora/demo?find=NOTE/11")
    assert re.findall(r'documents/note/(\d+)"', found) == [f"{place:03d}" for place in range(110, 120)]
    assert "No id holds" in page(new_site, "/corpora/demo?find=nothing")
    body = new_site.client.get("/api/v1/corpora/demo/documents?find=note/11&limit=3&offset=2").json()
    assert ([row["number"] for row in body["rows"]], body["total"]) == ([112, 113, 114], 10)
    assert new_site.client.get("/corpora/demo/documents.json").json()["total"] == 120


DOCUMENTS = "/api/v1/corpora/demo/documents"


def followed(site: Site, address: str, rel: str) -> list[str]:
    """What the pages say of their place in the list, from the address on along its links."""
    told, link = [], [address]
    while link:
        text = page(site, link[0].replace("&amp;", "&"))
        told += re.findall(r"(\d+ to \d+) of \d+ document", words(text))
        link = re.findall(rf'rel="{rel}" href="([^"#]*)#documents"', text)
    return told


@pytest.mark.parametrize("find", ["", "NOTE/0", "5"])
def test_documents_are_read_by_cursor_there_and_back(new_site: Site, tmp_path: Path, find: str) -> None:
    stored(new_site, tmp_path, 120)
    expected = [place for place in range(120) if find.lower() in f"note/{place:03d}"]
    choices: dict[str, str] = {"find": find, "limit": "7"} if find else {"limit": "7"}
    answer = new_site.client.get(DOCUMENTS, params=choices)
    found, pages = [row["number"] for row in answer.json()["rows"]], [answer.json()]
    while answer.json()["next"]:
        answer = new_site.client.get(answer.links["next"]["url"])
        assert answer.json()["offset"] == len(found)
        found += [row["number"] for row in answer.json()["rows"]]
        pages.append(answer.json())
    assert found == expected
    assert len(pages) == -(-len(expected) // 7) > 2
    for before, here in pairwise(pages):
        again = new_site.client.get(DOCUMENTS, params={**choices, "cursor": here["previous"]}).json()
        assert (again["rows"], again["offset"]) == (before["rows"], before["offset"])
    assert pages[0]["previous"] is None


def test_the_pages_of_documents_lead_on_and_back(new_site: Site, tmp_path: Path) -> None:
    stored(new_site, tmp_path, 120)
    assert followed(new_site, "/corpora/demo", "next") == ["1 to 50", "51 to 100", "101 to 120"]
    last = cursors.encode("documents", ["demo", "f", ""], [99])
    assert followed(new_site, f"/corpora/demo?cursor={last}", "prev") == ["101 to 120", "51 to 100", "1 to 50"]
    assert followed(new_site, "/corpora/demo?find=note/0", "next") == ["1 to 50", "51 to 100"]


def test_a_cursor_of_documents_outlives_growth_but_not_other_choices(new_site: Site, tmp_path: Path) -> None:
    stored(new_site, tmp_path, 60)
    cursor = new_site.client.get(DOCUMENTS, params={"find": "note", "limit": 59}).json()["next"]
    stored(new_site, tmp_path, 120, before=60)
    grown = new_site.client.get(DOCUMENTS, params={"find": "note", "limit": 3, "cursor": cursor}).json()
    assert [row["number"] for row in grown["rows"]] == [59, 60, 61]
    for choices in ({"find": "other"}, {"find": "note", "offset": 2}, {}):
        refused = new_site.client.get(DOCUMENTS, params={**choices, "cursor": cursor})
        assert (refused.status_code, refused.json()["field"]) == (422, "cursor"), choices
    for place in (10**30, 120, -(10**30)):
        beyond = cursors.encode("documents", ["demo", "f", ""], [place])
        rows = new_site.client.get(DOCUMENTS, params={"cursor": beyond, "limit": 2}).json()["rows"]
        assert [row["number"] for row in rows] == ([0, 1] if place < 0 else [])
    assert new_site.client.get(DOCUMENTS, params={"offset": 1000}).json()["rows"] == []


def test_the_status_tells_the_line_in_its_order_with_progress(site: Site) -> None:
    text = words(page(site, "/status"))
    assert "1 run going on, 1 waiting in line" in text
    assert "scanning the corpus · 1,850 of 4,012" in text
    body = site.client.get("/api/v1/status").json()
    assert [(run["state"], run["position"]) for run in body["line"]] == [("running", None), ("queued", 1)]
    assert body["line"][0]["seconds_left"] == 14.0


def test_the_status_names_what_failed_with_its_remedy_and_a_way_there(site_to_change: Site) -> None:
    site = site_to_change
    with writing(site.sessions) as session:
        model = session.get_one(Model, "small")
        model.state, model.problem, model.remedy = "failed", "Its files are gone.", "Put them back."
        session.scalars(select(StoredIndex).where(StoredIndex.model == "large")).one().state = "failed"
    text = page(site, "/status")
    assert "do not fit its weights" in words(text)
    assert "Its files are gone." in words(text)
    assert f'href="/queries/{site.ids["failed"]}?run=' in text
    kinds = [one["kind"] for one in site.client.get("/status.json").json()["failures"]]
    assert sorted(kinds) == ["index", "model", "run"]


def test_a_quiet_installation_says_that_all_is_quiet_and_one_without_a_worker_what_to_do(new_site: Site) -> None:
    assert "All is quiet" in words(page(new_site, "/status"))
    with writing(new_site.sessions) as session:
        session.scalars(select(Worker)).one().stopped_at = MOMENT
        add_query(session, Asked("The capital is", "Velm", states={"small": "queued"}))
    text = words(page(new_site, "/status"))
    assert "No worker is alive, and 1 run waits" in text
    assert "influence worker" in text


def test_a_busy_worker_says_what_it_does(new_site: Site) -> None:
    with writing(new_site.sessions) as session:
        session.scalars(select(Worker)).one().busy = True
        model = session.get_one(Model, "medium")
        model.state, model.preparer = "preparing", "desk-cpu"
    assert "busy: preparing medium" in words(page(new_site, "/status"))


def test_files_that_are_gone_are_told_with_the_command_that_makes_them_again(new_site: Site, tmp_path: Path) -> None:
    fitted(new_site)
    assert "influence model refit large" in words(page(new_site, "/status"))
    kept = tmp_path / "factors" / "large"
    kept.mkdir(parents=True)
    (kept / "tensors.safetensors").write_bytes(bytes(8))
    (kept / "manifest.json").write_text(json.dumps({"tensor_bytes": 9}))
    assert "has 8 bytes where 9 were written" in words(page(new_site, "/status"))
    (kept / "manifest.json").write_text(json.dumps({"tensor_bytes": 8}))
    assert "factors of large" not in words(page(new_site, "/status")).lower()


def test_queries_are_found_by_text_model_state_and_kind_and_the_twins_hold_the_same(site: Site) -> None:
    for choice, names in (
        ("find=ROSTHAAR&kind=fact", ["fact"]),
        ("find=<script>", ["script"]),
        ("state=failed", ["failed"]),
        ("state=failed&model=large", []),
        ("model=small&state=running", ["running"]),
        ("kind=passage&corpus=demo", ["passage"]),
        ("find=100%25", []),
    ):
        text = page(site, f"/queries?{choice}")
        shown = re.findall(r'class="ask" dir="auto" href="/queries/([\w-]+)"', text)
        assert shown == [site.ids[name] for name in names], choice
        assert [row["id"] for row in site.client.get(f"/queries.json?{choice}").json()["rows"]] == shown
        assert [row["id"] for row in site.client.get(f"/api/v1/queries?{choice}").json()["rows"]] == shown
        assert ("Show all" in text) or not shown


def test_an_unknown_state_is_told_with_those_there_are(site: Site) -> None:
    assert "queued, running, done, failed, cancelled" in words(page(site, "/queries?state=lost", 422))


def test_the_gallery_shows_the_first_line_of_an_answer_with_score_tints_and_a_way_to_it(site: Site) -> None:
    run = site.runs("capital")["large"]
    row = site.client.get(f"/api/v1/runs/{run}/influences").json()["rows"][0]
    text = page(site, "/")
    [line] = re.findall(
        rf'<a class="line" href="/queries/{site.ids["capital"]}/sequences/{row["sequence_id"]}\?run={run}".*?</a>',
        text,
        re.S,
    )
    assert "+1.050" in line
    assert 'class="t p16"' in line
    assert f"/queries/{site.ids['cancelled']}/sequences" not in text


def test_every_term_of_the_table_is_in_the_glossary_and_links_lead_to_terms(site: Site) -> None:
    table = (Path(__file__).parents[2] / "docs" / "terms.md").read_text()
    terms = dict(re.findall(r"^\| ([^|]+?) \| (.+?) \|$", table.replace("\\|", "¦"), re.M))
    terms.pop("term")
    terms.pop("---", None)
    text = page(site, "/about")
    for term, meaning in terms.items():
        anchor = "term-" + re.sub(r"[^a-z0-9]+", "-", term.lower()).strip("-")
        [entry] = re.findall(rf'<div id="{anchor}">(.*?)</div>', text, re.S)
        assert words(entry).startswith(term)
        assert meaning.replace("¦", "|").replace("`", "") in words(entry)
    anchors = set(re.findall(r'id="([\w-]+)"', text))
    for address in ("/about", "/", "/models", "/models/large", "/corpora/demo", "/status", "/studies"):
        targets = re.findall(r'href="/about#([\w-]+)"', page(site, address))
        assert set(targets) <= anchors, address
    assert set(re.findall(r'href="#([\w-]+)"', text)) <= anchors | {"main"}


def test_caveats_say_what_is_done_about_each(site: Site) -> None:
    text = page(site, "/about")
    caveats = re.search(r'<dl class="caveats">(.*?)</dl>', text, re.S)
    assert caveats
    assert caveats[1].count("<dt") == caveats[1].count('class="done">Here:') >= 8
    for paper in ("2308.03296", "2209.05364", "2006.14651", "2409.19998", "1905.13289"):
        assert paper in text


def test_the_most_checks_of_the_form_are_those_of_the_service(site: Site) -> None:
    assert f'max="{faithful.MOST}"' in page(site, "/models/large")
    assert site.client.get("/api/v1/models/large").json()["queries"] == len(
        [run for run in site.sessions().scalars(select(Run)) if run.model == "large"]
    )
