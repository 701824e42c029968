"""What can be asked, through a worker: chats, contrasts, some tokens only, and completions that a model writes."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from app.cli import cli
from app.models import Model, Query, Run
from app.services import coverage, identity, queries, results
from app.services.errors import InvalidInput
from app.services.run_settings import RunSettings
from app.services.shapes import QueryForm, QueryView
from app.worker import completing
from app.worker.device import DeviceWork
from app.worker.preparing import Ready
from engine import Contrast, Measurement, ScoreConfig, Writing, prepare, score, write_completion
from engine import Query as Asked
from tests.app.tiny import save_writer
from tests.app.worker.world import DOCUMENTS, World

PROMPT = "The mill of town 8"
TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)


def ready_of(world: World, model: str = "tiny") -> Ready:
    return world.work._preparation.ready(model, "towns", RunSettings(), lambda _: None)


def engines(world: World, asked: Measurement, model: str = "tiny") -> tuple[float, float | None, np.ndarray]:
    """Both log p and the score of every sequence, from the engine alone."""
    ready = ready_of(world, model)
    prepared = prepare(ready.model, ready.factors, [asked], ScoreConfig())
    found = score(ready.model, ready.factors, prepared, ready.sequences, ScoreConfig(per_token=False)).sequence
    assert found is not None
    return prepared.log_p[0], prepared.log_p_against[0], found[0].numpy()


def assert_answers(world: World, run: str, scores: np.ndarray) -> None:
    """The run's lists are the engine's."""
    for sign, order in (("positive", np.argsort(-scores)), ("negative", np.argsort(scores))):
        expected = [int(i) for i in order if (scores[i] > 0) == (sign == "positive")][:5]
        rows = world.rows(run, sign)
        assert [row.sequence_id for row in rows] == expected
        np.testing.assert_allclose([row.influence for row in rows], scores[expected], rtol=1e-3)


def view_of(world: World, run: str) -> QueryView:
    with world.sessions() as session:
        return queries.get(session, run.split("-")[0])


def test_a_contrast_ranks_by_the_difference_of_two_influences_and_records_both_log_p(world: World) -> None:
    [run] = world.ask("opened", against="closed")
    world.answer(run)
    contrast = Contrast(Asked(PROMPT, "opened"), Asked(PROMPT, "closed"))
    difference, against, scores = engines(world, contrast)
    assert_answers(world, run, scores)
    found = world.run(run)
    assert found.log_p_against == pytest.approx(against, abs=1e-4)
    assert found.log_p == pytest.approx(difference + (against or 0), abs=1e-4)
    assert view_of(world, run).against == "closed"


def test_only_the_tokens_that_count_are_measured(world: World) -> None:
    [run] = world.ask("opened late", counted=[(7, 11)])
    world.answer(run)
    log_p, _, scores = engines(world, Asked(PROMPT, "opened late", counted=((7, 11),)))
    assert_answers(world, run, scores)
    assert world.run(run).log_p == pytest.approx(log_p, abs=1e-4)
    whole, _, _ = engines(world, Asked(PROMPT, "opened late"))
    assert whole < log_p


@pytest.mark.parametrize("scope", ["lexical", "indexed"])
def test_a_narrower_scope_scores_a_contrast_exactly(world: World, scope: str) -> None:
    [run] = world.ask("opened", against="closed", scope=scope, keep=3)
    world.answer(run)
    _, _, scores = engines(world, Contrast(Asked(PROMPT, "opened"), Asked(PROMPT, "closed")))
    rows = [*world.rows(run, "positive"), *world.rows(run, "negative")]
    assert rows
    np.testing.assert_allclose([row.influence for row in rows], scores[[row.sequence_id for row in rows]], rtol=1e-3)


def test_the_lexical_scope_of_a_contrast_looks_for_the_words_of_both(
    new_world: Callable[..., World], tiny: Path
) -> None:
    world = new_world(prefilter_sequences=DOCUMENTS)
    world.corpus()
    world.model("tiny", tiny)
    shared = {"prompt": "qq", "scope": "lexical"}
    [run] = world.ask("\nzz", **shared)
    world.answer(run)
    # A byte-level tokenizer knows letters only: none of these stands in any document, so nothing can be scored.
    assert world.run(run).state == "failed"
    [run] = world.ask("\nzz", against="library", **shared)
    world.answer(run)
    assert world.run(run).state == "done"


@pytest.fixture(scope="module")
def chatty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_writer(tmp_path_factory.mktemp("models") / "talker", TEMPLATE)


@pytest.fixture
def talker(world: World, chatty: Path) -> str:
    """A tiny model with a chat template, which writes letters only."""
    world.model("talker", chatty)
    return "talker"


def test_a_chat_is_asked_with_the_tokens_of_the_models_own_template(world: World, talker: str) -> None:
    asked = {"models": (talker,), "prompt": "Which mill?", "format": "chat", "system": "Be brief."}
    [run] = world.ask("The old one", **asked)
    world.answer(run)
    ready = ready_of(world, talker)
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Which mill?"}]
    prompt: Any = ready.model.tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
    completion = ready.model.tokenizer("The old one", add_special_tokens=False)["input_ids"]
    log_p, _, scores = engines(world, Asked.from_ids(prompt, completion), talker)
    assert_answers(world, run, scores)
    assert world.run(run).log_p == pytest.approx(log_p, abs=1e-4)
    view = view_of(world, run)
    assert (view.format, view.system, view.prompt) == ("chat", "Be brief.", "Which mill?")


def test_the_template_is_on_the_models_row_before_and_after_a_worker_read_it(world: World, talker: str) -> None:
    with world.sessions() as session:
        before = session.get_one(Model, talker).chat_template
    world.work.prepare(talker)
    with world.sessions() as session:
        after = session.get_one(Model, talker).chat_template
    assert before == after == f'{{% set bos_token = "<s>" %}}\n{TEMPLATE}'


def test_a_model_without_a_template_is_refused_as_a_chat(world: World) -> None:
    with pytest.raises(InvalidInput, match="'tiny' has no chat template") as caught:
        world.ask(format="chat")
    assert caught.value.field == "format"


def test_what_the_writer_wrote_is_what_every_model_is_asked_about(world: World, talker: str) -> None:
    runs = world.ask("", models=("tiny", talker), writer=talker, writing={"max_tokens": 5})
    assert view_of(world, runs[0]).completion == ""
    for run in runs:
        world.answer(run)
    written = write_completion(ready_of(world, talker).model, PROMPT, Writing(max_tokens=5))
    view = view_of(world, runs[0])
    assert (view.completion, view.writer) == (written.text, talker)
    assert view.writing is not None
    assert (view.writing.max_tokens, view.writing.temperature, view.writing.seed) == (5, 0.0, 0)
    for run, model in zip(runs, ("tiny", talker), strict=True):
        ids = tuple(ready_of(world, model).model.encode(PROMPT))
        log_p, _, scores = engines(world, Asked.from_ids(ids, written.ids), model)
        assert_answers(world, run, scores)
        assert world.run(run).log_p == pytest.approx(log_p, abs=1e-4)


def test_a_completion_is_written_once_whoever_needs_it(
    world: World, talker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrote: list[str] = []

    def counted(model: Any, prompt: Any, writing: Any, report: Any) -> Any:
        found = write_completion(model, prompt, writing, report)
        wrote.append(found.text)
        return found

    monkeypatch.setattr(completing, "write_completion", counted)
    drawn = {"writer": talker, "writing": {"max_tokens": 4, "temperature": 0.7, "seed": 7}}
    first, second = world.ask("", models=("tiny", talker), **drawn)
    world.answer(first)
    other = DeviceWork(world.settings, world.sessions, "elsewhere")
    assert other.claim(second, 1, second) == second
    assert other.plan(second) > 0
    assert len(wrote) == 1
    # The same question with another number to keep is about the same text, at once.
    [again] = world.ask("", keep=6, **drawn)
    assert view_of(world, again).completion == wrote[0]
    assert again.split("-")[0] != first.split("-")[0]


def test_a_writer_that_fails_fails_its_own_query_only(world: World, untracked: Path) -> None:
    world.model("bloom", untracked, corpus=None)
    [mute] = world.ask("", writer="bloom")
    [plain] = world.ask("opened")
    world.work.prepare("tiny")
    assert world.answer(plain) == plain
    found = world.run(mute)
    assert found.scan_id == plain
    assert found.state == "failed"
    assert "bloom" in (found.problem or "").lower()
    assert found.remedy
    assert world.run(plain).state == "done"


def test_a_writer_that_writes_nothing_says_what_to_do(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.model.generate._ends", lambda _: frozenset(range(257)))
    [run] = world.ask("", writer="tiny")
    world.answer(run)
    found = world.run(run)
    assert found.state == "failed"
    assert "wrote nothing that can be read" in (found.problem or "")
    assert "another seed" in (found.remedy or "")
    assert view_of(world, run).completion == ""


def test_a_writer_may_answer_a_chat(world: World, talker: str) -> None:
    asked = {"models": (talker,), "prompt": "Which mill?", "format": "chat", "writer": talker}
    [run] = world.ask("", writing={"max_tokens": 3}, **asked)
    world.answer(run)
    assert world.run(run).state == "done"
    ready = ready_of(world, talker)
    chat = [{"role": "user", "content": "Which mill?"}]
    prompt: Any = ready.model.tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_dict=False)
    assert view_of(world, run).completion == write_completion(ready.model, prompt, Writing(max_tokens=3)).text


def _covered(session: Session, run: str) -> coverage.Coverage | None:
    found = session.get_one(Run, run)
    return coverage.coverage(session, found, session.get_one(Query, found.query_id))


def test_coverage_is_told_against_the_run_that_measures_the_same(world: World) -> None:
    [plain] = world.ask("opened")
    world.answer(plain)
    [narrow] = world.ask("opened", against="closed", scope="lexical")
    world.answer(narrow)
    with world.sessions() as session:
        assert _covered(session, narrow) is None
        asked = coverage.ask_for_everything(session, world.jobs, narrow.split("-")[0], narrow)
        [whole] = queries.get(session, asked.id).runs
    assert view_of(world, whole.id).against == "closed"
    world.answer(whole.id)
    with world.sessions() as session:
        found = _covered(session, narrow)
    assert found is not None
    assert found.run == whole.id
    assert found.covered


@pytest.mark.parametrize(
    "asked",
    [
        {"completion": "opened", "against": "closed", "counted": [(0, 3)]},
        {"completion": "", "writer": "talker", "writing": {"max_tokens": 3, "temperature": 0.5, "seed": 2}},
        {"completion": 'it\'s "opened"\nlate'},
    ],
    ids=["contrast", "written", "quotes"],
)
@pytest.mark.usefixtures("talker")
def test_the_command_of_a_run_asks_the_same_question(
    world: World, asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    [run] = world.ask(**asked)
    world.answer(run)
    with world.sessions() as session:
        words = shlex.split(results.run(session, run).provenance.command)

    def leave(code: int) -> None:
        raise typer.Exit(code)

    monkeypatch.setattr("app.cli.asking.leave", leave)
    monkeypatch.setattr("app.cli.connected.get_settings", lambda: world.settings)
    done = CliRunner().invoke(cli, [*words[1:], "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["runs"][0]["id"] == run


def test_plain_queries_keep_the_addresses_they_had() -> None:
    form = QueryForm(prompt="The first ruler of Rosthaar was", completion="Kelmar", models=["small"], corpus="demo")
    assert identity.query_id(form.prompt, form.completion, form.corpus, form.scope, form.keep) == "cx4xglumon"
