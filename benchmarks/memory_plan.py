"""The memory plan against what is used: `python -m benchmarks.memory_plan`; writes docs/studies/memory-plan.json.

Each kind of work runs in a process of its own. There the model is loaded and planned for (which also runs it once),
free memory is given back to the system, and the resident memory is read: the baseline. Predicted is the baseline
plus the planned growth; used is the most that was resident while the work was done. Linux only. With --model or
--batch-tokens only some cases are measured, and the others kept as they were.
"""

import argparse
import gc
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

from benchmarks import demo
from benchmarks.machine import describe, forget_peak, peak_mebibytes, resident_mebibytes, trim
from engine import FactorConfig, Factors, LanguageModel, Query, ScoreConfig, Sequence, fit_factors, prepare, score
from engine.pipeline.passes import run_pass, true_labels
from engine.pipeline.plan import Plan, make_plan
from engine.pipeline.timing import expected_times
from engine.terms import silent

RESULTS = Path(__file__).parent.parent / "docs" / "studies" / "memory-plan.json"
MEBIBYTE = 2**20
KEEP = 50
QUERY_COUNTS = (1, 8, 64)
# Timing takes a while, so only the fit and this scan are timed.
TIMED_QUERIES = 8
DEMO_SEQUENCES = 600


@dataclass(frozen=True)
class Case:
    """A model and the budget of a batch."""

    model: str
    batch_tokens: int


CASES = (Case("medium", 8192), Case("large", 8192), Case("neox-10m", 4096), Case("neox-10m", 8192))


