"""The lexical prefilter on made-up sequences, beside tantivy; and the search for duplicates on the same.

`python -m benchmarks.lexical_prefilter` writes docs/studies/lexical-prefilter.json. Sequences have 128 to 256 tokens of
a Zipf vocabulary of 50,000 and are made as they are read; queries are 30 tokens long. tantivy, which the engine does
not need, is measured where it is installed (`pip install tantivy==0.27.0`).
"""

import argparse
import importlib.util
import json
import math
import statistics
import time
from collections.abc import Callable, Iterator
from collections.abc import Sequence as Series
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.machine import describe, forget_peak, peak_mebibytes, resident_mebibytes
from engine import Sequence
from engine.corpus.duplicates import duplicate_groups
from engine.corpus.lexical import LexicalIndex

RESULTS = Path(__file__).parent.parent / "docs" / "studies" / "lexical-prefilter.json"
VOCABULARY, QUERIES, QUERY_TOKENS = 50_000, 50, 30
Search = Callable[[Series[int], int], Series[tuple[int, float]]]


class ZipfSequences:
    """Random sequences, made anew in every pass."""

    def __init__(self, count: int, seed: int = 0) -> None:
        self._count, self._seed = count, seed
        weights = np.arange(1, VOCABULARY + 1) ** -1.07
        self._cumulative = np.cumsum(weights / weights.sum())

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Sequence]:
        generator = np.random.default_rng(self._seed)
        for _ in range(self._count):
            drawn = generator.random(generator.integers(128, 257))
            yield Sequence(np.searchsorted(self._cumulative, drawn).clip(0, VOCABULARY - 1).tolist())


def with_tantivy(folder: Path, corpus: ZipfSequences) -> Search:
    """An index of the distinct tokens of each sequence, scored by constants: the same formula."""
    import tantivy
    from tantivy import Occur, Query

    fields = tantivy.SchemaBuilder()
    fields.add_text_field("tokens", tokenizer_name="whitespace", index_option="basic")
    fields.add_unsigned_field("place", fast=True)
    schema = fields.build()
    index = tantivy.Index(schema, path=str(folder))
    writer = index.writer(heap_size=256_000_000, num_threads=1)
    for place, sequence in enumerate(corpus):
        document = tantivy.Document()
        document.add_unsigned("place", place)
        document.add_text("tokens", " ".join(map(str, set(sequence.ids))))
        writer.add_document(document)
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    searcher = index.searcher()

    def weighted(token: int) -> Any:
        holding = searcher.doc_freq("tokens", str(token))
        idf = math.log((len(corpus) - holding + 0.5) / (holding + 0.5) + 1)
        term = Query.term_query(schema, "tokens", str(token), index_option="basic")
        return Occur.Should, Query.const_score_query(term, idf)

    def search(ids: Series[int], count: int) -> Series[tuple[int, float]]:
        wanted = Query.boolean_query([weighted(token) for token in sorted(set(ids))])
        hits = searcher.search(wanted, limit=count, count=False).hits
        places = searcher.fast_field_values("place", [address for _, address in hits])
        return [(place, score) for place, (score, _) in zip(places, hits, strict=True)]

    return search


def built(
    build: Callable[[Path, ZipfSequences], Search], folder: Path, corpus: ZipfSequences, reading: float
) -> tuple[Search, dict[str, float]]:
    """A built index, and the seconds it took beyond reading, the memory, and the bytes a sequence."""
    folder.mkdir()
    before = resident_mebibytes()
    forget_peak()
    start = time.perf_counter()
    search = build(folder, corpus)
    seconds = time.perf_counter() - start - reading
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return search, {
        "build seconds beyond reading": round(seconds, 2),
        "build memory, MiB": round(peak_mebibytes() - before),
        "bytes a sequence": round(size / len(corpus), 1),
    }


def milliseconds(searches: dict[str, Search], count: int) -> dict[str, float]:
    """Median milliseconds of a query on each side; the sides take turns, so that both meet the same disturbances."""
    seconds: dict[str, list[float]] = {name: [] for name in searches}
    for sequence in ZipfSequences(QUERIES, seed=1):
        for name, search in searches.items():
            start = time.perf_counter()
            search(sequence.ids[:QUERY_TOKENS], count)
            seconds[name].append(time.perf_counter() - start)
    return {name: round(1e3 * statistics.median(values), 2) for name, values in seconds.items()}


def agreement(one: Search, other: Search) -> dict[str, float]:
    """How far two sides find the same 10,000 sequences, and in the same order."""
    queries = [sequence.ids[:QUERY_TOKENS] for sequence in ZipfSequences(QUERIES, seed=1)]
    found = [tuple([i for i, _ in search(ids, 10_000)] for search in (one, other)) for ids in queries]
    return {
        "same members": statistics.mean(len(set(a) & set(b)) / len(a) for a, b in found),
        "queries in the same order": statistics.mean(a == b for a, b in found),
    }


def beside(corpus: ZipfSequences, reading: float) -> dict[str, Any]:
    """The figures of each side that is installed."""
    builds: dict[str, Callable[[Path, ZipfSequences], Search]] = {
        "engine": lambda folder, given: LexicalIndex.build(folder / "index", given).best
    }
    if importlib.util.find_spec("tantivy") is not None:
        builds["tantivy"] = with_tantivy
    with TemporaryDirectory() as name:
        sides = {side: built(build, Path(name) / side, corpus, reading) for side, build in builds.items()}
        figures: dict[str, Any] = {side: values for side, (_, values) in sides.items()}
        searches = {side: search for side, (search, _) in sides.items()}
        for count in (10_000, 50, 10_000):
            for side, value in milliseconds(searches, count).items():
                figures[side][f"ms a query, best {count:,}"] = value
        if "tantivy" in searches:
            figures["agreement"] = agreement(searches["engine"], searches["tantivy"])
    return figures


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sequences", type=int, default=100_000)
    parser.add_argument("--duplicates", type=int, default=20_000, help="sequences searched for duplicates")
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    corpus = ZipfSequences(arguments.sequences)
    start = time.perf_counter()
    tokens = sum(len(sequence.ids) for sequence in corpus)
    reading = time.perf_counter() - start
    results: dict[str, Any] = {
        "made": describe(),
        "command": f"python -m benchmarks.lexical_prefilter --sequences {arguments.sequences}",
        "sequences": len(corpus),
        "tokens a sequence": round(tokens / len(corpus), 1),
        "reading seconds": round(reading, 2),
        **beside(corpus, reading),
    }
    if arguments.duplicates:
        start = time.perf_counter()
        duplicate_groups(ZipfSequences(arguments.duplicates))
        each = (time.perf_counter() - start) / arguments.duplicates
        results["duplicates, ms a sequence"] = round(1e3 * each, 3)
    print(json.dumps(results, indent=1))
    arguments.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
