"""The controls of a query's list: all of them in the address, without a script, the same on page, export and API."""

import csv
import io
import re
from html import unescape

import pytest
from sqlalchemy import select

from app.models import FactorSet, Influence, Model, TokenizedCorpus
from tests.web.conftest import Site


def text_of(html: str) -> str:
    """The words of a page."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def page(site: Site, address: str, status: int = 200) -> str:
    """The HTML of an address."""
    answer = site.client.get(address)
    assert answer.status_code == status, answer.text
    return answer.text


def ranks(html: str) -> list[int]:
    """The ranks of the rows, in the order shown."""
    return [int(rank) for rank in re.findall(r'<li class="row" id="rank-(\d+)"', html)]


CHOICES = [
    "sort=length",
    "sort=overlap&reverse=true",
    "find=ruler",
    "hide=spurious&kind=almanac",
    "group=duplicates&sort=document",
]


@pytest.mark.parametrize("choice", CHOICES)
def test_page_api_and_exports_list_the_same_rows_in_the_same_order(site: Site, choice: str) -> None:
    run = site.runs("fact")["large"]
    body = site.client.get(f"/api/v1/runs/{run}/influences?limit=500&{choice}").json()
    expected = [row["rank"] for row in body["rows"]]
    assert 0 < len(expected) == body["total"] <= body["kept"] == 60
    query = f"/queries/{site.ids['fact']}"
    shown = ranks(page(site, f"{query}?model=large&{choice}"))
    shown += ranks(page(site, f"{query}?model=large&page=2&{choice}")) if len(expected) > 50 else []
    assert shown == expected
    exported = site.client.get(f"{query}/influences.csv?run={run}&{choice}").text
    assert [int(row["rank"]) for row in csv.DictReader(io.StringIO(exported, newline=""))] == expected


def test_the_links_of_a_chosen_list_keep_the_choice(site: Site) -> None:
    html = page(site, f"/queries/{site.ids['fact']}?model=large&sort=length&hide=spurious&read=word&palette=paper")
    links = [unescape(link) for link in re.findall(r'href="(/queries/[^"]+)"', html)]
    following = next(link for link in links if "page=2" in link)
    for part in ("sort=length", "hide=spurious", "read=word", "palette=paper", "model=large"):
        assert part in following
    assert len(ranks(page(site, following))) > 0
    form = re.search(r"<form[^>]*data-choose.*?</form>", html, re.DOTALL)
    assert form is not None
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form[0]))
    assert hidden == {"model": "large", "read": "word", "palette": "paper"}
    assert 'name="hide" value="spurious" checked' in html
    assert '<option value="length" selected' in html


def test_what_is_left_out_is_said_with_a_way_back(site: Site) -> None:
    html = page(site, f"/queries/{site.ids['fact']}?model=large&hide=spurious&find=ruler")
    told = text_of(html[html.index('class="note told"') :].split("</p>")[0].split(">", 1)[1])
    shown = len(ranks(html))
    assert told == f"{shown} of 60 kept sequences shown ; “ruler” is in the text; hide spurious is on; show all"
    way = re.search(r'class="note told".*?<a href="([^"]+)">show all', html, re.DOTALL)
    assert way is not None
    assert len(ranks(page(site, unescape(way[1])))) == 50
    assert 'class="note told"' not in page(site, f"/queries/{site.ids['fact']}?model=large&sort=length")


def test_what_is_sought_is_marked_in_every_row(site: Site) -> None:
    html = page(site, f"/queries/{site.ids['fact']}?model=large&find=RULER")
    rows = re.findall(r'<li class="row".*?</li>', html, re.DOTALL)
    assert rows
    for row in rows:
        marked = "".join(re.findall(r"<mark>(.*?)</mark>", row))
        assert re.sub(r"<[^>]+>", "", marked).lower().startswith("ruler")


def test_a_search_without_a_hit_says_what_was_searched(site: Site) -> None:
    html = page(site, f"/queries/{site.ids['fact']}?find=%3Cscript%3Ezz")
    assert "None of the 60 kept sequences is left" in html
    assert "not the whole corpus" in html
    assert "<script>zz" not in html


def test_duplicates_are_folded_under_the_row_that_they_repeat(site: Site) -> None:
    run = site.runs("fact")["large"]
    body = site.client.get(f"/api/v1/runs/{run}/influences?limit=500&group=duplicates").json()
    leading = [row for row in body["rows"] if row["repeats"]]
    assert leading
    html = page(site, f"/queries/{site.ids['fact']}?model=large&group=duplicates")
    row = re.search(rf'<li class="row" id="rank-{leading[0]["rank"]}".*?</details>', html, re.DOTALL)
    assert row is not None
    assert f"and {len(leading[0]['repeats'])} that repeats it" in row[0]
    for other in leading[0]["repeats"]:
        assert f"/sequences/{other['sequence_id']}?run={run}" in row[0]
    assert f"{body['folded']} more folded under them" in html


@pytest.mark.parametrize(
    ("choice", "field"),
    [("sort=best", "sort"), ("hide=all", "hide"), (f"find={'x' * 201}", "find"), ("read=line", "read")],
)
def test_a_choice_that_does_not_exist_is_refused_by_name(site: Site, choice: str, field: str) -> None:
    assert field in page(site, f"/queries/{site.ids['fact']}?{choice}", 422)


def test_words_and_sentences_have_the_sums_of_their_tokens(site: Site) -> None:
    run = site.runs("fact")["large"]
    rows = site.client.get(f"/api/v1/runs/{run}/influences?limit=1").json()["rows"]
    html = page(site, f"/queries/{site.ids['fact']}?model=large&read=sentence")
    row = html[html.index('id="rank-1"') : html.index('id="rank-2"')]
    told = [value.replace("\u2212", "-") for value in re.findall(r'title="([^ ]+) nats per copy"', row)]
    # Tints leave out what lies below 3 % of the largest.
    assert sum(map(float, told)) == pytest.approx(rows[0]["nats_per_copy"], rel=0.05)
    assert len(told) < len([value for value in rows[0]["token_influences"] if value])


@pytest.mark.parametrize("sort", ["concentration", "overlap", "length"])
def test_a_row_tells_what_the_list_is_ordered_by(site: Site, sort: str) -> None:
    run = site.runs("fact")["large"]
    row = site.client.get(f"/api/v1/runs/{run}/influences?limit=1&sort={sort}").json()["rows"][0]
    told = {
        "concentration": f"concentration {row['concentration']:.2f}",
        "overlap": f"overlap {100 * row['overlap']:.0f} %",
        "length": f"{len(row['tokens'])} tokens",
    }
    html = page(site, f"/queries/{site.ids['fact']}?model=large&sort={sort}")
    assert re.findall(r'class="measure">([^<]+)<', html)[0] == told[sort]
    assert 'class="measure"' not in page(site, f"/queries/{site.ids['fact']}?model=large")


def test_the_palette_of_the_paper_is_named_by_the_address(site: Site) -> None:
    query = f"/queries/{site.ids['fact']}"
    assert '<html lang="en" data-palette="paper">' in page(site, f"{query}?palette=paper")
    assert '<html lang="en">' in page(site, query)
    assert "palette=paper" in re.findall(r'class="open" href="([^"]+)"', page(site, f"{query}?palette=paper"))[0]


def test_the_form_offers_the_kinds_that_are_kept(site: Site) -> None:
    run = site.runs("fact")["large"]
    kinds = site.client.get(f"/api/v1/runs/{run}/influences?limit=1").json()["kinds"]
    html = page(site, f"/queries/{site.ids['fact']}?model=large")
    offered = re.findall(r'<option value="(\w+)"[^>]*>\w+ \((\d+)\)', html)
    assert {kind: int(many) for kind, many in offered} == kinds
    with site.sessions() as session:
        found = session.scalars(select(Influence.kind).where(Influence.run_id == run, Influence.sign == "positive"))
        assert sum(kinds.values()) == len(list(found))


def test_an_answer_of_older_factors_says_so_and_can_be_asked_again(site_to_change: Site) -> None:
    site, query = site_to_change, site_to_change.ids["fact"]
    run = site.runs("fact")["large"]
    assert "older factors" not in page(site, f"/queries/{query}?model=large")
    assert site.client.post(f"/api/v1/queries/{query}/retry?run={run}").status_code == 409
    with site.sessions() as session:
        cut, model = session.scalars(select(TokenizedCorpus)).one(), session.get_one(Model, "large")
        fitted = {"config": {}, "path": "factors/new", "fingerprint": "new1" * 16, "sequences": 10}
        session.add(
            FactorSet(
                model="large",
                model_fingerprint=model.fingerprint or "",
                tokenized=cut.id,
                config_digest="digest",
                **fitted,
            )
        )
        session.commit()
    for view in ("list", "distribution", "layers", "run"):
        assert "Asked of older factors" in page(site, f"/queries/{query}?model=large&view={view}")
    assert "older factors" not in page(site, f"/queries/{query}?model=small")
    assert site.client.get(f"/api/v1/runs/{run}").json()["provenance"]["factors_refitted"] is True
    answer = site.client.post(f"/queries/{query}/retry?run={run}", follow_redirects=False)
    assert answer.status_code == 303
    assert "in line" in page(site, f"/queries/{query}?model=large")
