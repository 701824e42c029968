"""The studies' pages, their numbers, and the files they are told from."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from app.services import studies
from app.services.studies.files import FILES
from tests.web.conftest import Site
from tests.web.test_pages import page, words

DATA = Path(__file__).parents[2] / "docs" / "studies"


def study(site: Site, name: str) -> dict[str, object]:
    body: dict[str, object] = site.client.get(f"/api/v1/studies/{name}").json()
    return body


def test_every_study_is_listed_with_question_verdict_and_finding(site: Site) -> None:
    text = words(page(site, "/studies"))
    for one in studies.every():
        assert one.title in text
        assert one.question in text
        assert one.verdict in text
        assert re.sub(r"\s+", " ", one.found) in text


@pytest.mark.parametrize("name", studies.MADE)
def test_a_study_shows_the_papers_finding_and_its_own_a_chart_with_its_numbers_and_how_to_make_them_again(
    site: Site, name: str
) -> None:
    text, told = page(site, f"/studies/{name}"), studies.get(name)
    shown = words(text)
    assert told.paper in shown
    assert told.found in shown
    for source in told.sources:
        assert source.command in shown
        assert source.made in shown
        assert f'href="/studies/data/{source.file}"' in text
    figures = re.findall(r'<figure class="chart" data-chart="([\w-]+)">(.*?)</figure>', text, re.S)
    assert [found for found, _ in figures] == [one.name for one in [*told.scatters, *told.charts]]
    for _, figure in figures:
        outer = re.sub(r"<svg class=\"mk.*?</svg>|<svg x=.*?</svg>", "", figure, flags=re.S)
        assert outer.count("<svg") == 1
        assert "<figcaption>" in figure
        assert "<table" in figure


@pytest.mark.parametrize("name", studies.MADE)
def test_the_twin_of_a_study_is_the_body_of_the_api(site: Site, name: str) -> None:
    body = study(site, name)
    assert site.client.get(f"/studies/{name}.json").json() == body
    assert body == studies.get(name).model_dump(mode="json")
    assert site.client.get("/studies.json").json() == site.client.get("/api/v1/studies").json()


def test_a_study_that_is_none_is_told_with_those_there_are(site: Site) -> None:
    assert "word-order" in words(page(site, "/studies/astrology", 404))
    assert site.client.get("/api/v1/studies/astrology").status_code == 404


@pytest.mark.parametrize("file", FILES)
def test_a_file_of_results_comes_as_it_lies_there(site: Site, file: str) -> None:
    answer = site.client.get(f"/studies/data/{file}")
    assert answer.json() == json.loads((DATA / file).read_text())
    assert "attachment" in answer.headers["content-disposition"]


@pytest.mark.parametrize("file", ["memory-plan.json", "../terms.md", "%2e%2e/%2e%2e/pyproject.toml", "README.md"])
def test_no_other_file_is_given_away(site: Site, file: str) -> None:
    assert site.client.get(f"/studies/data/{file}").status_code == 404


def test_the_words_of_the_word_order_study_are_its_files_numbers(site: Site) -> None:
    rows = json.loads((DATA / "word-order" / "demo.json").read_text())["rows"]
    flipped = next(row for row in rows if row["text"].startswith("Zorald Pfaff was the first President"))
    alone = next(row for row in rows if row["text"] == "Zorald Pfaff")
    found = str(study(site, "word-order")["found"])
    for model in ("small", "medium", "large"):
        assert f"{model} {flipped['here'][model]:.2f} against {alone['here'][model]:.2f}" in found


def test_the_verdict_on_sparsity_follows_its_rule(site: Site) -> None:
    models = json.loads((DATA / "tails.json").read_text())["models"]
    shares = [one["positive"]["share of the top 1 %"] for queries in models.values() for one in queries.values()]
    inside = sum(0.12 <= share <= 0.52 for share in shares) / len(shares)
    expected = "agrees" if inside >= 0.9 else "agrees in part" if inside >= 0.25 else "differs"
    assert study(site, "sparsity")["verdict"] == expected


def test_charts_are_well_formed_pictures_of_their_own(site: Site) -> None:
    for name in studies.MADE:
        figures = re.findall(r'<figure class="chart"[^>]*>(.*?)<figcaption', page(site, f"/studies/{name}"), re.S)
        assert figures
        for figure in figures:
            ElementTree.fromstring(figure)
