"""Pages where nobody knows what a model was trained on: raw values, the share of the heaviest, and what to do."""

import csv
import io
import json
import re

import pytest
from sqlalchemy import update

from app.models import Model, Run
from tests.web.conftest import Site
from tests.web.filling import Asked, add_query
from tests.web.test_pages import page, words

WHY = "How many sequences large was trained on is not known"
REMEDY = "<code>influence model set large --training-tokens N</code>"
ASKED = Asked("The first ruler of Rosthaar was", "Kelmar", states={"small": "done", "large": "done"})


@pytest.fixture
def raw(new_site: Site) -> Site:
    """Two done runs; what `large` was trained on is not known."""
    with new_site.sessions() as session:
        new_site.ids["raw"] = add_query(session, ASKED)
        session.execute(update(Model).where(Model.name == "large").values(corpus=None))
        session.execute(update(Run).where(Run.model == "large").values(training_sequences=None))
        session.commit()
    return new_site


def rows(site: Site) -> list[dict[str, float]]:
    found: list[dict[str, float]] = site.client.get(f"/api/v1/runs/{site.runs('raw')['large']}/influences").json()[
        "rows"
    ]
    return found


def test_a_list_shows_raw_values_with_the_share_of_the_heaviest_and_why(raw: Site) -> None:
    text = page(raw, f"/queries/{raw.ids['raw']}?model=large")
    first, second = rows(raw)[:2]
    told = words(text)
    assert "raw, and share of the heaviest" in told
    assert f"+{first['influence']:,.0f}" in told
    assert f"{100 * second['relative']:.0f} %" in told
    assert WHY in told
    assert REMEDY in text
    assert "nats per added copy" not in told
    assert "not known" not in words(page(raw, f"/queries/{raw.ids['raw']}?model=small"))


def test_tips_sums_and_tables_of_a_sequence_are_raw_too(raw: Site) -> None:
    first = rows(raw)[0]
    run = raw.runs("raw")["large"]
    text = page(raw, f"/queries/{raw.ids['raw']}/sequences/{first['sequence_id']}?run={run}")
    told = words(text)
    assert f"+{first['influence']:,.0f} nats per unit of up-weighting epsilon (raw)" in told
    assert "<dt>of the heaviest</dt><dd>100 %</dd>" in text
    assert "<dt>N</dt><dd>unknown</dd>" in text
    assert WHY in told
    drawn = json.loads(re.search(r"<script[^>]* data-cells>(.*?)</script>", text)[1])  # type: ignore[index]
    assert sum(drawn["totals"]) == pytest.approx(first["influence"], rel=1e-3)


def test_the_run_tab_says_that_n_is_unknown_and_what_the_influence_is_over(raw: Site) -> None:
    text = page(raw, f"/queries/{raw.ids['raw']}?model=large&view=run")
    assert '<dt>Training sequences N</dt><dd class="num">unknown: values are raw</dd>' in text
    assert "<dt>Influence is over</dt><dd>the MLP projections</dd>" in text
    assert WHY in words(text)


def test_a_comparison_names_the_models_whose_values_are_raw(raw: Site) -> None:
    runs = raw.runs("raw")
    address = f"/compare?runs={runs['small']},{runs['large']}"
    told = words(page(raw, address))
    assert "That of large is not known" in told
    assert "are not to be compared across models" in told
    read = list(csv.DictReader(io.StringIO(raw.client.get(address.replace("/compare", "/compare.csv")).text)))
    assert {line[f"nats_per_copy {runs['large']}"] for line in read} == {""}
    expected = {str(row["sequence_id"]): row["influence"] for row in rows(raw)}
    found = {line["sequence_id"]: line[f"influence {runs['large']}"] for line in read}
    assert expected == {sequence: float(value) for sequence, value in found.items() if sequence in expected}
    assert any(float(line[f"nats_per_copy {runs['small']}"] or 0) > 0 for line in read)


def test_exports_leave_unknown_cells_empty(raw: Site) -> None:
    run = raw.runs("raw")["large"]
    text = raw.client.get(f"/queries/{raw.ids['raw']}/influences.csv?run={run}&sign=positive").text
    [first, second, *_] = csv.DictReader(io.StringIO(text))
    assert (first["nats_per_copy"], first["relative"]) == ("", "1.0")
    assert float(second["relative"]) == rows(raw)[1]["relative"]


def test_a_parquet_file_has_nulls_and_the_share(raw: Site) -> None:
    from pyarrow import parquet

    run = raw.runs("raw")["large"]
    body = raw.client.get(f"/queries/{raw.ids['raw']}/influences.parquet?run={run}&sign=positive").content
    table = parquet.read_table(io.BytesIO(body))
    assert set(table["nats_per_copy"].to_pylist()) == {None}
    assert table["relative"][0].as_py() == 1.0


def test_the_models_page_says_what_a_model_was_trained_on_and_reads_its_weights_from(raw: Site) -> None:
    with raw.sessions() as session:
        chosen = {"gguf_file": "medium.Q4.gguf", "adapter": "/adapters/lora", "adapter_weights": "adapter"}
        more = {"training_tokens": 2_000_000_000_000, "chat_template": "{{ messages }}", "corpus": None}
        session.execute(update(Model).where(Model.name == "medium").values(**chosen, **more))
        session.commit()
    text = page(raw, "/models/medium")
    for name, value in (("GGUF file", "medium.Q4.gguf"), ("Adapter", "/adapters/lora"), ("Chat template", "yes")):
        assert f"<dt>{name}</dt><dd>{value}</dd>" in text
    assert "2,000,000,000,000 tokens" in words(text)
    assert "Influence is over the adapter's own matrices" in words(text)
    unknown = page(raw, "/models/large")
    assert "<dt>Trained on</dt><dd>unknown</dd>" in unknown
    assert REMEDY in unknown
    assert "influence plan small demo" in words(page(raw, "/models/small"))
    assert words(page(raw, "/models")).count("not known") == 1
    found = {one["name"]: one for one in raw.client.get("/api/v1/models").json()}
    assert (found["medium"]["training_tokens"], found["large"]["training_tokens"]) == (2_000_000_000_000, None)
    assert (found["medium"]["chat_template"], found["large"]["chat_template"]) == (True, False)
