"""Every group of the benchmark once, with tiny sizes and without kronfluence, so that the harness cannot rot."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import benchmarks.__main__ as command
from benchmarks import growth, indexing, memory, report, scanning, subject
from benchmarks.bench import Bench, StageClock
from benchmarks.floor import floor_pass
from benchmarks.groups import GROUPS
from benchmarks.machine import Measured, measure
from benchmarks.memory import Job, Peak
from benchmarks.rows import GOALS, Goal, Row
from benchmarks.subject import Settings
from engine.model.capture import Captured
from engine.pipeline.passes import run_pass, true_labels
from engine.terms import Progress, silent

TINY = Settings(
    sequences=6,
    batch_sequences=3,
    tokens=8,
    query_tokens=4,
    width=8,
    layers=2,
    heads=2,
    vocabulary=31,
    repeats=1,
    threads=1,
    queries=(1, 2),
    many_queries=3,
    rank=2,
    top_k=2,
    kronfluence=False,
)


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fresh processes take seconds to start; one test starts one."""
    monkeypatch.setattr(memory, "in_fresh_process", memory.here)
    monkeypatch.setattr(growth, "in_fresh_process", memory.here)
    monkeypatch.setattr(indexing.demo, "load", lambda _: subject.language_model(TINY))
    monkeypatch.setattr(indexing.demo, "sequences", lambda _: subject.corpus(TINY))
    monkeypatch.setattr(indexing.demo, "queries", lambda chosen: subject.queries(TINY, len(chosen)))


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.usefixtures("in_this_process")
def test_every_row_of_a_group_is_there_and_above_zero(group: str) -> None:
    rows = GROUPS[group](TINY)
    assert rows
    for row in rows:
        assert row.value > 0 or row.unit == "share"


@pytest.mark.usefixtures("in_this_process")
def test_every_goal_belongs_to_a_row() -> None:
    sizes = replace(TINY, queries=(1, 64), many_queries=256, rank=32)
    keys = {row.key for make in GROUPS.values() for row in make(sizes)}
    assert set(GOALS) <= keys


def test_the_floor_gives_the_gradients_that_the_engine_captures() -> None:
    bench = Bench.of(TINY)
    kept: list[Captured] = []
    run_pass(bench.model, bench.corpus[-3:], 100, true_labels, lambda _, captured: kept.append(captured), "", silent)
    last = floor_pass(bench.model, bench.batches)
    for name, gradient in kept[0].output_gradients.items():
        # The floor differentiates a loss, the engine a log-likelihood.
        torch.testing.assert_close(-last[name], gradient)


def test_the_floor_leaves_the_model_as_it_was() -> None:
    bench = Bench.of(TINY)
    before = [p.requires_grad for p in bench.model.hf_model.parameters()]
    bench.floor()
    assert [p.requires_grad for p in bench.model.hf_model.parameters()] == before
    assert not any(module._forward_hooks for module in bench.model.modules.values())


def test_products_are_counted_from_their_shapes() -> None:
    left, right = torch.randn(3, 5), torch.randn(5, 7)
    found = measure({"product": lambda: _multiply(left, right)}, repeats=2)
    assert found["product"].flops == 2 * 3 * 5 * 7
    assert len(found["product"].seconds) == 2


def _multiply(left: torch.Tensor, right: torch.Tensor) -> None:
    left.mm(right)


def test_sides_take_turns_and_uncounted_ones_are_not_warmed_up() -> None:
    order: list[str] = []
    sides = {"a": lambda: order.append("a"), "b": lambda: order.append("b")}
    measure(sides, repeats=2, uncounted=frozenset({"b"}))
    assert order == ["a", "a", "b", "a", "b"]


def test_parts_of_a_side_are_added_before_the_median_is_taken() -> None:
    found = Measured(parts={"one": [1.0, 5.0, 3.0], "two": [10.0, 1.0, 2.0]})
    assert found.part("one", "two") == 6.0
    assert found.part("one") == 3.0


