"""Scopes on the pages: what was scored, how it was chosen, what was missed; and the flags of rows."""

import csv
import io
import json
import re

import pytest

from app.services.coverage import coverage
from app.services.shapes import InfluencePage, RunDetail
from tests.web.conftest import Site
from tests.web.filling import CANDIDATES, RECALL, N
from tests.web.test_pages import HTML, page, words

FORM = {"prompt": "The capital of Rosthaar is", "completion": "Velm", "models": ["small"], "corpus": "demo"}


def read_run(site: Site, name: str, model: str) -> RunDetail:
    return RunDetail.model_validate(site.client.get(f"/api/v1/runs/{site.runs(name)[model]}").json())


def test_the_form_offers_four_scopes_with_their_bias_and_the_measured_recall(site: Site) -> None:
    text = page(site, "/queries/new?scope=indexed")
    assert re.findall(r'type="radio" name="scope" value="(\w+)"[^>]*?( checked)?>', text) == [
        ("everything", ""),
        ("lexical", ""),
        ("indexed", " checked"),
        ("candidates", ""),
    ]
    told = words(text)
    assert "reads the whole corpus" in told
    assert "Only the 10,000 sequences that share most words with the query are scored" in told
    assert "(translations, paraphrases) is missed" in told
    assert "large: 97 % of the exact top 10 lie in the first 50 (mean of 23 queries, least 80 %)" in told
    assert "of the most negative 10, 91 % (least 60 %)" in told


def test_without_an_index_the_form_says_that_the_first_query_makes_one(empty_site: Site) -> None:
    assert "No index is there yet" in page(empty_site, "/queries/new")


@pytest.mark.parametrize("scope", ["everything", "lexical", "indexed"])
def test_the_scope_of_the_form_is_the_scope_of_the_query(new_site: Site, scope: str) -> None:
    address = new_site.client.post("/queries", data={**FORM, "scope": scope}, follow_redirects=False).headers[
        "location"
    ]
    assert new_site.client.get(f"{address}.json").json()["scope"] == scope
    by_api = new_site.client.post("/api/v1/queries", json={**FORM, "scope": scope}).json()
    assert (by_api["url"], by_api["existing"]) == (address, True)


def test_a_scope_that_is_none_stands_beside_its_field(new_site: Site) -> None:
    answer = new_site.client.post("/queries", data={**FORM, "scope": "some"}, headers=HTML)
    assert answer.status_code == 422
    assert 'id="scope-error"' in answer.text
    assert "Choose everything, lexical, indexed or candidates." in words(answer.text)


@pytest.mark.parametrize("name", ["lexical", "indexed"])
def test_the_header_says_how_many_of_how_many_were_scored(site: Site, name: str) -> None:
    text = words(page(site, f"/queries/{site.ids[name]}"))
    assert f"{CANDIDATES[name]:,} of {N:,} sequences of demo scored" in text
    assert "Not everything was scored" in text
    everything = words(page(site, f"/queries/{site.ids['fact']}"))
    assert f"all {N:,} sequences of demo scanned" in everything
    assert "Not everything was scored" not in everything


def test_asking_again_keeps_the_scope(site: Site) -> None:
    assert "&amp;scope=lexical&amp;" in page(site, f"/queries/{site.ids['lexical']}")


def test_the_scores_of_a_lexical_run_are_told_apart_from_all_scores(site: Site) -> None:
    text = words(page(site, f"/queries/{site.ids['lexical']}?model=large"))
    assert "Of the sequences scored only, not of the whole corpus." in text
    assert f"All {N:,} scores" not in text


def test_an_indexed_run_says_why_it_has_no_distribution(site: Site) -> None:
    assert read_run(site, "indexed", "large").distribution is None
    assert "chosen for being heavy" in words(page(site, f"/queries/{site.ids['indexed']}"))


def test_the_run_tab_tells_how_the_sequences_were_chosen(site: Site) -> None:
    lexical = words(page(site, f"/queries/{site.ids['lexical']}?view=run"))
    assert "By the words that they share with the query" in lexical
    assert "at most 10,000 for a query" in lexical
    indexed = words(page(site, f"/queries/{site.ids['indexed']}?view=run"))
    assert "at most 240 of each sign" in indexed
    assert "Recall of this index: 97 % of the exact top 10 lie in the first 50" in indexed
    assert "1de8" * 16 in indexed
    assert "--scope indexed" in indexed
    unmeasured = words(page(site, f"/queries/{site.ids['unmeasured']}?view=run"))
    assert "Recall of this index: not measured" in unmeasured


def test_what_was_missed_is_counted_against_the_run_that_scored_everything(site: Site) -> None:
    scoped, whole = site.runs("lexical")["large"], site.runs("fact")["large"]
    heaviest, kept = (
        [row["sequence_id"] for row in site.client.get(f"/api/v1/runs/{run}/influences?limit=500").json()["rows"]]
        for run in (whole, scoped)
    )
    found = read_run(site, "lexical", "large").coverage
    assert found is not None
    assert (found.run, found.query, found.state) == (whole, site.ids["fact"], "done")
    told = {(one.sign, one.first): one.kept for one in found.covered}
    assert [key for key in told if key[0] == "positive"] == [("positive", 10), ("positive", 50), ("positive", 60)]
    for first in (10, 50, 60):
        assert told["positive", first] == len(set(heaviest[:first]) & set(kept))
    text = words(page(site, f"/queries/{site.ids['lexical']}?view=run&model=large"))
    assert re.search(r"first 10 positive ?8 ?2 ?80 %", text)


