"""`influence demo`: the bundled corpus, models and queries, prepared and served; or answered once and printed."""

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import typer
from sqlalchemy.orm import Session, sessionmaker

from app.cli.ending import leave
from app.cli.opened import Opened, opened
from app.cli.real import real_demo
from app.cli.serving import up
from app.demo import bundle, figures
from app.demo.prepare import CORPUS, prepare
from app.services import catalog, queries, results
from app.services.errors import Conflict
from app.services.shapes import ModelView, RunView

if TYPE_CHECKING:
    from app.worker.device import DeviceWork

TOP = 10
DEPTH = 500
EVERY_SECONDS = 0.5
FORWARD = "forward"

Once = Annotated[bool, typer.Option("--once", help="answer all, print what came of it, and end")]
Real = Annotated[
    bool, typer.Option("--real", help="a pretrained model in place of the demo's: the paper's word-order experiment")
]


def add_to(cli: typer.Typer) -> None:
    """Put this command on the command line."""
    cli.command("demo")(demo)


def demo(once: Once = False, real: Real = False) -> None:
    """Prepare the demo and serve it."""
    if real:
        with opened() as here:
            real_demo(here)
        if once:
            leave(0)
        up()
        return
    with opened() as here:
        began = time.monotonic()
        with here.sessions() as session:
            asked = prepare(session, here.jobs)
        if once:
            _answer_once(here, asked, Clock(began))
            leave(0)
    up()


@dataclass
class Clock:
    """Seconds of each stage, from the command's beginning."""

    began: float
    seconds: dict[str, float] = field(default_factory=dict)

    def mark(self, stage: str) -> None:
        """Note how long it took until a stage was reached, if that is not noted yet."""
        self.seconds.setdefault(stage, round(time.monotonic() - self.began, 2))


def _answer_once(here: Opened, asked: dict[str, str], clock: Clock) -> None:
    from app.worker.process import worker

    clock.mark("registered")
    with worker(here.settings) as work:
        _wait(here.sessions, asked, clock)
        planted = {model.name: _planted(work, model.name, clock) for model in bundle.models()}
        clock.mark("finished")
        with here.sessions() as session:
            report = {
                "models": [_model(one) for one in bundle.models()],
                "results": list(_results(session, asked)),
                "planted_facts": planted,
                "seconds": {**clock.seconds, **_stages(session)},
            }
        typer.echo(json.dumps(report, ensure_ascii=False, indent=1))
        leave(0)


def _wait(sessions: sessionmaker[Session], asked: dict[str, str], clock: Clock) -> None:
    """Wait for every gallery run of every demo model. Conflict when one cannot be answered."""
    said = ""
    while True:
        with sessions() as session:
            runs = [run for query_id in asked.values() for run in queries.get(session, query_id).runs]
            models = [catalog.model(session, one.name) for one in bundle.models()]
        _refuse_failures(runs)
        done = sum(run.state == "done" for run in runs)
        for model in models:
            if model.state == "ready":
                clock.mark(f"{model.name} ready")
        if done:
            clock.mark("first ranked list")
        if done == len(runs):
            clock.mark("gallery answered")
            return
        line = f"{done} of {len(runs)} runs done; " + ", ".join(_doing(one, runs) for one in models)
        if line != said:
            typer.echo(line, err=True)
        said = line
        time.sleep(EVERY_SECONDS)


def _refuse_failures(runs: Iterable[RunView]) -> None:
    for run in runs:
        if run.state in ("failed", "cancelled"):
            problem = "was cancelled." if run.error is None else run.error.problem
            remedy = "Ask again with `influence demo --once`." if run.error is None else run.error.remedy
            raise Conflict(f"The run {run.id} ({run.model}): {problem}", remedy)


def _doing(model: ModelView, runs: Sequence[RunView]) -> str:
    """What goes on with one model, in a few words."""
    mine = [run for run in runs if run.model == model.name]
    running = next((run for run in mine if run.state == "running"), None)
    if running is not None:
        return f"{model.name} {running.stage}{_share(running.done, running.total)}"
    if model.state == "preparing":
        return f"{model.name} {model.stage}{_share(model.done, model.total)}"
    return f"{model.name} {'done' if all(run.state == 'done' for run in mine) else 'waits'}"


def _share(done: int, total: int) -> str:
    return f" {10 * (10 * done // total)} %" if total else ""


def _model(model: bundle.DemoModel) -> dict[str, Any]:
    return {"name": model.name, "parameters": model.parameters, "fact_recall": model.fact_recall}


def _results(session: Session, asked: dict[str, str]) -> Iterable[dict[str, Any]]:
    for one in bundle.gallery():
        supporting = set(one.supporting)
        for run in queries.get(session, asked[one.name]).runs:
            top = results.influences(session, run.id, "positive", 0, TOP).rows
            yield {
                "query": one.name,
                "prompt": one.prompt,
                "completion": one.completion,
                "model": run.model,
                "log_p": run.log_p,
                "top": [
                    {
                        "rank": row.rank,
                        "sequence_id": row.sequence_id,
                        "document": row.document,
                        "kind": row.kind,
                        "nats_per_copy": row.nats_per_copy,
                        "supporting": row.document in supporting,
                    }
                    for row in top
                ],
            }


def _planted(work: "DeviceWork", model: str, clock: Clock) -> dict[str, Any]:
    """How well the planted facts' supporting documents are found: forward facts, and the harder groups apart."""
    facts = bundle.planted()
    typer.echo(f"planted facts, {model}: {len(facts)} queries", err=True)
    rankings = work.rank(model, CORPUS, [(fact.prompt, fact.completion) for fact in facts], DEPTH)
    clock.mark(f"planted facts {model}")
    groups = {group: _figures(facts, rankings, group) for group in dict.fromkeys(fact.group for fact in facts)}
    return {**groups[FORWARD], "groups": groups}


def _figures(facts: Sequence[bundle.DemoQuery], rankings: Sequence[list[str]], group: str) -> dict[str, Any]:
    pairs = [(ranking, fact.supporting) for fact, ranking in zip(facts, rankings, strict=True) if fact.group == group]
    return asdict(figures.retrieval_figures([one for one, _ in pairs], [two for _, two in pairs]))


def _stages(session: Session) -> dict[str, float]:
    """What each stage of fitting took, by model."""
    return {
        f"{model} {stage}": seconds
        for model, fitted in catalog.fitting_seconds(session).items()
        for stage, seconds in fitted.items()
    }
