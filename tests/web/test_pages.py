"""Pages as a browser without JavaScript gets them: complete, escaped, and designed in every state."""

import html
import json
import re

import pytest

from tests.web.conftest import Site
from tests.web.filling import LONG_WORD, RTL, SCRIPT, add_catalog

HTML = {"accept": "text/html"}


def page(site: Site, address: str, status: int = 200) -> str:
    """A page's HTML, after what must hold of every one."""
    answer = site.client.get(address, headers=HTML)
    assert answer.status_code == status, answer.text[:2000]
    text = answer.text
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert not re.search(r"<[^>]+\s(style|on\w+)=", text), "the policy forbids inline styles and handlers"
    assert all("src=" in tag or "application/json" in tag for tag in re.findall(r"<script[^>]*>", text))
    assert text.count("<h1") == 1
    assert '<html lang="en">' in text
    assert 'href="#main"' in text
    return text


def words(text: str) -> str:
    """What a reader sees of a page: tags away, entities resolved, white space as one space."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", "", text)))


def test_the_gallery_groups_queries_by_kind_and_tells_each_models_state(site: Site) -> None:
    text = page(site, "/")
    headings = re.findall(r"<h2[^>]*>([^<]+)</h2>", text)
    assert headings[:4] == ["Asked lately", "Facts", "Passages learnt by heart", "Arithmetic"]
    assert "small done" in words(text)
    assert "1 worker idle · 3 models ready" in words(text)


def test_before_anything_is_ready_the_gallery_shows_what_is_being_prepared(empty_site: Site) -> None:
    assert "influence demo" in words(page(empty_site, "/"))
    with empty_site.sessions() as session:
        add_catalog(session, state="preparing", alive=False)
    text = page(empty_site, "/")
    assert "Being prepared" in text
    assert 'max="4012" value="2400"' in text
    assert "fitting the factors · 2,400 of 4,012" in words(text)
    assert "No worker is running" in text
    assert "<code>influence worker</code>" in text


def test_a_result_shows_fifty_rows_with_score_tokens_layers_kind_and_document(site: Site) -> None:
    text = page(site, f"/queries/{site.ids['fact']}?model=large")
    assert text.count('class="row" id="rank-') == 50
    assert text.count('class="spark"') == 50
    assert "+1.050" in text
    assert 'class="t p16"' in text
    assert "nats per added copy" in text
    assert "4,012" in text
    assert "The highlighted token is the" in text
    assert "later tokens through attention" in text


def test_the_second_page_holds_the_rest_and_leads_back(site: Site) -> None:
    text = page(site, f"/queries/{site.ids['fact']}?model=large&page=2")
    assert text.count('class="row" id="rank-') == 10
    assert '<ol start="51">' in text
    assert 'rel="prev"' in text
    assert 'rel="next"' not in text


def test_a_page_past_the_end_says_so(site: Site) -> None:
    assert "past the end" in page(site, f"/queries/{site.ids['fact']}?page=40")


def test_the_negative_tab_shows_negative_rows_underlined(site: Site) -> None:
    text = page(site, f"/queries/{site.ids['fact']}?sign=negative")
    assert "\u22121.050" in text
    assert 'class="t n16"' in text


def test_a_chip_switches_the_model_and_every_view_is_in_the_address(site: Site) -> None:
    text = page(site, f"/queries/{site.ids['fact']}?model=small&sign=negative&colour=list")
    assert f'href="/queries/{site.ids["fact"]}?model=medium&amp;sign=negative&amp;colour=list"' in text
    assert re.search(r'class="chip"[^>]*model=small[^>]*aria-current', text)


def test_without_a_choice_the_last_finished_model_is_shown(site: Site) -> None:
    assert re.search(r"model=large[^>]*aria-current", page(site, f"/queries/{site.ids['fact']}"))
    assert re.search(r"model=large[^>]*aria-current", page(site, f"/queries/{site.ids['failed']}"))


def test_a_model_that_was_not_asked_is_a_404_that_names_those_that_were(site: Site) -> None:
    assert "small, medium, large" in page(site, f"/queries/{site.ids['fact']}?model=huge", 404)


def test_the_run_tab_names_everything_that_made_the_numbers(site: Site) -> None:
    text = words(page(site, f"/queries/{site.ids['fact']}?view=run&model=large"))
    for fact in ("0abc" * 16, "70c3" * 16, "c0de" * 16, "fac7" * 16, "torch", "2.13.0", "desk-cpu", "19 s"):
        assert fact in text
    assert "influence query --model large" in text


def test_a_running_query_shows_stage_progress_time_left_and_the_provisional_ten(site: Site) -> None:
    text = page(site, f"/queries/{site.ids['running']}")
    assert "Scanning the corpus" in text
    assert 'max="4012" value="1850"' in text
    assert "about 14 s left" in text
    assert "Provisional" in text
    assert "data-live=" in text
    assert "/cancel?run=" in text


def test_a_waiting_query_shows_its_place_in_line(site: Site) -> None:
    assert "Waiting, 1st in line" in page(site, f"/queries/{site.ids['running']}?model=medium")


def test_a_failed_run_shows_problem_remedy_and_a_way_to_try_again(site: Site) -> None:
    text = page(site, f"/queries/{site.ids['failed']}?model=small")
    assert "small did not finish" in text
    assert "do not fit its weights" in text
    assert "<code>influence model prepare small</code>" in text
    assert "/retry?run=" in text


def test_a_cancelled_run_can_be_run_after_all(site: Site) -> None:
    text = page(site, f"/queries/{site.ids['cancelled']}")
    assert "Cancelled" in text
    assert "/retry?run=" in text


def test_cancel_and_retry_work_as_plain_forms(new_site: Site) -> None:
    form = {"prompt": "The capital is", "completion": "Velm", "models": ["small"], "corpus": "demo", "keep": "5"}
    made = new_site.client.post("/queries", data=form, follow_redirects=False)
    assert made.status_code == 303
    address = made.headers["location"]
    run = new_site.client.get(f"{address}.json").json()["runs"][0]["id"]
    back = new_site.client.post(f"{address}/cancel", params={"run": run}, follow_redirects=False)
    assert (back.status_code, back.headers["location"]) == (303, f"{address}?model=small")
    assert "Cancelled" in page(new_site, address)
    new_site.client.post(f"{address}/retry", params={"run": run})
    assert "Waiting" in page(new_site, address)


def test_the_form_is_filled_from_the_address_and_previews_tokens_without_a_script(site: Site) -> None:
    text = page(site, "/queries/new?prompt=The+first&completion=ruler&models=small&preview=1")
    assert re.search(r"<textarea id=\"prompt\"[^>]*>\nThe first</textarea>", text)
    assert 'class="k c"' in text
    assert re.search(r'value="small" checked', text)
    assert not re.search(r'value="large" checked', text)


BAD = [
    ({"prompt": ""}, "prompt"),
    ({"completion": " "}, "completion"),
    ({"models": []}, "models"),
    ({"keep": "0"}, "keep"),
    ({"keep": "some"}, "keep"),
    ({"corpus": "nowhere"}, "corpus"),
]


@pytest.mark.parametrize(("change", "field"), BAD)
def test_a_form_error_stands_beside_its_field_and_the_input_is_kept(
    new_site: Site, change: dict[str, object], field: str
) -> None:
    form: dict[str, object] = {
        "prompt": "Kept prompt",
        "completion": "kept completion",
        "models": ["small"],
        "corpus": "demo",
        "keep": "5",
    }
    answer = new_site.client.post("/queries", data={**form, **change}, headers=HTML)
    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text
    assert f'aria-describedby="{field}-error"' in answer.text
    for name in ("prompt", "completion"):
        if name not in change:
            assert str(form[name]) in answer.text
    assert new_site.client.get("/api/v1/queries").json()["rows"] == []


def test_line_ends_of_a_browser_become_those_of_the_corpus(new_site: Site) -> None:
    form = {"prompt": "def f():\r\n    ", "completion": "return 1", "models": ["small"], "corpus": "demo"}
    address = new_site.client.post("/queries", data=form, follow_redirects=False).headers["location"]
    assert new_site.client.get(f"{address}.json").json()["prompt"] == "def f():\n    "


def test_a_sequence_shows_every_token_the_whole_table_and_its_neighbours(site: Site) -> None:
    run = site.runs("fact")["medium"]
    rows = site.client.get(f"/api/v1/runs/{run}/influences").json()["rows"]
    text = page(site, f"/queries/{site.ids['fact']}/sequences/{rows[1]['sequence_id']}?run={run}")
    assert text.count("data-pos=") == len(rows[1]["tokens"])
    numbers = page(site, html.unescape(re.search(r'href="([^"]*/numbers\?[^"]*)"', text)[1]))  # type: ignore[index]
    body = numbers[numbers.index("<tbody>") : numbers.index("</tbody>")]
    assert body.count("<tr>") == len(rows[1]["tokens"])
    assert body.count('class="n"') == len(rows[1]["tokens"]) * 5
    assert re.search(rf'rel="prev" href="[^"]*/sequences/{rows[0]["sequence_id"]}\?', text)
    assert re.search(rf'rel="next" href="[^"]*/sequences/{rows[2]["sequence_id"]}\?', text)
    assert "Same sequence elsewhere" in text


def test_the_cells_of_the_table_sum_to_the_score_that_is_shown(site: Site) -> None:
    run = site.runs("fact")["medium"]
    row = site.client.get(f"/api/v1/runs/{run}/influences").json()["rows"][0]
    text = page(site, f"/queries/{site.ids['fact']}/sequences/{row['sequence_id']}?run={run}")
    drawn = json.loads(re.search(r"<script[^>]* data-cells>(.*?)</script>", text)[1])  # type: ignore[index]
    assert drawn["tokens"] == row["tokens"]
    assert len(drawn["cells"]) == len(drawn["layers"])
    assert sum(drawn["totals"]) == pytest.approx(row["nats_per_copy"], rel=1e-3)
    assert sum(sum(line) for line in drawn["cells"]) == pytest.approx(row["nats_per_copy"], rel=1e-3)


def test_a_comparison_shows_columns_curves_overlaps_profiles_and_the_joined_list(site: Site) -> None:
    runs = site.runs("fact")
    address = f"/compare?runs={','.join(runs.values())}"
    text = page(site, address)
    assert text.count('class="pick"') == 30
    assert text.count('class="gutter"') == 2
    assert "rank correlation" in text
    assert page(site, f"{address}&show=50").count('class="pick"') == 150
    assert "Where in the networks" in page(site, f"{address}&view=layers")
    assert "The first 50 of each list" in page(site, f"{address}&view=table")


def test_comparing_two_questions_names_both(site: Site) -> None:
    runs = f"{site.runs('fact')['large']},{site.runs('spanish')['large']}"
    text = words(page(site, f"/compare?runs={runs}"))
    assert "Two questions side by side" in text
    assert "El primer rey" in text


def test_the_chooser_leads_to_one_address_with_all_runs(site: Site) -> None:
    assert 'name="runs"' in page(site, "/compare")
    answer = site.client.get("/compare?runs=a&runs=b", follow_redirects=False)
    assert answer.headers["location"] == "/compare?runs=a%2Cb"


@pytest.mark.parametrize(
    "address", ["/models", "/corpora", "/studies", "/status", "/about", "/api/v1/docs", "/queries"]
)
def test_the_other_pages_are_there(site: Site, address: str) -> None:
    page(site, address)


@pytest.mark.parametrize("address", ["/", "/queries", "/queries/new", "/compare", "/models", "/corpora", "/status"])
def test_every_page_says_what_to_do_while_there_is_nothing(empty_site: Site, address: str) -> None:
    page(empty_site, address)


def test_models_name_what_is_tracked_and_what_is_not(site: Site) -> None:
    text = words(page(site, "/models/large"))
    assert "model.layers.0.mlp.up_proj" in text
    assert "not tracked: influence through them is not counted" in text
    assert "94 %" in text


def test_text_is_text_wherever_it_comes_from(site: Site) -> None:
    runs = site.runs("script")
    addresses = [
        "/",
        "/queries",
        "/compare",
        f"/queries/{site.ids['script']}",
        f"/compare?runs={','.join(runs.values())}",
    ]
    for address in addresses:
        text = page(site, address)
        assert SCRIPT not in text
        assert "&lt;script&gt;" in text
    assert SCRIPT in words(page(site, f"/queries/{site.ids['script']}"))
    answer = site.client.get(f"/queries/new?prompt=</textarea>{SCRIPT}", headers=HTML)
    assert SCRIPT not in answer.text


def test_right_to_left_texts_and_very_long_words_are_whole(site: Site) -> None:
    assert RTL[:14] in words(page(site, f"/queries/{site.ids['rtl']}"))
    assert LONG_WORD in words(page(site, f"/queries/{site.ids['long']}"))
    assert 'dir="auto"' in page(site, f"/queries/{site.ids['rtl']}")
