"""Candidates on the pages: given in the form, shown in their order, edited and scored again without JavaScript."""

import csv
import html
import io
import re

import pytest

from tests.web.conftest import Site
from tests.web.filling import MANY, SCRIPT, VERSIONS, N
from tests.web.test_pages import HTML, page, words

FORM = {"prompt": "The capital of Rosthaar is", "completion": "Velm", "models": ["small"], "corpus": "demo"}


def _sent(site: Site, files: dict[str, tuple[str, bytes]] | None = None, **fields: object) -> str:
    """Submit the form as a browser does; the address it leads to."""
    sent = {name: (None, value) for name, value in {**FORM, "models": "small", **fields}.items()}
    answer = site.client.post("/queries", files={**sent, **(files or {})}, follow_redirects=False)
    assert answer.status_code == 303, words(answer.text)
    return str(answer.headers["location"])


def test_the_form_takes_candidates_a_line_each_and_the_query_holds_them(new_site: Site) -> None:
    address = _sent(new_site, scope="candidates", candidates="one text\r\nanother\r\n\r\n")
    view = new_site.client.get(f"{address}.json").json()
    assert (view["scope"], view["keep"], view["candidates"]["texts"]) == ("candidates", 2, 2)
    by_api = new_site.client.post("/api/v1/queries", json={**FORM, "candidates": ["one text", "another"]}).json()
    assert (by_api["url"], by_api["existing"]) == (address, True)
    again = page(new_site, f"/queries/new?scope=candidates&list={view['candidates']['id']}")
    assert re.search(r'<textarea id="candidates"[^>]*>\none text\nanother</textarea>', again)
    assert f"list={view['candidates']['id']}" in page(new_site, address)


def test_a_file_is_taken_by_its_name_and_names_the_list(new_site: Site) -> None:
    rows = b'text,id\n"two\nlines",a\nplain,\n'
    address = _sent(new_site, {"candidates_file": ("mine.csv", rows)}, scope="candidates", candidates="")
    view = new_site.client.get(f"{address}.json").json()
    assert (view["candidates"]["label"], view["candidates"]["texts"]) == ("mine.csv", 2)
    named = [{"id": "a", "text": "two\nlines"}, {"text": "plain"}]
    by_api = new_site.client.post("/api/v1/queries", json={**FORM, "scope": "candidates", "candidates": named}).json()
    assert by_api["existing"]


def test_candidates_count_only_with_their_scope(new_site: Site) -> None:
    address = _sent(new_site, scope="everything", candidates="left over")
    view = new_site.client.get(f"{address}.json").json()
    assert (view["scope"], view["candidates"]) == ("everything", None)


@pytest.mark.parametrize(
    ("box", "problem"), [("", "There is no candidate to score."), ("one\n\nthree", "Candidate 2 is blank.")]
)
def test_a_list_that_cannot_be_used_stands_beside_its_box_and_is_kept(new_site: Site, box: str, problem: str) -> None:
    answer = new_site.client.post("/queries", data={**FORM, "scope": "candidates", "candidates": box}, headers=HTML)
    assert answer.status_code == 422
    assert 'id="candidates-error"' in answer.text
    assert problem in words(answer.text)
    assert re.search(rf'<textarea id="candidates"[^>]*>\n{box}</textarea>', answer.text)


def test_few_candidates_stand_side_by_side_with_what_is_new_marked(site: Site) -> None:
    text = page(site, f"/queries/{site.ids['versions']}?model=large")
    assert re.findall(r'<h3 id="name-\d">([^<]+)</h3>', text) == [name for name, _ in VERSIONS]
    told = words(text)
    assert "3 candidates scored, with the factors of demo" in told
    assert "3 candidates in the order given: versions of almanac/0000" in told
    assert SCRIPT not in text
    first, second, third = text.split('<article class="card version"')[1:4]
    assert "the reference" in words(first)
    assert 'class="t new"' not in first
    # By hand: N/2 / N, N/3 / N - N/2 / N, and their ratio.
    assert re.search(r"\+0\.333\s+difference −0\.167\s*0\.667 times original", words(second))
    assert "−0.250" in words(third)
    marked = "".join(html.unescape(part) for part in re.findall(r'<span class="t[^"]* new"[^>]*>([^<]*)<', second))
    assert "Yarmar" in marked
    assert "ruler" not in marked


def test_another_reference_is_an_address_of_its_own(site: Site) -> None:
    text = page(site, f"/queries/{site.ids['versions']}?model=large&reference=2")
    first = text.split('<article class="card version"')[1]
    assert "1.500 times edit 1" in words(first)
    assert page(site, f"/queries/{site.ids['versions']}?reference=9", status=422)


def test_many_candidates_are_listed_by_pages_in_their_order(site: Site) -> None:
    address = f"/queries/{site.ids['wordings']}"
    first, second = page(site, address), page(site, f"{address}?page=2")
    places = [int(place) for text in (first, second) for place in re.findall(r'id="candidate-(\d+)"', text)]
    assert places == list(range(1, len(MANY) + 1))
    assert "1 to 50 of 60" in words(first)


