"""`influence batch`: a file is checked and asked, its answers are those of single queries, and faults are told."""

import json
from pathlib import Path

from tests.app.processes import fill, influence
from tests.conftest import quick_settings

OF = ("--model", "tiny", "--corpus", "towns", "--keep", "5")


def test_a_file_of_queries_is_answered_as_each_alone(tmp_path: Path, tiny: Path) -> None:
    home = quick_settings(tmp_path / "home", None)
    fill(home, tmp_path, tiny)
    file = tmp_path / "mills.csv"
    file.write_text("prompt;completion;damping\nThe mill of town 8;opened;\nThe mill of town 8;closed;0.01\n")
    found = influence(home, "batch", str(file), *OF, "--json")
    assert found.returncode == 0, found.stderr
    [opened, closed] = json.loads(found.stdout)
    assert [row["runs"][0]["state"] for row in (opened, closed)] == ["done", "done"]
    assert closed["runs"][0]["settings"]["damping"] == 0.01

    alone = ("query", *OF, "--prompt", "The mill of town 8", "--completion", "closed", "--damping", "0.01", "--json")
    body = json.loads(influence(home, *alone).stdout)
    assert body["id"] == closed["id"]
    [run] = body["runs"]
    listed = [(row["sequence_id"], row["influence"]) for row in run["influences"]["positive"]]
    top = [(one["sequence_id"], one["influence"]) for one in closed["runs"][0]["top"]]
    assert top == listed[:3]

    told = influence(home, "batch", str(file), *OF)
    assert "tiny (damping 0.01): done" in told.stdout
    assert "2 done" in told.stderr

    file.write_text("prompt,completion,keep\nThe mill,opened,\n,opened,\nThe mill,burnt,many\n")
    refused = influence(home, "batch", str(file), *OF)
    assert refused.returncode == 2
    assert [line.split(":")[0] for line in refused.stderr.splitlines()[:2]] == ["line 3, prompt", "line 4, keep"]
    assert "Nothing was asked." in refused.stderr
    checked = influence(home, "batch", str(file), *OF, "--check")
    assert checked.returncode == 2
    assert "1 of 3 rows can be asked" in checked.stderr
    unread = influence(home, "batch", str(tmp_path / "no.csv"), *OF)
    assert (unread.returncode, "cannot be read" in unread.stderr) == (2, True)
