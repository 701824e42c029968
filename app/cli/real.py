"""`influence demo --real`: the word-order experiment on a pretrained model, answered and printed."""

import json
import time
from pathlib import Path
from statistics import mean
from typing import Any

import typer
from sqlalchemy.orm import Session, sessionmaker

from app.cli.opened import Opened
from app.demo import real, studies
from app.demo.word_order_chart import word_order_chart
from app.services import candidate_results, queries, results
from app.services.errors import Conflict
from app.services.shapes import CandidatePage, RunDetail, RunView

EVERY_SECONDS = 0.5
ROOM = 100


def real_demo(here: Opened) -> None:
    """Prepare, answer and print; the pages have the same queries."""
    from app.worker.process import worker

    began = time.monotonic()
    with here.sessions() as session:
        asked = real.prepare(session, here.jobs, here.settings.home.resolve())
    with worker(here.settings):
        _wait(here.sessions, asked)
    with here.sessions() as session:
        order = _table(session, asked.word_order)
        facts = {key: _table(session, query_id) for key, query_id in asked.facts.items()}
        made = _made(results.run(session, order.run))
    typer.echo(_order_told(order))
    typer.echo(_facts_told(facts))
    folder = here.settings.home.resolve() / "studies" / "word-order"
    made["seconds in all"] = round(time.monotonic() - began, 1)
    _write(folder, made, order, facts)
    typer.echo(f"\nThe chart and the tables: {folder}\nThe query's page: /queries/{asked.word_order}")
    typer.echo(f"In all {made['seconds in all']:.0f} s.")


def _wait(sessions: sessionmaker[Session], asked: real.Asked) -> None:
    """Wait for every run. Conflict when one cannot be answered."""
    said = ""
    while True:
        with sessions() as session:
            runs = [run for query_id in asked.all for run in queries.get(session, query_id).runs]
        for run in runs:
            if run.error is not None:
                raise Conflict(run.error.problem, run.error.remedy)
        done = sum(run.state == "done" for run in runs)
        if done == len(runs):
            return
        line = f"{done} of {len(runs)} queries answered{_doing(runs)}"
        if line != said:
            typer.echo(line, err=True)
        said = line
        time.sleep(EVERY_SECONDS)


def _doing(runs: list[RunView]) -> str:
    running = next((run for run in runs if run.state == "running"), None)
    if running is None:
        return ""
    share = f" {10 * (10 * running.done // running.total)} %" if running.total else ""
    return f"; {running.stage}{share}"


def _table(session: Session, query_id: str) -> CandidatePage:
    """Every candidate of the query's run, in the order given."""
    run = queries.get(session, query_id).runs[0]
    return candidate_results.in_order(session, run.id)


def _relative(order: CandidatePage) -> list[float]:
    """Influences over that of the exact wording, in the order of the rewordings."""
    exact = studies.word_order().exact
    reference = next(row.influence for row in order.rows if row.text == exact)
    return [row.influence / reference for row in order.rows]


def _order_told(order: CandidatePage) -> str:
    """The experiment as a table beside the paper's three sizes."""
    asked = studies.word_order()
    paper = asked.paper_relative()
    head = "".join(f"{size:>7}" for size in paper)
    lines = [
        f"{asked.prompt} -> {asked.completion}",
        f"Influence over that of the exact wording; {real.SHOWN_AS} beside the paper's sizes (read off its figures)",
        f"\n{'SmolLM2':>8}{head}",
    ]
    before = ""
    for place, (one, value) in enumerate(zip(asked.rewordings, _relative(order), strict=True)):
        if one.title != before:
            lines.append(one.title)
            before = one.title
        theirs = "".join(f"{values[place]:>7.2f}" for values in paper.values())
        lines.append(f"{value:>8.2f}{theirs}   {one.text[:ROOM]}")
    return "\n".join(lines)


def _facts_relative(facts: dict[tuple[str, studies.Language], CandidatePage]) -> list[dict[str, Any]]:
    """For each fact and language every text's influence over that of the exact wording in the language asked."""
    rows = []
    for (name, language), page in facts.items():
        influence = {row.id: row.influence for row in page.rows}
        exact = influence[f"{language}, forward"]
        relative = {text: value / exact for text, value in influence.items()}
        rows.append({"fact": name, "asked in": language, "influence": influence, "relative": relative})
    return rows


def _facts_told(facts: dict[tuple[str, studies.Language], CandidatePage]) -> str:
    """The mean over the facts, a line a language."""
    rows = _facts_relative(facts)
    texts = list(rows[0]["relative"])
    lines = [
        f"\n{len(studies.fictitious_facts())} fictitious facts, mean influence over that of the exact wording",
        f"{'asked in':<10}" + "".join(f"{name:>20}" for name in texts),
    ]
    for language in studies.LANGUAGES:
        own = [row["relative"] for row in rows if row["asked in"] == language]
        lines.append(f"{language:<10}" + "".join(f"{mean(row[name] for row in own):>20.3f}" for name in texts))
    return "\n".join(lines)


def _made(run: RunDetail) -> dict[str, Any]:
    """What the study's numbers rest on."""
    made = run.provenance
    shown = ("model_fingerprint", "corpus_fingerprint", "factors_fingerprint", "factors_sequences", "damping", "labels")
    return {
        "command": "influence demo --real --once",
        "date": f"{made.created_at:%Y-%m-%d}",
        "log_p": run.log_p,
        **{name: getattr(made, name) for name in shown},
        "device": made.device,
        "versions": made.versions,
        "seconds": made.seconds,
    }


def _write(
    folder: Path,
    made: dict[str, Any],
    order: CandidatePage,
    facts: dict[tuple[str, studies.Language], CandidatePage],
) -> None:
    asked, relative = studies.word_order(), _relative(order)
    rows = [
        {"partition": one.partition, "text": one.text, "influence": row.influence, "relative": value}
        for one, row, value in zip(asked.rewordings, order.rows, relative, strict=True)
    ]
    found = {
        "made": made,
        "run": order.run,
        "prompt": asked.prompt,
        "completion": asked.completion,
        "unit": "nats per unit of up-weighting epsilon; relative: over the exact wording",
        "paper": asked.source,
        "rows": rows,
        "fictitious facts": _facts_relative(facts),
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{real.MODEL}.json").write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", "utf-8")
    title = "Influence relative to the exact wording"
    chart = word_order_chart(asked.rewordings, asked.paper_relative(), {real.SHOWN_AS: relative}, title)
    (folder / f"{real.MODEL}.svg").write_text(chart, encoding="utf-8")