def test_the_ranked_lists_and_the_run_of_candidates_say_what_was_scored(site: Site) -> None:
    address = f"/queries/{site.ids['versions']}?model=large"
    positive = words(page(site, f"{address}&view=list"))
    assert "Candidates were scored" in positive
    assert "Not everything was scored" not in positive
    run = words(page(site, f"{address}&view=run"))
    assert "3 texts given with the query, whole" in run
    assert "What it would have missed" not in run
    assert re.search(r"--candidates [a-z2-7]{16}", run)


def test_the_candidates_are_there_as_json_and_as_csv(site: Site) -> None:
    run = site.runs("versions")["large"]
    found = site.client.get(f"/api/v1/runs/{run}/candidates?reference=2&offset=1&limit=2").json()
    assert [row["id"] for row in found["rows"]] == ["edit 1", "edit 2"]
    assert found["rows"][0]["ratio"] == 1.0
    assert found["rows"][0]["nats_per_copy"] == pytest.approx(1 / 3, rel=1e-5)
    assert found["training_sequences"] == N
    answer = site.client.get(f"/queries/{site.ids['versions']}/candidates.csv?run={run}")
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [row["text"] for row in rows] == [text for _, text in VERSIONS]
    refused = site.client.get(f"/api/v1/runs/{site.runs('fact')['large']}/candidates")
    assert refused.status_code == 422


def test_a_sequence_is_edited_and_scored_again_by_a_plain_form(site: Site) -> None:
    run = site.runs("fact")["large"]
    row = site.client.get(f"/api/v1/runs/{run}/influences").json()["rows"][0]
    here = f"/queries/{site.ids['fact']}/sequences/{row['sequence_id']}"
    text = page(site, f"{here}?run={run}")
    assert f'action="{here}/edits?run={run}"' in text
    [box] = re.findall(r'<textarea id="text"[^>]*>\n(.*?)</textarea>', text, re.S)
    assert html.unescape(box) == row["text"]
    same = site.client.post(f"{here}/edits?run={run}", data={"text": row["text"].replace("\n", "\r\n")}, headers=HTML)
    assert same.status_code == 422
    assert "This text is there already" in words(same.text)
    assert re.search(r'<details class="edit" id="edit" open>', same.text)


def test_an_edit_becomes_a_query_with_the_original_and_can_grow(site_to_change: Site) -> None:
    site = site_to_change
    run = site.runs("fact")["large"]
    row = site.client.get(f"/api/v1/runs/{run}/influences").json()["rows"][0]
    here = f"/queries/{site.ids['fact']}/sequences/{row['sequence_id']}"
    asked = site.client.post(f"{here}/edits?run={run}", data={"text": "Quite\r\nanother"}, follow_redirects=False)
    assert asked.status_code == 303
    view = site.client.get(f"{asked.headers['location']}.json").json()
    assert (view["scope"], view["prompt"], [one["model"] for one in view["runs"]]) == (
        "candidates",
        "The first ruler of Rosthaar was",
        ["large"],
    )
    assert view["candidates"]["label"] == f"versions of {row['document']}"
    versions, candidate_run = site.ids["versions"], site.runs("versions")["large"]
    blank = site.client.post(f"/queries/{versions}/candidates?run={candidate_run}", data={"text": " "}, headers=HTML)
    assert blank.status_code == 422
    assert "The new version is blank." in words(blank.text)
    grown = site.client.post(
        f"/queries/{versions}/candidates?run={candidate_run}", data={"text": "A fourth."}, follow_redirects=False
    )
    view = site.client.get(f"{grown.headers['location']}.json").json()
    assert (view["candidates"]["texts"], view["candidates"]["label"]) == (4, "versions of almanac/0000")


def test_runs_over_one_list_are_compared_and_others_are_refused(site: Site) -> None:
    runs = site.runs("versions")
    found = site.client.get(f"/api/v1/compare?runs={runs['small']},{runs['large']}").json()
    assert found["joined_by"] == "sequence"
    assert [item["sequence_ids"] for item in found["sequences"]] == [[0, 0], [1, 1]]
    mixed = site.client.get(f"/api/v1/compare?runs={runs['small']},{site.runs('fact')['small']}")
    assert mixed.status_code == 422
    assert "different corpora or candidates" in mixed.json()["detail"]


def test_a_candidate_has_a_page_of_its_tokens_and_is_edited_within_its_list(site_to_change: Site) -> None:
    site = site_to_change
    run = site.runs("versions")["large"]
    here = f"/queries/{site.ids['versions']}/sequences/1"
    told = words(page(site, f"{here}?run={run}"))
    assert "edit 1" in told
    assert "the other candidates and your version" in told
    asked = site.client.post(f"{here}/edits?run={run}", data={"text": "A fourth."}, follow_redirects=False)
    view = site.client.get(f"{asked.headers['location']}.json").json()
    assert view["candidates"]["texts"] == len(VERSIONS) + 1


def test_a_list_on_its_way_shows_progress_under_its_own_tab(new_site: Site) -> None:
    text = page(new_site, _sent(new_site, scope="candidates", candidates="one text\nanother"))
    assert "Candidates" in words(text)
    assert "waiting" in words(text).lower()
    assert 'data-live="' in text
