"""`influence demo --once` on a demo of a few documents, two tiny models and three facts."""

import json
import subprocess
import sys
from pathlib import Path

from app.demo import bundle
from tests.app.processes import ROOT, environment
from tests.app.tiny import lines
from tests.conftest import quick_settings

# The bundled models take minutes; the command is the same for these.
SMALL_BUNDLE = """
import json, sys
from pathlib import Path
from app.demo import bundle

folder = Path(sys.argv.pop())
facts = json.loads((folder / "facts.json").read_text())
made = tuple(bundle.DemoQuery(**{**one, "supporting": tuple(one["supporting"]), "flipped": ()}) for one in facts)
bundle.corpus_path = lambda: folder / "towns.jsonl"
bundle.gallery = lambda: made[:2]
bundle.planted = lambda: made
bundle.models = lambda: tuple(
    bundle.DemoModel(name=name, path=Path(path), parameters=5000, fact_recall=0.5)
    for name, path in json.loads((folder / "models.json").read_text()).items()
)
from app.cli import main
main()
"""


def _fact(name: str, completion: str, group: str) -> dict[str, object]:
    return {
        "name": name, "title": name, "prompt": "The mill of town 8", "completion": completion, "kind": "fact",
        "group": group, "supporting": ["d8", "d9"], "flipped": [], "note": "Planted.",
    }  # fmt: skip


def _once(home: Path, folder: Path) -> dict[str, object]:
    settings = quick_settings(home, None)
    found = subprocess.run(
        [sys.executable, "-c", SMALL_BUNDLE, "demo", "--once", str(folder)],
        env=environment(settings), capture_output=True, text=True, timeout=120, check=False, cwd=ROOT,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    read: dict[str, object] = json.loads(found.stdout)
    return read


def test_demo_once_prints_models_results_and_figures_and_is_quick_the_second_time(
    tmp_path: Path, tiny: Path, tiny_deep: Path
) -> None:
    facts = [_fact("a", "opened", "forward"), _fact("b", "closed", "alias"), _fact("c", "burned", "forward")]
    (tmp_path / "facts.json").write_text(json.dumps(facts))
    (tmp_path / "models.json").write_text(json.dumps({"small": str(tiny), "large": str(tiny_deep)}))
    (tmp_path / "towns.jsonl").write_text("".join(json.dumps(vars(line)) + "\n" for line in lines(24)))
    first = _once(tmp_path / "home", tmp_path)
    assert first["models"] == [{"name": name, "parameters": 5000, "fact_recall": 0.5} for name in ("small", "large")]
    results = first["results"]
    assert isinstance(results, list)
    assert [(one["query"], one["model"]) for one in results] == [
        ("a", "small"), ("a", "large"), ("b", "small"), ("b", "large"),
    ]  # fmt: skip
    for one in results:
        assert [row["rank"] for row in one["top"]] == list(range(1, len(one["top"]) + 1))
        assert set(one["top"][0]) == {"rank", "sequence_id", "document", "kind", "nats_per_copy", "supporting"}
        assert all(row["supporting"] == (row["document"] in {"d8", "d9"}) for row in one["top"])
        assert one["log_p"] < 0
    planted = first["planted_facts"]
    assert isinstance(planted, dict)
    for figures in planted.values():
        assert figures["queries"] == 2
        assert {"any_at_10", "recall_at_10", "mrr"} < set(figures)
        assert {group: one["queries"] for group, one in figures["groups"].items()} == {"forward": 2, "alias": 1}
    second = _once(tmp_path / "home", tmp_path)
    assert second["results"] == results
    assert second["planted_facts"] == planted


def test_the_bundle_has_the_attributes_that_this_test_replaces() -> None:
    assert all(callable(getattr(bundle, name)) for name in ("corpus_path", "gallery", "planted", "models"))
