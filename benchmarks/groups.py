"""The groups of rows, by the name under which `--only` picks them."""

from collections.abc import Callable, Mapping, Sequence

from benchmarks import fitting, growth, indexing, memory, preparing, scanning
from benchmarks.rows import Row
from benchmarks.subject import Settings

GROUPS: Mapping[str, Callable[[Settings], Sequence[Row]]] = {
    "fit": fitting.fit,
    "fit-bfloat16": fitting.fit_in_bfloat16,
    "scan": scanning.scan,
    "scan-many": scanning.scan_many,
    "scan-kronfluence": scanning.scan_beside_kronfluence,
    "tokens": scanning.tokens,
    "tokens-full-rank": scanning.tokens_at_full_rank,
    "hits": scanning.hits,
    "prepare": preparing.prepare_queries,
    "index": indexing.index_on_the_demo,
    "lookup": indexing.lookup,
    "memory": memory.peaks,
    "growth": growth.growth,
}