def load(name: str) -> tuple[LanguageModel, list[Sequence]]:
    """A demo model and some of its corpus, evenly chosen; or a random 10M GPT-NeoX and 64 random sequences of 256."""
    if name != "neox-10m":
        model = demo.load(name)
        every = demo.sequences(model)
        return model, every[:: max(1, len(every) // DEMO_SEQUENCES)][:DEMO_SEQUENCES]
    torch.manual_seed(0)
    config = GPTNeoXConfig(
        hidden_size=384,
        intermediate_size=1536,
        num_hidden_layers=6,
        num_attention_heads=6,
        vocab_size=8192,
        max_position_embeddings=256,
    )
    ids = torch.randint(8192, (64, 256), generator=torch.Generator().manual_seed(1))
    return LanguageModel(GPTNeoXForCausalLM(config).eval()), [Sequence(row) for row in ids.tolist()]


def queries(model: LanguageModel, count: int) -> list[Query]:
    """As many queries of 24 tokens."""
    vocabulary = model.hf_model.get_input_embeddings().weight.shape[0]
    ids = torch.randint(2, vocabulary, (count, 24), generator=torch.Generator().manual_seed(2)).tolist()
    return [Query.from_ids(row[:16], row[16:]) for row in ids]


def work(case: Case, kind: str, count: int, folder: Path) -> dict[str, object]:
    """Plan and then do one kind of work in this process: the floor, a fit, or a scan for `count` queries."""
    model, corpus = load(case.model)
    fit = FactorConfig(batch_tokens=case.batch_tokens)
    config = ScoreConfig(per_token=False, top_k=KEEP, batch_tokens=case.batch_tokens)
    plan = make_plan(model, corpus, count, fit, config)
    timed = kind == "fit" or (kind, count) == ("scan", TIMED_QUERIES)
    expected = _seconds(model, corpus, plan, fit, config, kind) if timed else None
    baseline, began = _settled(), time.perf_counter()
    if kind == "floor":
        run_pass(model, corpus, case.batch_tokens, true_labels, lambda *_: None, "floor", silent)
    elif kind == "fit":
        fit_factors(model, corpus, fit).save(folder)
    else:
        factors = Factors.load(folder)
        score(model, factors, prepare(model, factors, queries(model, count), config), corpus, config)
    seconds, used = time.perf_counter() - began, peak_mebibytes()
    predicted = baseline + _growth(plan, kind) / MEBIBYTE
    return {
        "model": case.model,
        "batch_tokens": case.batch_tokens,
        "work": kind if kind != "scan" else f"scan, {count} quer{'y' if count == 1 else 'ies'}",
        "baseline": round(baseline),
        "predicted": round(predicted),
        "used": round(used),
        "error": round(predicted / used - 1, 3),
        "error_of_growth": round((predicted - baseline) / (used - baseline) - 1, 3),
        "seconds_predicted": expected,
        "seconds_used": round(seconds, 1),
    }


def _seconds(
    model: LanguageModel, corpus: list[Sequence], plan: Plan, fit: FactorConfig, config: ScoreConfig, kind: str
) -> float:
    times = expected_times(model, corpus, plan, fit, config)
    return round(sum((times.fit if kind == "fit" else times.scan).values()), 1)


def _growth(plan: Plan, kind: str) -> float:
    if kind == "floor":
        stage = plan.scan[1]
        return stage.beside + stage.batch["forward and backward"]
    return plan.fit_peak if kind == "fit" else plan.scan_peak


def _settled() -> float:
    """Resident mebibytes, once free memory is given back to the system and the record of the most is reset."""
    gc.collect()
    trim()
    forget_peak()
    return resident_mebibytes()


def _in_a_process(case: Case, kind: str, count: int, folder: Path) -> dict[str, object]:
    command = [sys.executable, "-m", "benchmarks.memory_plan", "--only", kind, "--model", case.model]
    command += ["--batch-tokens", str(case.batch_tokens), "--queries", str(count), "--folder", str(folder)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    row: dict[str, object] = json.loads(run.stdout.splitlines()[-1])
    print(json.dumps(row), flush=True)
    return row


def measure(case: Case) -> Iterable[dict[str, object]]:
    """All kinds of work of a case, with the most that a scan holds over that of the bare floor."""
    with tempfile.TemporaryDirectory() as folder:
        factors = Path(folder) / "factors"
        floor = _in_a_process(case, "floor", 1, factors)
        yield floor
        yield _in_a_process(case, "fit", 1, factors)
        for count in QUERY_COUNTS:
            row = _in_a_process(case, "scan", count, factors)
            yield row | {"over_the_floor": round(float(str(row["used"])) / float(str(floor["used"])), 2)}


def main() -> None:
    """Measure every case, or, in the processes that this one starts, a single kind of work."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=["floor", "fit", "scan"])
    parser.add_argument("--model")
    parser.add_argument("--batch-tokens", type=int)
    parser.add_argument("--queries", type=int, default=1)
    parser.add_argument("--folder", type=Path)
    chosen = parser.parse_args()
    if chosen.only:
        print(json.dumps(work(Case(chosen.model, chosen.batch_tokens), chosen.only, chosen.queries, chosen.folder)))
        return
    cases = [case for case in CASES if chosen.model in (None, case.model)]
    cases = [case for case in cases if chosen.batch_tokens in (None, case.batch_tokens)]
    fresh = [row for case in cases for row in measure(case)]
    write(kept(cases) + fresh)


def kept(cases: list[Case]) -> list[dict[str, object]]:
    """What was measured before of other cases."""
    if not RESULTS.is_file():
        return []
    again = {(case.model, case.batch_tokens) for case in cases}
    rows: list[dict[str, object]] = json.loads(RESULTS.read_text(encoding="utf-8"))["rows"]
    return [row for row in rows if (row["model"], row["batch_tokens"]) not in again]


def write(rows: list[dict[str, object]]) -> None:
    """The report."""
    report = {
        "command": "python -m benchmarks.memory_plan",
        "machine": describe(),
        "unit": "MiB resident; predicted = baseline + planned growth; error = predicted / used - 1",
        "worst_error": max(abs(float(str(row["error"]))) for row in rows),
        "rows": rows,
    }
    RESULTS.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
