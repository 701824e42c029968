"""Checks on a sequence's page and in the API: asked for once, shown as they stand, told in words."""

import re
from typing import Any

import pytest

from app.database import writing
from app.models import Check
from app.services import spans
from app.services.identity import check_id
from tests.web.conftest import Site

HTML = {"accept": "text/html"}
MOVED = {"iterations": 24, "residual": 0.3, "verdict": "holds"}
FOUND: dict[str, Any] = {
    "added": {**MOVED, "predicted": 0.021, "measured": 0.018},
    "removed": {**MOVED, "predicted": -0.021, "measured": -0.0025, "verdict": "size differs"},
    "weight": 1 / 4012,
    "training_sequences": 4012,
    "corpus_sequences": 4012,
    "averaged_over": 128,
    "certain": 32,
    "settled": 0.5,
    "iterations": 24,
    "damping": "0.1 x the mean corrected eigenvalue of each module",
}


def place(site: Site, row: int = 0) -> tuple[str, str, dict[str, Any]]:
    """A run of the first query with one of its rows, and the address of the row's page."""
    run = site.runs("fact")["large"]
    found = site.client.get(f"/api/v1/runs/{run}/influences?limit=50").json()["rows"][row]
    return run, f"/queries/{site.ids['fact']}/sequences/{found['sequence_id']}?run={run}", found


def put(site: Site, run: str, sequence_id: int, kind: str, **fields: Any) -> str:
    """A check as a worker would leave it."""
    key = check_id(run, sequence_id, kind)
    with writing(site.sessions) as session:
        session.merge(Check(id=key, run_id=run, sequence_id=sequence_id, kind=kind, **fields))
    return key


