"""What is taken away is what is on screen: rows, order and values; and files that stand by themselves."""

import csv
import html
import io
import json
import re
from xml.etree import ElementTree

import pyarrow.parquet as parquet
import pytest

from app.web.words import signed
from tests.web.checked import add_checks
from tests.web.conftest import Site
from tests.web.test_pages import page, words

VIEWS = [
    {},
    {"sign": "negative"},
    {"page": "2"},
    {"sort": "length", "reverse": "true"},
    {"find": "ruler", "hide": "spurious"},
    {"group": "duplicates", "kind": "almanac"},
]


def links(text: str) -> list[tuple[str, str]]:
    """The files that a page's panel offers: name and address, by group."""
    panel = text[text.index('class="menu take"') :]
    return re.findall(r'<a href="([^"]+)" download>([^<]+)</a>', panel)


def on_screen(text: str) -> list[tuple[str, str, str]]:
    """Rank, score and document of each row of a list's page."""
    found = []
    for row in re.split(r'<li class="row" id="rank-', text)[1:]:
        rank = re.match(r"\d+", row)
        score = re.search(r'<div class="score"><b>([^<]+)</b>', row)
        flags = re.search(r'<p class="flags">(.*?)</p>', row, re.DOTALL)
        assert rank is not None
        assert score is not None
        assert flags is not None
        found.append((rank[0], html.unescape(score[1]), words(flags[1]).strip()))
    return found


@pytest.mark.parametrize("view", VIEWS, ids=str)
def test_the_files_of_the_rows_on_screen_hold_those_rows_in_their_order(site: Site, view: dict[str, str]) -> None:
    query = "&".join(f"{name}={value}" for name, value in view.items())
    text = page(site, f"/queries/{site.ids['fact']}?model=large&{query}")
    shown = on_screen(text)
    files = {name: html.unescape(url) for url, name in reversed(links(text)[:4])}
    rows = list(csv.DictReader(io.StringIO(site.client.get(files["CSV"]).text, newline="")))
    assert [(row["rank"], signed(float(row["nats_per_copy"]))) for row in rows] == [one[:2] for one in shown]
    assert all(row["document"] in one[2] for row, one in zip(rows, shown, strict=True))
    lines = [json.loads(line) for line in site.client.get(files["JSONL"]).text.splitlines()]
    table = parquet.read_table(io.BytesIO(site.client.get(files["Parquet"]).content)).to_pylist()
    ranks = [int(row["rank"]) for row in rows]
    assert [row["rank"] for row in lines] == [row["rank"] for row in table] == ranks
    assert [row["token_influences"] for row in lines] == [row["token_influences"] for row in table]
    offline = site.client.get(files["one HTML file"]).text
    assert [one[:2] for one in on_screen(offline)] == [one[:2] for one in shown]


def test_the_files_of_all_rows_hold_the_whole_list(site: Site) -> None:
    text = page(site, f"/queries/{site.ids['fact']}?model=large")
    assert "All 60 kept" in text
    _, url = [(name, html.unescape(url)) for url, name in links(text) if name == "CSV"][1]
    rows = list(csv.DictReader(io.StringIO(site.client.get(url).text, newline="")))
    assert [int(row["rank"]) for row in rows] == list(range(1, 61))


@pytest.mark.parametrize("view", ["", "&page=2", "&sign=negative"])
def test_the_sizes_told_are_near_those_of_the_files(site: Site, view: str) -> None:
    text = page(site, f"/queries/{site.ids['fact']}?model=large{view}")
    found = re.findall(r'<a href="([^"]+)" download>(CSV|JSONL|Parquet)</a> <small>about ([\d.]+) (\w+)</small>', text)
    assert len(found) >= 3
    for url, name, number, unit in found:
        told = float(number) * {"bytes": 1, "kB": 1e3, "MB": 1e6}[unit]
        real = len(site.client.get(html.unescape(url)).content)
        assert 0.6 < told / real < 1.7, (name, told, real)


def test_labels_and_notes_travel_with_the_rows(site_to_change: Site) -> None:
    site, run = site_to_change, site_to_change.runs("fact")["large"]
    row = site.client.get(f"/api/v1/runs/{run}/influences").json()["rows"][2]
    address = f"/api/v1/runs/{run}/influences/{row['sequence_id']}/annotation"
    site.client.put(address, json={"label": "odd", "note": "why"})
    path = f"/queries/{site.ids['fact']}"
    rows = list(csv.DictReader(io.StringIO(site.client.get(f"{path}/influences.csv?run={run}").text, newline="")))
    assert [(one["label"], one["note"]) for one in rows[:4]] == [("", ""), ("", ""), ("odd", "why"), ("", "")]
    table = parquet.read_table(io.BytesIO(site.client.get(f"{path}/influences.parquet?run={run}").content)).to_pylist()
    assert table[2]["annotation"]["label"] == "odd"
    assert "odd" in words(site.client.get(f"{path}/result.html?run={run}").text)


