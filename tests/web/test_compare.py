"""The comparison's page: what stands in a column can be changed, pairs are held against each other, all by address."""

import html
import re
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from tests.web.conftest import Site


def page(site: Site, address: str, status: int = 200) -> str:
    answer = site.client.get(address, headers={"accept": "text/html"})
    assert answer.status_code == status
    return answer.text


def runs_of(site: Site, name: str, *models: str) -> str:
    return ",".join(site.runs(name)[model] for model in models)


def lists(text: str) -> list[tuple[str, int, int]]:
    """The lists of who keeps what: heading, how many there are, how many are shown."""
    part = text[text.index('class="held-lists"') : text.index('class="chart scattered"')]
    found = []
    for one in part.split("<div><h3>")[1:]:
        name, total = re.match(r'(.*?) <span class="num">([\d,]+)</span>', one).groups()  # type: ignore[union-attr]
        found.append((html.unescape(name), int(total.replace(",", "")), one.count("<li><a")))
    return found


def test_the_lists_of_a_pair_are_the_sets_of_its_kept_sequences(site: Site) -> None:
    runs = site.runs("fact")
    kept = [
        {
            row["sequence_id"]
            for row in site.client.get(f"/api/v1/runs/{runs[model]}/influences?limit=500").json()["rows"]
        }
        for model in ("small", "large")
    ]
    text = page(site, f"/compare?runs={runs['small']},{runs['medium']},{runs['large']}&view=agreement&pair=0-2")
    [only_small, both, only_large] = lists(text)
    assert only_small[:2] == ("Only in small", len(kept[0] - kept[1]))
    assert both[:2] == ("In both", len(kept[0] & kept[1]))
    assert only_large[:2] == ("Only in large", len(kept[1] - kept[0]))
    dots, dashes = text.count("<circle data-seq"), text.count('class="only"')
    assert (dots, dashes) == (len(kept[0] & kept[1]), len(kept[0] ^ kept[1]))


def test_every_dot_stands_where_its_ranks_say_and_leads_to_its_sequence(site: Site) -> None:
    runs = runs_of(site, "fact", "small", "large")
    text = page(site, f"/compare?runs={runs}&view=agreement&by=rank")
    found = site.client.get(f"/api/v1/compare?runs={runs}&limit=500").json()
    ranks = {item["sequence_ids"][0]: item["ranks"] for item in found["sequences"] if None not in item["ranks"]}
    shown = re.findall(
        r'<a href="([^"]+)" tabindex="-1"><title>(.*?)</title><circle data-seq="\d+" '
        r'cx="([\d.]+)" cy="([\d.]+)"',
        text,
    )
    places = {}
    for url, told, x, y in shown:
        sequence = int(re.search(r"/sequences/(\d+)\?", url)[1])  # type: ignore[index]
        places[sequence] = (float(x), float(y))
        assert f"small: rank {ranks[sequence][0]}, large: rank {ranks[sequence][1]}" in told
    assert set(places) == set(ranks)
    order = sorted(ranks)
    # The heaviest stand at the right and on top: places fall with ranks, and down grows with them.
    for axis, sign in ((0, -1), (1, 1)):
        line = np.polyfit([ranks[one][axis] for one in order], [places[one][axis] for one in order], 1)
        np.testing.assert_allclose(
            np.polyval(line, [ranks[one][axis] for one in order]), [places[one][axis] for one in order], atol=0.2
        )
        assert np.sign(line[0]) == sign


def test_a_side_is_changed_by_a_form_without_scripts(site: Site) -> None:
    small, medium, large = (site.runs("fact")[model] for model in ("small", "medium", "large"))
    text = page(site, f"/compare?runs={small},{large}&sign=negative&by=rank")
    first = text[text.index('aria-label="What stands in column 1"') :].split("</select>")[0]
    assert re.search(rf'value="{small}" selected', first)
    assert f'value="{medium}"' in first
    assert f'value="{large}"' not in first, "what stands in another column is no choice"
    assert site.runs("spanish")["small"] in first, "other questions put to the same model are"
    assert site.runs("spanish")["large"] not in first
    form = text[text.index('<form class="sides"') : text.index("</form>", text.index('<form class="sides"'))]
    assert dict(re.findall(r'type="hidden" name="(\w+)" value="(\w+)"', form)) == {"sign": "negative", "by": "rank"}
    sent = f"/compare?sign=negative&by=rank&runs=&runs={medium}&runs={large}"
    answer = site.client.get(sent, follow_redirects=False)
    assert answer.status_code == 303
    state = parse_qs(urlsplit(answer.headers["location"]).query)
    assert state == {"runs": [f"{medium},{large}"], "sign": ["negative"], "by": ["rank"]}


def test_a_column_is_removed_while_two_are_left(site: Site) -> None:
    runs = list(site.runs("fact").values())
    three = page(site, f"/compare?runs={','.join(runs)}")
    removed = [html.unescape(url) for url in re.findall(r'<a class="remove" href="(/compare[^"]+)"', three)]
    left = [parse_qs(urlsplit(url).query)["runs"][0].split(",") for url in removed]
    assert left == [[one for one in runs if one != gone] for gone in runs]
    assert "Remove" not in page(site, f"/compare?runs={runs[0]},{runs[1]}")


