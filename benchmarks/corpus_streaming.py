"""A corpus of many documents in flat memory: `python -m benchmarks.corpus_streaming --documents 1000000`.

Writes docs/studies/corpus-streaming.json. A JSON lines file of short documents is generated; then, in a process of its
own for each number of documents, it is added, cut by the demo's tokenizer, indexed by words and searched for
duplicates. Of each step the seconds, and the most memory that was the process's own (Linux: RssAnon, which leaves out
pages of files that are mapped and can be dropped). Numbers of documents that are measured already are kept.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from app.database import migrate, session_factory
from app.demo import bundle
from app.settings import Settings
from benchmarks.machine import describe

RESULTS = Path(__file__).parent.parent / "docs" / "studies" / "corpus-streaming.json"
EVERY_SECONDS = 0.02
KIBIBYTES_IN_MEBIBYTE = 1024
LENGTH = 512


def own_mebibytes() -> float:
    """Resident memory of this process that no file stands behind."""
    [line] = [one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith("RssAnon")]
    return int(line.split()[1]) / KIBIBYTES_IN_MEBIBYTE


def generate(file: Path, documents: int) -> None:
    """Short documents, all different: two sentences of the demo's words, and a field of their own."""
    words = sorted({word for one in bundle.documents()[:500] for word in one.text.split() if word.isalpha()})
    r = random.Random(documents)
    with file.open("w", encoding="utf-8") as out:
        for number in range(documents):
            first, second = (" ".join(r.choices(words, k=r.randint(8, 24))) for _ in range(2))
            row = {"id": f"made-{number}", "text": f"{first}. {second}.", "kind": f"k{number % 7}", "page": number}
            out.write(json.dumps(row) + "\n")


class Steps:
    """Seconds and peak memory of each step."""

    def __init__(self) -> None:
        self.found: dict[str, dict[str, float]] = {}
        self._most = 0.0
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while True:
            self._most = max(self._most, own_mebibytes())
            time.sleep(EVERY_SECONDS)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure what is done inside."""
        began, before = time.monotonic(), own_mebibytes()
        self._most = before
        yield
        self.found[name] = {
            "seconds": round(time.monotonic() - began, 1),
            "peak_mebibytes": round(self._most),
            "growth_mebibytes": round(self._most - before),
        }
        print(name, self.found[name], file=sys.stderr, flush=True)


def measure(documents: int) -> dict[str, Any]:
    """All steps at one size, in this process."""
    from app.worker.cutting import Reader
    from app.worker.documents import take_in
    from app.worker.tokens import ensure_tokenized
    from engine import LexicalIndex, Progress, duplicate_groups

    definition = (bundle.models()[0].path / "tokenizer.json").read_text(encoding="utf-8")
    reader = Reader(definition, "t" * 20, 0, None, LENGTH)
    silent: Callable[[Progress], None] = lambda _: None  # noqa: E731
    steps = Steps()
    with tempfile.TemporaryDirectory() as folder:
        home, file = Path(folder), Path(folder) / "made.jsonl"
        generate(file, documents)
        settings = Settings(home=home)
        migrate(settings)
        sessions = session_factory(settings)
        with steps.step("add"):
            take_in(sessions, home, "made", str(file))
        with steps.step("tokenize"):
            cut = ensure_tokenized(sessions, home, "made", reader, silent, None)
        with steps.step("lexical index"):
            LexicalIndex.build(home / "words", cut.opened(home))
        with steps.step("duplicates"):
            duplicate_groups(cut.opened(home))
        sizes = {"megabytes_of_json": round(file.stat().st_size / 1e6)}
        sessions.kw["bind"].dispose()
    return {"documents": documents, "tokens": cut.tokens, **sizes, "steps": steps.found}


def main() -> None:
    """Measure each size in a fresh process, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--alone", action="store_true", help="measure in this process and print")
    asked = parser.parse_args()
    if asked.alone:
        print(json.dumps(measure(asked.documents[0])))
        return
    kept = json.loads(RESULTS.read_text())["sizes"] if RESULTS.exists() else []
    for count in asked.documents:
        words = [sys.executable, "-m", "benchmarks.corpus_streaming", "--alone", "--documents", str(count)]
        found = json.loads(subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout)
        kept = sorted([one for one in kept if one["documents"] != count] + [found], key=lambda one: one["documents"])
        RESULTS.write_text(json.dumps({"machine": describe(), "sizes": kept}, indent=1) + "\n")


if __name__ == "__main__":
    main()