def stands_alone(text: str) -> None:
    """A file that asks nobody for anything: no script, no picture, sheet or font from elsewhere."""
    assert "<script" not in text
    assert not re.search(r"<(img|link|iframe|object|embed|source|video|audio)\b", text)
    assert not re.search(r"\b(src|srcset|action|formaction)\s*=", text)
    assert not re.search(r"@import|url\(", text)
    assert len(text.encode()) < 2_000_000


def test_a_result_in_one_file_stands_alone_and_names_what_made_it(site: Site) -> None:
    run = site.runs("script")["large"]
    answer = site.client.get(f"/queries/{site.ids['script']}/result.html?run={run}")
    assert answer.headers["content-disposition"].startswith("attachment")
    stands_alone(answer.text.replace("&lt;script&gt;", ""))
    said = words(answer.text)
    for fact in ("0abc" * 16, "fac7" * 16, "c0de" * 16, "4,012", "torch", "influence query --model large", run):
        assert fact in said
    assert 'class="t p16"' in answer.text
    assert answer.text.count('class="spark"') == 60
    assert "How heavy the tails are" in said or "scores" in said


def test_a_long_list_is_cut_so_that_its_file_stays_small_and_says_so(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = site.runs("fact")["large"]
    whole = len(site.client.get(f"/queries/{site.ids['fact']}/result.html?run={run}").content)
    monkeypatch.setattr("app.web.result_files.MOST_BYTES", whole - 20_000)
    text = site.client.get(f"/queries/{site.ids['fact']}/result.html?run={run}").text
    assert len(text.encode()) <= whole - 20_000
    found = re.search(r"The first (\d+) of them are here", words(text))
    assert found is not None
    assert int(found[1]) == len(on_screen(text)) > 30


def test_a_sequence_in_one_file_and_as_a_grid_hold_its_numbers(site: Site) -> None:
    run = site.runs("fact")["medium"]
    found = site.client.get(f"/api/v1/runs/{run}/influences").json()["rows"][1]
    path = f"/queries/{site.ids['fact']}/sequences/{found['sequence_id']}"
    detail = site.client.get(f"/api/v1/runs/{run}/influences/{found['sequence_id']}").json()
    text = site.client.get(f"{path}.html?run={run}").text
    stands_alone(text)
    assert len(re.findall('<span class="t[ "]', text)) == len(detail["tokens"])
    rows = list(csv.reader(io.StringIO(site.client.get(f"{path}.csv?run={run}").text, newline="")))
    assert rows[0][5:] == detail["layers"]
    assert [float(row[4]) for row in rows[1:]] == detail["token_influences"]
    assert [[float(row[5 + layer]) for row in rows[1:]] for layer in range(4)] == detail["matrix"]


def test_a_collection_in_one_file_stands_alone(site_to_change: Site) -> None:
    site = site_to_change
    url = site.client.post("/api/v1/collections", json={"name": "Mine & yours"}).json()["url"]
    site.client.post(f"/api/v1{url}/items", json={"query": site.ids["script"], "note": "odd one"})
    text = site.client.get(f"{url}.html").text
    stands_alone(text)
    assert "Mine & yours" in words(text)
    assert "odd one" in words(text)


def test_a_citation_names_run_hashes_damping_and_n(site: Site) -> None:
    run = site.runs("fact")["large"]
    text = page(site, f"/queries/{site.ids['fact']}?model=large&view=run")
    plain = re.search(r'id="cite-1">(.*?)</p>', text, re.DOTALL)
    bibtex = re.search(r'id="cite-1-tex"[^>]*>(.*?)</pre>', text, re.DOTALL)
    assert plain is not None
    assert bibtex is not None
    for told in (html.unescape(plain[1]), html.unescape(bibtex[1])):
        for fact in (run, "0abc0abc0abc0abc", "c0dec0dec0dec0de", "fac7fac7fac7fac7", "damping 0.1", "4,012", "large"):
            assert fact in told
    entry = html.unescape(bibtex[1])
    assert entry.startswith("@misc{influence-")
    assert entry.count("{") == entry.count("}")


def test_the_lines_for_shell_and_python_name_this_view(site: Site) -> None:
    run = site.runs("fact")["large"]
    text = html.unescape(page(site, f"/queries/{site.ids['fact']}?model=large&find=first+ruler&sign=negative"))
    assert f"curl -s 'http://testserver/api/v1/runs/{run}/influences?sign=negative&find=first+ruler&limit=500'" in text
    assert f"client.runs.influences('{run}', 'negative', find='first ruler')" in text


def test_a_chart_is_a_picture_by_itself(site: Site) -> None:
    path = f"/queries/{site.ids['fact']}"
    text = page(site, f"{path}?view=distribution")
    names = re.findall(r'data-chart="([\w-]+)"', text)
    assert names
    for name in names:
        answer = site.client.get(f"{path}/charts/{name}.svg?view=distribution")
        assert answer.headers["content-type"] == "image/svg+xml"
        root = ElementTree.fromstring(answer.text)
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert "var(--paper" not in answer.text
        assert "light-dark" not in answer.text
    missing = site.client.get(f"{path}/charts/nothing.svg?view=distribution")
    assert missing.status_code == 404
    assert names[0] in missing.json()["remedy"]


def charts_of(site: Site, text: str) -> dict[str, ElementTree.Element]:
    """The charts that a page links to, by their names on it, each parsed; they must be all that it shows."""
    links = [html.unescape(link) for link in re.findall(r'href="([^"]+/charts/[^"]+)" download', text)]
    assert {link.split("/charts/")[1].split(".svg")[0] for link in links} == set(
        re.findall(r'data-chart="([\w-]+)"', text)
    )
    found = {}
    for link in links:
        answer = site.client.get(link)
        assert answer.headers["content-type"] == "image/svg+xml", link
        # Levels of tints are set in the file itself; everything else is a value.
        assert set(re.findall(r"var\(--([\w-]+)", answer.text)) <= {"a"}
        assert "light-dark" not in answer.text
        found[link.split("/charts/")[1].split(".svg")[0]] = ElementTree.fromstring(answer.text)
    return found


def drawn(chart: ElementTree.Element, name: str) -> int:
    """How many elements of a kind a chart has."""
    return len(chart.findall(f".//{{http://www.w3.org/2000/svg}}{name}"))


def test_each_chart_of_a_query_is_linked_without_scripts(site: Site) -> None:
    path = f"/queries/{site.ids['fact']}?model=large"
    assert set(charts_of(site, page(site, f"{path}&view=distribution"))) == {"histogram", "tails", "shares"}
    assert set(charts_of(site, page(site, f"{path}&view=layers"))) == {"layers-positive", "layers-negative"}
    assert charts_of(site, page(site, path)) == {}


def test_the_chart_of_a_check_is_linked_without_scripts(site_to_change: Site) -> None:
    add_checks(site_to_change.sessions, site_to_change.ids["fact"], "large")
    run = site_to_change.runs("fact")["large"]
    rows = site_to_change.client.get(f"/api/v1/runs/{run}/influences").json()["rows"]
    path = f"/queries/{site_to_change.ids['fact']}/sequences/"
    found = charts_of(site_to_change, page(site_to_change, f"{path}{rows[0]['sequence_id']}?run={run}&read=word"))
    assert drawn(found["check"], "rect") == 5, "its ground, and two bars for each of two rows"
    assert charts_of(site_to_change, page(site_to_change, f"{path}{rows[9]['sequence_id']}?run={run}")) == {}


@pytest.mark.parametrize("state", ["", "&by=rank&pair=1-2", "&sign=negative"])
def test_each_chart_of_a_comparison_is_linked_without_scripts_and_is_that_of_its_view(site: Site, state: str) -> None:
    runs = site.runs("fact")
    compared = f"/compare?runs={','.join(runs.values())}{state}"
    text = page(site, f"{compared}&view=agreement")
    found = charts_of(site, text)
    assert set(found) == {"ranks"}
    assert drawn(found["ranks"], "circle") == text.count("<circle data-seq") > 0
    told = "".join(found["ranks"].itertext())
    assert ("rank, the heaviest at the right" in told) == ("by=rank" in state)
    layers = charts_of(site, page(site, f"{compared}&view=layers"))
    assert set(layers) == {f"layers-{place + 1}" for place in range(len(runs))}
    assert drawn(layers["layers-1"], "rect") > 3
    assert charts_of(site, page(site, compared)) == {}
    missing = site.client.get(f"/compare/charts/nothing.svg?runs={','.join(runs.values())}&view=layers")
    assert missing.status_code == 404
    assert "layers-1, layers-2" in missing.json()["remedy"]
    # A form names each run by itself.
    named = "&".join(f"runs={run}" for run in runs.values())
    led = site.client.get(f"/compare/charts/layers-1.svg?{named}&view=layers")
    assert led.headers["content-type"].startswith("image/svg+xml")


def test_each_chart_of_each_study_is_linked_without_scripts_and_whole(site: Site) -> None:
    names = [study["name"] for study in site.client.get("/api/v1/studies").json()]
    marks = 0
    for name in names:
        text = page(site, f"/studies/{name}")
        found = charts_of(site, text)
        # A mark is an element of its own inside of the chart: the file has them all.
        nested = sum(drawn(chart, "svg") for chart in found.values())
        assert nested == text.count('<svg class="mk ') + text.count('<svg class="pairs-plot"')
        assert all(chart.get("width", "").replace(".", "").isdigit() for chart in found.values())
        marks += nested
    assert marks > 100
    assert site.client.get("/studies/nothing/charts/x.svg").status_code == 404
    assert site.client.get(f"/studies/{names[0]}/charts/nothing.svg").status_code == 404