def test_two_questions_are_both_in_the_headline_and_columns_have_letters(site: Site) -> None:
    runs = f"{site.runs('fact')['large']},{site.runs('spanish')['large']}"
    text = page(site, f"/compare?runs={runs}&view=agreement")
    head = text[text.index('class="asks-of"') : text.index("</ol>")]
    assert "The first ruler of Rosthaar was" in head
    assert "El primer rey de Rosthaar fue" in head
    assert [name for name, _, _ in lists(text)] == ["Only in A · large", "In both", "Only in B · large"]


def test_a_question_that_several_models_answer_stands_once_beside_another(site: Site) -> None:
    runs = ",".join([*site.runs("fact").values(), site.runs("spanish")["large"]])
    text = page(site, f"/compare?runs={runs}")
    assert "Two questions side by side" in text
    head = text[text.index('class="asks-of"') : text.index("</ol>")]
    assert re.findall(r'<b aria-hidden="true">(.*?)</b>', head) == ["A B C", "D"]
    places = re.findall(r'<span class="where">(.*?)</span>', text)
    assert "not kept elsewhere" in places
    assert any(re.fullmatch(r"B: \d+ · C: \d+ · D: not kept", place) for place in places)


def test_the_intervals_stand_under_their_numbers(site: Site) -> None:
    runs = runs_of(site, "fact", "small", "large")
    [agreement] = site.client.get(f"/api/v1/compare?runs={runs}").json()["agreements"]
    text = page(site, f"/compare?runs={runs}&view=agreement")
    table = text[text.index('class="agreement"') : text.index("</table>", text.index('class="agreement"'))]
    first = agreement["overlaps"][0]
    assert first["low"] <= first["jaccard"] <= first["high"]
    assert f"{first['low']:.3f} to {first['high']:.3f}" in table
    ranks = agreement["spearman"]
    assert f"{ranks['low']:.3f} to {ranks['high']:.3f}".replace("-", "\u2212") in table
    assert f"of {agreement['shared']}" in table


def test_each_view_keeps_the_rest_of_the_address_and_shows_its_own_part(site: Site) -> None:
    runs = runs_of(site, "fact", "small", "large")
    parts = {
        "lists": 'class="columns',
        "agreement": 'class="held-lists"',
        "layers": 'class="depths"',
        "text": 'class="same"',
        "table": 'class="joined"',
    }
    for view, part in parts.items():
        text = page(site, f"/compare?runs={runs}&sign=negative&by=rank&view={view}")
        assert [other for other, its in parts.items() if its in text] == [view]
        assert part in text
        tabs = text[text.index('aria-label="Views"') :].split("</nav>")[0]
        states = [
            parse_qs(urlsplit(html.unescape(url)).query) for url in re.findall(r'<a href="(/compare[^"]+)"', tabs)
        ]
        assert [state.get("view", ["lists"]) for state in states] == [[one] for one in parts]
        assert all(state["sign"] == ["negative"] and state["by"] == ["rank"] for state in states)


def test_the_table_holds_the_first_of_each_list_or_all_of_them(site: Site) -> None:
    runs = runs_of(site, "fact", "small", "large")
    found = site.client.get(f"/api/v1/compare?runs={runs}&limit=500").json()["sequences"]
    for show, first, heading in (("50", 50, "The first 50 of each list"), ("all", 500, "Every sequence in any")):
        text = page(site, f"/compare?runs={runs}&view=table&show={show}")
        expected = [one for one in found if min(rank for rank in one["ranks"] if rank is not None) <= first]
        assert text.count("<tr data-seq") == len(expected)
        assert heading in text
    assert len(expected) == len(found) > 50


def test_from_one_text_to_the_next_through_all_that_any_list_holds(site: Site) -> None:
    runs = runs_of(site, "fact", "small", "large")
    count = len(site.client.get(f"/api/v1/compare?runs={runs}&limit=500").json()["sequences"])
    text = page(site, f"/compare?runs={runs}&view=text&at=0-1")
    seen = []
    while True:
        number, of = map(int, re.search(r"(\d+) of (\d+)</?\w", re.sub(r"\s*·\s*", "", text)).groups())  # type: ignore[union-attr]
        seen.append(number)
        assert of == count
        following = re.search(r'rel="next" href="([^"]+)"', text)
        if following is None:
            break
        text = page(site, html.unescape(following[1]))
    assert seen == list(range(1, count + 1))
    assert 'rel="prev"' in text


@pytest.mark.parametrize("pair", ["0-0", "0-3"])
def test_a_pair_that_is_not_there_is_told(site: Site, pair: str) -> None:
    text = page(site, f"/compare?runs={runs_of(site, 'fact', 'small', 'large')}&pair={pair}", 422)
    assert "There is no pair" in text


def test_one_run_opens_the_chooser_with_it_chosen(site: Site) -> None:
    run = site.runs("rtl")["large"]
    text = page(site, f"/compare?runs={run}")
    assert re.findall(r'name="runs" value="([^"]+)" checked', text) == [run]
    asks = re.findall(r'<legend class="ask" dir="auto">(.*?)</legend>', text)
    assert "عاصمة" in asks[0], "its question comes first"
