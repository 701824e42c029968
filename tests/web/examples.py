"""Writes docs/api-examples.json, the API's longer examples, from the filled site: `python -m tests.web.examples`."""

import json
import tempfile
from pathlib import Path
from typing import Any

from tests.web.conftest import Site, make_site
from tests.web.filling import fill

FILE = Path(__file__).parents[2] / "docs" / "api-examples.json"
MOST_ITEMS, MOST_LETTERS = 2, 120
MOMENT = "2026-01-03T08:05:00Z"
FORMS: dict[str, Any] = {
    "ChecksForm": {"count": 12},
    "CollectionItem": {
        "id": 1,
        "place": 1,
        "note": "Answered in the gallery.",
        "query": "g4u4cgh4jo",
        "prompt": "The first ruler of Rosthaar was",
        "completion": "Kelmar",
        "url": "/queries/g4u4cgh4jo",
        **dict.fromkeys(("run", "model", "sequence_id", "sign", "rank", "influence", "nats_per_copy")),
        **dict.fromkeys(("document", "text", "annotation")),
        "added_at": MOMENT,
    },
    "PreviewForm": {
        "prompt": "The capital of Rosthaar is",
        "completion": "Velm",
        "format": "text",
        "system": None,
        "against": None,
        "counted": None,
        "writer": None,
        "models": ["small", "large"],
    },
}


def addresses(site: Site) -> dict[str, str]:
    """Where each shape is answered."""
    runs = site.runs("fact")
    return {
        "RunDetail": f"/api/v1/runs/{runs['large']}",
        "Comparison": f"/api/v1/compare?runs={runs['small']},{runs['large']}&limit=1",
        "list[ModelView]": "/api/v1/models",
        "ModelDetail": "/api/v1/models/large",
        "CorpusDetail": "/api/v1/corpora/demo",
        "StatusReport": "/api/v1/status",
        "Study": f"/api/v1/studies/{site.client.get('/api/v1/studies').json()[0]['name']}",
    }


def short(value: Any) -> Any:
    """The value with long lists and texts cut: two items and a line are enough to read."""
    if isinstance(value, list):
        return [short(item) for item in value[:MOST_ITEMS]]
    if isinstance(value, dict):
        return {name: short(item) for name, item in value.items()}
    return value[:MOST_LETTERS] if isinstance(value, str) else value


ASKED = {"prompt": "The capital of Rosthaar is", "completion": "Velm", "models": ["small", "large"], "corpus": "demo"}
BATCH = {
    "text": "prompt,completion\nThe capital of Rosthaar is,Velm\nThe capital of Thapeldal is,\n",
    "format": None,
    "rows": None,
    "defaults": {"models": ["small"], "corpus": "demo"},
    "label": "capitals.csv",
    "leave_out": True,
}


def batches(site: Site) -> dict[str, Any]:
    """A batch from its check to its page; the site is changed by it."""
    client, api = site.client, "/api/v1/batches"
    checked = client.post(f"{api}/check", json=BATCH).json()
    asked = client.post(api, json=BATCH).json()
    return {
        "BatchForm": BATCH,
        "BatchCheck": checked,
        "BatchSubmitted": asked,
        "BatchList": client.get(api).json(),
        "BatchView": client.get(f"{api}/{asked['id']}").json(),
        "BatchSummary": client.get(api).json()["rows"][0],
    }


def bodies(site: Site) -> dict[str, Any]:
    """Every example by the name of its shape; the site is changed."""
    asked = {"Outlook": short(site.client.post("/api/v1/estimate", json=ASKED).json())}
    answered = {name: short(site.client.get(address).json()) for name, address in addresses(site).items()}
    return {**FORMS, **answered, **asked, **batches(site)}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        [found] = [bodies(site) for site in make_site(Path(folder), fill)]
    FILE.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