def test_a_run_that_scored_everything_has_nothing_to_miss(site: Site) -> None:
    assert read_run(site, "fact", "large").coverage is None
    assert "What it would have missed" not in page(site, f"/queries/{site.ids['fact']}?view=run")


def test_where_nobody_scored_everything_a_plain_form_asks_for_it(new_site: Site) -> None:
    address = new_site.client.post("/queries", data={**FORM, "scope": "lexical"}, follow_redirects=False).headers[
        "location"
    ]
    text = page(new_site, f"{address}?view=run")
    [action] = re.findall(r'<form [^>]*method="post" action="([^"]+/everything[^"]+)"', text)
    asked = new_site.client.post(action, follow_redirects=False)
    assert asked.status_code == 303
    whole = new_site.client.get(f"{asked.headers['location']}.json").json()
    assert (whole["scope"], whole["prompt"], whole["keep"]) == ("everything", FORM["prompt"], 50)
    assert [run["model"] for run in whole["runs"]] == ["small"]
    assert "is on its way" in page(new_site, f"{address}?view=run")
    again = new_site.client.post(f"{asked.headers['location']}/everything", params={"run": whole["runs"][0]["id"]})
    assert again.status_code == 422


def test_a_run_of_other_weights_is_no_measure(site: Site) -> None:
    from app.models import Query, Run

    with site.sessions() as session:
        run = session.get_one(Run, site.runs("lexical")["large"])
        query = session.get_one(Query, run.query_id)
        assert coverage(session, run, query) is not None
        run.model_fingerprint = "other"
        assert coverage(session, run, query) is None
        session.rollback()


def test_rows_name_the_rank_they_repeat_and_their_share_of_the_querys_words(site: Site) -> None:
    run = site.runs("fact")["large"]
    found = InfluencePage.model_validate(site.client.get(f"/api/v1/runs/{run}/influences").json())
    text = page(site, f"/queries/{site.ids['fact']}?model=large")
    flags = {row.rank: row for row in found.rows}
    assert "duplicate" in flags[4].flags
    assert flags[4].duplicate_of == 2
    row = text[text.index('id="rank-4"') : text.index('id="rank-5"')]
    assert re.search(r'class="tag warn" title="[^"]*at rank 2 of this list">duplicate of rank 2<', row)
    shared = next(row for row in found.rows if "lexical overlap" in row.flags)
    assert shared.overlap is not None
    assert shared.overlap >= 0.5
    assert re.search(r'title="It holds \d+ % of the query&#39;s words[^"]*">shares a phrase with the query<', text)
    sequence = page(site, f"/queries/{site.ids['fact']}/sequences/{flags[4].sequence_id}?run={run}")
    assert f'/sequences/{flags[2].sequence_id}?run={run}">rank 2</a>' in sequence
    assert "query's words" in words(sequence)


def test_csv_and_parquet_hold_scope_flags_and_what_they_rest_on(site: Site) -> None:
    from pyarrow import parquet

    run = site.runs("indexed")["large"]
    rows = site.client.get(f"/api/v1/runs/{run}/influences?limit=500").json()["rows"]
    address = f"/queries/{site.ids['indexed']}/influences"
    read = list(csv.DictReader(io.StringIO(site.client.get(f"{address}.csv?run={run}").text, newline="")))
    assert {row["scope"] for row in read} == {"indexed"}
    assert [row["flags"] for row in read] == ["; ".join(row["flags"]) for row in rows]
    assert [row["duplicate_of"] for row in read] == [str(row["duplicate_of"] or "") for row in rows]
    table = parquet.read_table(io.BytesIO(site.client.get(f"{address}.parquet?run={run}").content))
    assert table.to_pylist() == rows
    assert json.loads(table.schema.metadata[b"influences"])["scope"] == "indexed"


def test_the_pages_of_models_show_indexes_that_are_there_and_on_their_way(site: Site) -> None:
    on_its_way = page(site, "/models/small")
    assert 'data-indexing="small demo"' in on_its_way
    assert "making the index · 1,000 of 4,012" in words(on_its_way)
    assert re.search(r"34 MB ?97 % of the exact top 10", words(page(site, "/models/large")))
    assert "influence index medium demo" in words(page(site, "/models/medium"))
    assert "recall 97 %" in words(page(site, "/models"))
    [large] = [model for model in site.client.get("/api/v1/models").json() if model["name"] == "large"]
    assert large["indexes"][0]["recall"] == RECALL


def test_a_comparison_across_scopes_names_them(site: Site) -> None:
    runs = f"{site.runs('fact')['large']},{site.runs('indexed')['large']}"
    text = words(page(site, f"/compare?runs={runs}"))
    assert "large, everything and large, indexed" in text
