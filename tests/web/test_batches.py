"""The pages of batches without scripts: check first, then ask; one page that tells how all are doing; their twins."""

import csv
import io
import json
import re

from app.services import queries
from app.services.record import record
from tests.web.conftest import Site
from tests.web.filling import answer

HTML = {"accept": "text/html"}
DEFAULTS = {"models": ["small", "large"], "corpus": "demo", "scope": "everything", "keep": "20"}
GOOD = "title,prompt,completion\nFirst,The mill of Rosthaar is,old\n,The mill of Velm is,new\n"
BAD = f"{GOOD}Third,,nothing\n"


def send(site: Site, text: str, status: int = 200, **more: str) -> str:
    answered = site.client.post("/queries/batch", data={**DEFAULTS, "text": text, **more}, headers=HTML)
    assert answered.status_code == status
    return answered.text


def asked(site: Site, text: str = GOOD, **more: str) -> str:
    sent = {**DEFAULTS, "text": text, "ask": "1", **more}
    answered = site.client.post("/queries/batch", data=sent, headers=HTML, follow_redirects=False)
    assert answered.status_code == 303
    return answered.headers["location"]


def test_a_file_is_checked_before_anything_is_asked(new_site: Site) -> None:
    text = send(new_site, GOOD)
    assert "All 2 rows are right" in text
    assert "<b>2 queries</b> of 2 models: <b>4 runs</b> in all" in text
    assert new_site.client.get("/api/v1/queries").json()["rows"] == []
    assert new_site.jobs.asked == []


def test_bad_rows_are_listed_and_can_be_left_out(new_site: Site) -> None:
    text = send(new_site, BAD, 422, ask="1")
    assert "1 row of 3 cannot be asked" in text
    line, field = re.findall(r'<tr><td class="n">(\d+)</td><th scope="row">([^<]+)</th>', text)[0]
    assert (line, field) == ("4", "prompt")
    assert "Third,,nothing" in text, "what was sent is kept"
    assert new_site.client.get("/api/v1/queries").json()["rows"] == []
    where = asked(new_site, BAD, leave_out="1")
    assert "1 row of the file left out" in new_site.client.get(where).text


def test_an_uploaded_file_names_the_batch_and_comes_back_in_the_box(new_site: Site) -> None:
    files = {"file": ("rivers.csv", GOOD.replace(",", ";").encode("utf-8-sig"), "text/csv")}
    answered = new_site.client.post("/queries/batch", data=DEFAULTS, files=files, headers=HTML)
    assert answered.status_code == 200
    assert 'value="rivers.csv"' in answered.text
    assert "First;The mill of Rosthaar is;old" in answered.text


def test_a_file_of_another_encoding_is_told(new_site: Site) -> None:
    files = {"file": ("a.csv", "prompt,completion\nDie M\xfchle,alt\n".encode("latin-1"), "text/csv")}
    answered = new_site.client.post("/queries/batch", data=DEFAULTS, files=files, headers=HTML)
    assert answered.status_code == 422
    assert "Line 2 of a.csv is not UTF-8." in answered.text


def test_the_templates_can_be_asked_as_they_are(new_site: Site) -> None:
    for name in ("template.csv", "template.jsonl"):
        text = new_site.client.get(f"/queries/batch/{name}").text
        assert "All 3 rows are right" in send(new_site, text)


def test_the_batchs_page_tells_each_models_answer_and_its_twins_the_same(new_site: Site) -> None:
    where = asked(new_site, label="Mills")
    rows = new_site.client.get(f"{where}.json").json()["rows"]
    done = rows[0]["runs"][1]
    assert done["model"] == "large"
    with new_site.sessions() as session:
        record(session, answer(done["id"], "large", 3, 20))
    page = new_site.client.get(where, headers=HTML).text
    assert "<h1>Mills</h1>" in page
    assert "1 of 4</b> runs ended" in page
    whole = new_site.client.get(f"{where}.json").json()
    assert whole["states"] == {"done": 1, "queued": 3}
    found = whole["rows"][0]["runs"][1]
    first = found["top"][0]
    listed = new_site.client.get(f"/api/v1/runs/{done['id']}/influences?limit=3").json()["rows"]
    assert [one["sequence_id"] for one in found["top"]] == [row["sequence_id"] for row in listed]
    assert f"/queries/{rows[0]['id']}/sequences/{first['sequence_id']}?run={done['id']}" in page
    lines = list(csv.DictReader(io.StringIO(new_site.client.get(f"{where}.csv").text)))
    assert len(lines) == 4
    mine = next(line for line in lines if line["run"] == done["id"])
    assert (float(mine["log_p"]), float(mine["influence 1"])) == (found["log_p"], first["influence"])
    assert mine["title"] == "First"
    api = new_site.client.get(f"/api/v1{where}?limit=1000").json()
    assert api == whole


def test_all_is_cancelled_and_tried_again_by_plain_forms(new_site: Site) -> None:
    where = asked(new_site)
    cancelled = new_site.client.post(f"{where}/cancel", headers=HTML).text
    assert re.search(r'<b class="num">4</b> cancelled', cancelled)
    assert "data-over" in cancelled
    again = new_site.client.post(f"{where}/retry", headers=HTML).text
    assert re.search(r'<b class="num">4</b> queued', again)
    assert "data-over" not in again


def test_batches_are_listed(new_site: Site) -> None:
    assert "No batch yet" in new_site.client.get("/batches", headers=HTML).text
    where = asked(new_site, label="Mills")
    assert f'<a href="{where}">Mills</a>' in new_site.client.get("/batches", headers=HTML).text
    assert [one["label"] for one in new_site.client.get("/api/v1/batches").json()["rows"]] == ["Mills"]


def test_the_list_of_queries_leads_to_the_batches_and_both_stand_under_queries(new_site: Site) -> None:
    queries = new_site.client.get("/queries", headers=HTML).text
    assert '<a href="/batches">batches</a>' in queries
    for text in (queries, new_site.client.get("/batches", headers=HTML).text):
        assert '<a href="/" aria-current="page">Queries</a>' in text


def test_an_unknown_batch_is_told(new_site: Site) -> None:
    answered = new_site.client.get("/batches/none", headers=HTML)
    assert answered.status_code == 404
    assert "There is no batch" in answered.text


def test_the_api_lists_faults_and_refuses_a_batch_with_one(new_site: Site) -> None:
    body = {"text": BAD, "defaults": {"models": ["small"], "corpus": "demo"}}
    checked = new_site.client.post("/api/v1/batches/check", json=body).json()
    assert [(fault["line"], fault["field"]) for fault in checked["faults"]] == [(4, "prompt")]
    refused = new_site.client.post("/api/v1/batches", json=body)
    assert refused.status_code == 422
    assert "Line 4, prompt" in refused.json()["detail"]
    taken = new_site.client.post("/api/v1/batches", json={**body, "leave_out": True})
    assert taken.status_code == 202
    with new_site.sessions() as session:
        [one, _] = queries.recent(session)
    assert json.dumps(taken.json()["queries"]) == "2"
    assert one.states == {"small": "queued"}