def text(site: Site, address: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", site.client.get(address, headers=HTML).text))


def test_the_form_asks_for_a_check_once_and_shows_the_sequence_again(site_to_change: Site) -> None:
    run, address, row = place(site_to_change)
    form = re.search(r'action="([^"]*/checks\?[^"]*)"><input type="hidden" name="kind" value="counterfactual">',
                     site_to_change.client.get(f"{address}&read=word").text)  # fmt: skip
    assert form is not None
    for _ in range(2):
        answer = site_to_change.client.post(
            form[1].replace("&amp;", "&"), data={"kind": "counterfactual"}, follow_redirects=False
        )
        assert (answer.status_code, answer.headers["location"]) == (303, f"{address}&read=word#checks")
    key = check_id(run, row["sequence_id"], "counterfactual")
    assert site_to_change.jobs.asked.count(("check", key, 1)) == 1
    shown = site_to_change.client.get(address).text
    assert f'data-check="{key}" data-state="queued"' in shown
    assert "waiting for a worker" in text(site_to_change, address)


def test_the_api_asks_lists_cancels_and_retries(site_to_change: Site) -> None:
    run, _, row = place(site_to_change)
    client, of = site_to_change.client, f"/api/v1/runs/{run}/influences/{row['sequence_id']}/checks"
    assert client.get(of).json() == []
    asked = client.post(of, json={"kind": "one_step"})
    assert asked.status_code == 202
    body = asked.json()
    assert (body["state"], body["kind"], body["model"]) == ("queued", "one_step", "large")
    assert client.post(of, json={"kind": "one_step"}).json() == body
    assert client.get(of).json() == [body]
    one = f"/api/v1/checks/{body['id']}"
    assert client.get(one).json() == body
    assert client.post(f"{one}/retry").status_code == 409
    assert client.post(f"{one}/cancel").json()["state"] == "cancelled"
    assert site_to_change.jobs.asked[-1] == ("cancel check", body["id"], 1)
    assert client.post(f"{one}/cancel").status_code == 409
    assert client.post(f"{one}/retry").json()["state"] == "queued"
    assert site_to_change.jobs.asked[-1] == ("check", body["id"], 2)


@pytest.mark.parametrize(
    ("method", "address", "status"),
    [
        ("post", "/api/v1/runs/{run}/influences/999999/checks", 404),
        ("post", "/api/v1/runs/nothing/influences/1/checks", 404),
        ("get", "/api/v1/runs/nothing/influences/1/checks", 404),
        ("get", "/api/v1/runs/nothing/influences/1/surroundings", 404),
        ("get", "/api/v1/checks/nothing", 404),
        ("post", "/api/v1/checks/nothing/cancel", 404),
    ],
)
def test_what_cannot_be_checked_is_a_problem_with_a_remedy(site: Site, method: str, address: str, status: int) -> None:
    sent = {"json": {"kind": "erasure"}} if address.endswith("/checks") and method == "post" else {}
    answer = site.client.request(method, address.format(run=site.runs("fact")["large"]), **sent)
    assert answer.status_code == status
    assert answer.json()["remedy"]


def test_a_run_that_is_not_done_has_nothing_to_check(site: Site) -> None:
    run = site.runs("running")["small"] if "running" in site.ids else None
    runs = [
        one["id"]
        for query in site.client.get("/api/v1/queries?limit=200").json()["rows"]
        for one in site.client.get(f"/api/v1/queries/{query['id']}").json()["runs"]
        if one["state"] == "running"
    ]
    answer = site.client.post(f"/api/v1/runs/{run or runs[0]}/influences/1/checks", json={"kind": "erasure"})
    assert answer.status_code == 409


def test_a_check_is_told_in_words_with_predicted_and_measured_beside_each_other(site_to_change: Site) -> None:
    run, address, row = place(site_to_change)
    done = {"state": "done", "result": FOUND, "seconds": 41.0, "device": "cpu"}
    put(site_to_change, run, row["sequence_id"], "counterfactual", **done)
    shown = text(site_to_change, address)
    assert "The estimate holds." in shown
    assert "a copy more +0.021 +0.018" in shown
    assert "a copy less −0.021 −0.00250" in shown
    assert "added to the 4,012 training sequences once more" in shown
    assert "averaged over 128 of 4,012" in shown
    assert "measured over predicted 0.857" in shown
    # Another sequence of the model says how long one takes.
    _, other, _ = place(site_to_change, 1)
    assert "Check it about 41 s" in text(site_to_change, other)


def test_where_the_estimate_does_not_hold_the_page_says_so(site_to_change: Site) -> None:
    run, address, row = place(site_to_change)
    for moved, said in (
        ({"predicted": 0.8, "measured": 0.06, "verdict": "size differs"}, "the size is overstated 13 times"),
        ({"predicted": 0.02, "measured": 0.05, "verdict": "size differs"}, "the size is understated 2.5 times"),
        ({"predicted": 0.02, "measured": -0.01, "verdict": "sign differs"}, "log p moves the other way"),
        (
            {"predicted": 0.02, "measured": 0.01, "verdict": "not converged", "residual": 0.7},
            "70 % of its start left. So far log p moves the way predicted",
        ),
        ({"predicted": 1e-8, "measured": 1e-8, "verdict": "too small"}, "too small to be told from rounding"),
    ):
        result = {**FOUND, "added": {**MOVED, **moved}, "removed": None}
        put(site_to_change, run, row["sequence_id"], "counterfactual", state="done", result=result, seconds=1.0)
        assert said in text(site_to_change, address)


def test_where_n_is_unknown_no_copy_is_spoken_of(site_to_change: Site) -> None:
    run, address, row = place(site_to_change)
    result = {**FOUND, "training_sequences": None}
    put(site_to_change, run, row["sequence_id"], "counterfactual", state="done", result=result, seconds=1.0)
    shown = text(site_to_change, address)
    assert "N is not known, so this is no copy" in shown
    assert "weighs 1/4,012 more" in shown
    assert "a copy more" not in shown


def test_a_failed_check_shows_problem_remedy_and_another_try(site_to_change: Site) -> None:
    run, address, row = place(site_to_change)
    failed = {"state": "failed", "problem": "The factors are gone.", "remedy": "Ask the query again."}
    key = put(site_to_change, run, row["sequence_id"], "counterfactual", **failed)
    shown = text(site_to_change, address)
    assert "The factors are gone." in shown
    assert "Ask the query again." in shown
    again = address.replace("?", "/checks/retry?")
    answer = site_to_change.client.post(again, data={"kind": "counterfactual"}, follow_redirects=False)
    assert answer.status_code == 303
    assert site_to_change.jobs.asked[-1] == ("check", key, 2)
    site_to_change.client.post(again.replace("retry", "cancel"), data={"kind": "counterfactual"})
    assert "It was cancelled." in text(site_to_change, address)


def test_an_erasure_view_colours_the_text_by_its_own_numbers(site_to_change: Site) -> None:
    run, address, row = place(site_to_change)
    view = f"{address}&erase=output"
    assert "Compute the three erasure views" in text(site_to_change, view)
    many = len(row["tokens"])
    n = 4012.0
    values = {"output": [0.0] * many, "input": [1.0] * many, "zeroed": [-2.0] * many}
    values["output"][2] = 3.0 * n
    values["output"][3] = -1.5 * n
    put(site_to_change, run, row["sequence_id"], "erasure", state="done", result=values, seconds=2.0)
    page = site_to_change.client.get(view).text
    assert '<span class="t p16" data-pos="2" data-e="3">' in page
    assert re.search(r'<span class="t n\d+" data-pos="3" data-e="-1.5">', page)
    assert "Sum of the terms +1.500" in text(site_to_change, view)
    assert "the one predicted" in text(site_to_change, view)
    assert site_to_change.client.get(f"{address}&erase=zeroed").text.count('class="t n16') == many
    assert "<strong>erase what is read</strong>" in site_to_change.client.get(f"{address}&erase=input").text


def test_words_and_sentences_are_tinted_by_exact_sums_and_every_token_stays_to_be_pointed_at(site: Site) -> None:
    _, address, row = place(site)
    for reading in ("word", "sentence"):
        page = site.client.get(f"{address}&read={reading}").text
        sums = [float(value) for value in re.findall(r'data-sum="([^"]+)"', page)]
        # The token that begins the sequence has a name, and no text to be read.
        stretches = spans.spans(["", *row["tokens"][1:]], reading)
        expected = [sum(row["token_influences"][start:stop]) / 4012 for start, stop in stretches if stop - start > 1]
        assert sums == pytest.approx(expected, rel=1e-3)
        positions = [int(value) for value in re.findall(r'data-pos="(\d+)"', page)]
        assert positions == list(range(len(row["tokens"])))


@pytest.mark.parametrize("choice", ["read=letter", "erase=everything"])
def test_a_choice_that_there_is_not_is_refused_by_name(site: Site, choice: str) -> None:
    _, address, _ = place(site)
    answer = site.client.get(f"{address}&{choice}", headers=HTML)
    assert answer.status_code == 422
    assert choice.split("=")[1] in answer.text
