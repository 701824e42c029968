"""Rows of query preparation, each, in floor passes of one sequence."""

from benchmarks import subject
from benchmarks.bench import FEW, Bench, kronfluence, side
from benchmarks.floor import floor_pass
from benchmarks.machine import Measured, measure
from benchmarks.rows import ONE_FLOOR, Row
from benchmarks.scanning import EIGHT, Sides
from benchmarks.subject import Settings
from engine import Query, prepare
from engine.corpus.batches import batches


def prepare_queries(settings: Settings) -> list[Row]:
    """Gradient, preconditioning and factoring of eight queries together, an eighth of it each."""
    bench = Bench.of(settings)
    factors = bench.factors()
    one = list(batches(bench.model, bench.corpus[:1], settings.batch_tokens))
    short = subject.queries(settings, EIGHT)
    long = [_as_query(sequence.ids) for sequence in bench.corpus[:EIGHT]]
    cases = {
        "prepare, full rank": (short, None),
        f"prepare, rank {settings.rank}": (short, settings.rank),
        "prepare, full rank, long": (long, None),
    }
    sides: Sides = {"floor": side(floor_pass, bench.model, one)}
    for key, (asked, rank) in cases.items():
        sides[key] = side(prepare, bench.model, factors, asked, bench.config(rank))
    note = _add_kronfluence(settings, sides)
    found = measure(sides, settings.repeats, settings.device, frozenset({"kronfluence, one", "kronfluence, nine"}))
    floor = found["floor"].median
    rows = []
    for key, (asked, rank) in cases.items():
        each, rate = found[key].median / len(asked), found[key].flops / found[key].median
        words = f"{'full rank' if rank is None else f'rank {rank}'}, {len(_ids(asked[0]))} tokens"
        beside, said = (_kronfluence_each(found, floor), note) if rank is not None else (None, "")
        work = f"query preparation, each, {words}"
        rows.append(Row(key, work, ONE_FLOOR, each / floor, each, settings.repeats, beside, rate, said))
    return rows


def _ids(query: Query) -> tuple[int, ...]:
    return (*(query.prompt_ids or ()), *(query.completion_ids or ()))


def _as_query(ids: tuple[int, ...]) -> Query:
    start = len(ids) - max(1, len(ids) // 4)
    return Query.from_ids(ids[:start], ids[start:])


def _add_kronfluence(settings: Settings, sides: Sides) -> str:
    other = kronfluence(settings)
    if isinstance(other, str):
        return other
    other.fit(FEW)
    low = {"query_gradient_low_rank": settings.rank, "query_gradient_accumulation_steps": 10}
    sides["kronfluence, one"] = side(lambda: other.scores(1, 1, **low))
    sides["kronfluence, nine"] = side(lambda: other.scores(1 + EIGHT, 1, **low))
    return "kronfluence: what nine queries take more than one, an eighth of it each"


def _kronfluence_each(found: dict[str, Measured], floor: float) -> float | None:
    if "kronfluence, one" not in found:
        return None
    return float((found["kronfluence, nine"].median - found["kronfluence, one"].median) / EIGHT / floor)