def test_a_stage_ends_where_the_next_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0.0, 2.0, 7.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(times))
    clock = StageClock()
    for stage in ("covariances", "covariances", "eigenvalues"):
        clock(Progress(stage, 0, 1))
    assert clock.parts() == {"covariances": 2.0, "eigenvalues": 5.0}


def test_a_peak_is_measured_in_a_fresh_process(tmp_path: Path) -> None:
    big = TINY.but(vocabulary=4096, tokens=64, sequences=16, batch_sequences=16)
    found = memory.in_fresh_process(big, Job("floor"), tmp_path)
    logits = 16 * 64 * 4096 * 4 / 2**20
    assert logits < found.above < 20 * logits
    assert found.seconds > 0


def test_a_failure_in_a_fresh_process_is_told(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="failed"):
        memory.in_fresh_process(TINY, Job("scan", 1), tmp_path / "nowhere")


def test_without_kronfluence_a_row_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    # None in sys.modules is how Python marks a module that cannot be imported.
    monkeypatch.setitem(sys.modules, "benchmarks.reference", None)
    sides: dict[str, Callable[[], Any]] = {}
    assert scanning.add_kronfluence(replace(TINY, kronfluence=True), sides, 2).startswith("kronfluence is not there")
    assert not sides
    (row,) = scanning.scan_beside_kronfluence(replace(TINY, kronfluence=True))
    assert row.kronfluence is None
    assert "not there" in row.note


def test_goals_have_a_side() -> None:
    assert Goal(1.5).reached(1.5)
    assert not Goal(1.5).reached(1.51)
    assert Goal(20, "at least").reached(20)
    assert not Goal(20, "at least").reached(19.9)


def test_results_of_groups_are_merged_and_written(tmp_path: Path) -> None:
    kept, written = tmp_path / "results.json", tmp_path / "RESULTS.md"
    first = Row("scan, 64 queries", "a scan", "x the floor", 1.25, 2.0, 5, 1.6, 5e10)
    for group, row in (("fit", Row("other", "a fit", "x the floor", 4.5, note="a word")), ("scan", first)):
        report.merge(group, [row], "2026-01-01, made here", TINY, (1e11, "measured"), kept)
    report.merge("scan", [first], "2026-01-02, made here", TINY, (1e11, "measured"), kept)
    text = report.write(list(GROUPS), kept, written)
    assert written.read_text(encoding="utf-8") == text
    assert "| a scan | 1.25 x the floor | ≤ 1.4 reached | 1.6 | 2 (of 5) | 50 (50%) |  |" in text
    assert "| a fit | 4.5 x the floor |  |  |  |  | a word |" in text
    assert "2026-01-01, made here" in text
    assert text.count("## scan") == 1
    assert json.loads(kept.read_text(encoding="utf-8"))["scan"]["rows"][0]["reached"] is True


def test_the_command_measures_only_what_is_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sizes = {"sequences": 4, "tokens": 8, "query-tokens": 4, "width": 8, "heads": 2, "vocabulary": 31, "repeats": 1}
    words = [part for name, value in sizes.items() for part in (f"--{name}", str(value))]
    files = ["--json", str(tmp_path / "r.json"), "--out", str(tmp_path / "R.md")]
    command.main(["--only", "prepare", "--without-kronfluence", "--threads", "1", "--layers", "1", *words, *files])
    assert list(json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))) == ["prepare"]
    assert "query preparation" in capsys.readouterr().out
    assert "kronfluence was left out" in (tmp_path / "R.md").read_text(encoding="utf-8")


def test_a_peak_below_a_page_counts_as_a_page() -> None:
    assert Peak(5.0, 0.0, 5.0, 1.0).above == memory.PAGE


@pytest.mark.parametrize("rank", [None, 2])
def test_the_memory_of_prepared_queries_is_that_of_their_entries(rank: int | None) -> None:
    bench = Bench.of(TINY)
    prepared = bench.prepared(bench.factors(), 3, bench.config(rank))
    shapes = [bench.model.dimensions(name) for name in bench.model.tracked]
    entries = sum(3 * (d_out * d_in if rank is None else rank * (d_out + d_in)) for d_out, d_in in shapes)
    assert memory.mebibytes(prepared) * 2**20 == pytest.approx(4 * entries)
