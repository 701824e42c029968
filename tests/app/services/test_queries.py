"""Asking: the same question has one address, what is wrong is told, and runs can be cancelled and repeated."""

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from app.database import writing
from app.jobs.client import JobsUnavailable, NullJobs
from app.models import Corpus, Model, Query, Run
from app.services import queries
from app.services.errors import Conflict, InvalidInput, NotFound
from app.services.record import record
from tests.app.rows import add_catalog, answer, form, submit


@pytest.fixture(autouse=True)
def _catalog(sessions: sessionmaker[Session]) -> None:
    add_catalog(sessions)


def test_the_same_question_twice_is_found_and_not_asked_again(sessions: sessionmaker[Session]) -> None:
    jobs = NullJobs()
    with sessions() as session:
        first = queries.submit(session, jobs, form())
        second = queries.submit(session, jobs, form())
        assert (first.id, first.existing, second.existing) == (second.id, False, True)
        assert session.scalar(select(func.count()).select_from(Query)) == 1
    assert len(jobs.asked) == 1


def test_a_form_that_adds_a_model_adds_a_run_to_the_same_query(sessions: sessionmaker[Session]) -> None:
    jobs = NullJobs()
    with sessions() as session:
        first = queries.submit(session, jobs, form())
        second = queries.submit(session, jobs, form(models=["small", "large"]))
        assert first.id == second.id
        assert not second.existing
        assert [run.model for run in queries.get(session, first.id).runs] == ["small", "large"]
    assert [kind for kind, _, _ in jobs.asked] == ["run", "run"]


@pytest.mark.parametrize(
    "changed",
    [{"prompt": "Another"}, {"completion": "closed"}, {"keep": 6}, {"scope": "lexical"}, {"scope": "indexed"}],
    ids=["prompt", "completion", "keep", "lexical", "indexed"],
)
def test_another_question_has_another_address(sessions: sessionmaker[Session], changed: dict[str, object]) -> None:
    with sessions() as session:
        first = queries.submit(session, NullJobs(), form())
        assert queries.submit(session, NullJobs(), form(**changed)).id != first.id


def test_moving_a_word_from_prompt_to_completion_is_another_question(sessions: sessionmaker[Session]) -> None:
    with sessions() as session:
        one = queries.submit(session, NullJobs(), form("The mill of", "town 7"))
        two = queries.submit(session, NullJobs(), form("The mill", "of town 7"))
        assert one.id != two.id


BAD = [
    ({"prompt": ""}, "prompt", "The prompt is empty"),
    ({"prompt": " \n"}, "prompt", "The prompt is empty"),
    ({"completion": ""}, "completion", "The completion is empty"),
    ({"completion": "a\0b"}, "completion", "U\\+0000"),
    ({"prompt": "a\ud800"}, "prompt", "U\\+D800"),
    ({"models": []}, "models", "No model is chosen"),
    ({"models": ["nobody"]}, "models", "no model named 'nobody'"),
    ({"models": [f"m{i}" for i in range(9)]}, "models", "9 models are chosen"),
    ({"corpus": "nowhere"}, "corpus", "no corpus named 'nowhere'"),
    ({"prompt": "x" * 200}, "completion", "208 tokens under 'small'; its context holds 96"),
]


@pytest.mark.parametrize(("changed", "field", "problem"), BAD)
def test_bad_input_names_its_field_and_leaves_nothing(
    sessions: sessionmaker[Session], changed: dict[str, object], field: str, problem: str
) -> None:
    jobs = NullJobs()
    with sessions() as session, pytest.raises(InvalidInput, match=problem) as caught:
        queries.submit(session, jobs, form(**changed))
    assert caught.value.field == field
    assert caught.value.remedy
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(Query)) == 0
    assert jobs.asked == []


def test_a_completion_that_tokenises_to_nothing_is_refused(sessions: sessionmaker[Session]) -> None:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    deaf = Tokenizer(models.WordLevel({"town": 0}))
    deaf.normalizer = normalizers.Replace("zzz", "")
    deaf.pre_tokenizer = pre_tokenizers.Whitespace()
    with writing(sessions) as session:
        session.get_one(Model, "small").tokenizer_json = deaf.to_str()
    with sessions() as session, pytest.raises(InvalidInput, match="no token under the tokenizer") as caught:
        queries.submit(session, NullJobs(), form("town", "zzz"))
    assert caught.value.field == "completion"


def test_a_corpus_without_a_sequence_is_refused(sessions: sessionmaker[Session]) -> None:
    with writing(sessions) as session:
        session.add(Corpus(name="empty", source="empty.jsonl", state="ready", documents=0))
    with sessions() as session, pytest.raises(InvalidInput, match="'empty' has no sequence"):
        queries.submit(session, NullJobs(), form(corpus="empty"))


@pytest.mark.parametrize("kind", ["model", "corpus"])
def test_what_failed_to_be_prepared_is_refused_with_its_reason(sessions: sessionmaker[Session], kind: str) -> None:
    with writing(sessions) as session:
        row = session.get_one(Model, "small") if kind == "model" else session.get_one(Corpus, "towns")
        row.state, row.problem, row.remedy = "failed", "It is broken.", "Mend it."
    with sessions() as session, pytest.raises(InvalidInput, match="It is broken") as caught:
        queries.submit(session, NullJobs(), form())
    assert caught.value.remedy == "Mend it."


def test_a_model_that_is_still_being_prepared_may_be_asked(sessions: sessionmaker[Session]) -> None:
    with writing(sessions) as session:
        session.add(Model(name="new", source="/models/new"))
    [run] = submit(sessions, form(models=["new"]))
    with sessions() as session:
        assert session.get_one(Run, run).state == "queued"


def test_a_queue_that_is_away_does_not_lose_the_submission(sessions: sessionmaker[Session]) -> None:
    class Away(NullJobs):
        def enqueue_run(self, run_id: str, attempt: int = 1, *, urgent: bool = True) -> None:
            raise JobsUnavailable(run_id, attempt, urgent)

    [run] = submit(sessions, jobs=Away())
    with sessions() as session:
        assert session.get_one(Run, run).state == "queued"


def test_places_in_line_follow_the_order_of_asking(sessions: sessionmaker[Session]) -> None:
    asked = [submit(sessions, form(completion=word))[0] for word in ("one", "two", "three")]
    with sessions() as session:
        places = [queries.get(session, run.split("-")[0]).runs[0].queue_position for run in asked]
    assert places == [1, 2, 3]


def test_a_persons_query_stands_before_the_gallerys(sessions: sessionmaker[Session]) -> None:
    with sessions() as session:
        gallery = queries.submit(session, NullJobs(), form(completion="shown"), curated=True).id
        person = queries.submit(session, NullJobs(), form(completion="asked")).id
        assert queries.get(session, person).runs[0].queue_position == 1
        assert queries.get(session, gallery).runs[0].queue_position == 2


def test_cancelling_ends_every_run_that_is_not_over_and_tells_the_queue(sessions: sessionmaker[Session]) -> None:
    first, second = submit(sessions, form(models=["small", "large"]))
    jobs = NullJobs()
    with sessions() as session:
        record(session, answer(first, {1: 2.0}))
        view = queries.cancel(session, jobs, first.split("-")[0])
    assert [run.state for run in view.runs] == ["done", "cancelled"]
    assert jobs.asked == [("cancel", second, 1)]


def test_cancelling_one_run_leaves_the_others(sessions: sessionmaker[Session]) -> None:
    first, second = submit(sessions, form(models=["small", "large"]))
    with sessions() as session:
        view = queries.cancel(session, NullJobs(), first.split("-")[0], second)
    assert [run.state for run in view.runs] == ["queued", "cancelled"]


def test_a_cancelled_run_can_be_tried_again_as_another_job(sessions: sessionmaker[Session]) -> None:
    [run] = submit(sessions)
    jobs = NullJobs()
    with sessions() as session:
        queries.cancel(session, NullJobs(), run.split("-")[0])
        view = queries.retry(session, jobs, run.split("-")[0], run)
    assert view.runs[0].state == "queued"
    assert jobs.asked == [("run", run, 2)]


@pytest.mark.parametrize("state", ["queued", "done"])
def test_only_a_run_that_is_over_without_an_answer_can_be_tried_again(
    sessions: sessionmaker[Session], state: str
) -> None:
    [run] = submit(sessions)
    with sessions() as session:
        if state == "done":
            record(session, answer(run, {1: 2.0}))
        with pytest.raises(Conflict, match=f"is {state}"):
            queries.retry(session, NullJobs(), run.split("-")[0], run)


def test_the_version_grows_with_every_change(sessions: sessionmaker[Session]) -> None:
    [run] = submit(sessions)
    query = run.split("-")[0]
    seen = []
    with sessions() as session:
        seen.append(queries.version(session, query))
        queries.submit(session, NullJobs(), form(models=["large"]))
        seen.append(queries.version(session, query))
        queries.cancel(session, NullJobs(), query, run)
        seen.append(queries.version(session, query))
        queries.retry(session, NullJobs(), query, run)
        seen.append(queries.version(session, query))
        record(session, answer(run, {1: 2.0}))
        seen.append(queries.version(session, query))
    assert seen == sorted(set(seen))


def test_recent_queries_come_newest_first_and_curated_ones_in_their_order(sessions: sessionmaker[Session]) -> None:
    with sessions() as session:
        for word, curated in (("a", True), ("b", False), ("c", True)):
            queries.submit(session, NullJobs(), form(completion=word), title=word, curated=curated)
        assert [one.title for one in queries.recent(session)] == ["c", "b", "a"]
        assert [one.title for one in queries.recent(session, curated=True)] == ["a", "c"]
        assert [one.title for one in queries.recent(session, curated=False)] == ["b"]
        assert [one.title for one in queries.recent(session, offset=1, limit=1)] == ["b"]
        assert queries.recent(session)[0].states == {"small": "queued"}


@pytest.mark.parametrize("look", [queries.get, queries.version])
def test_an_unknown_query_is_not_found(sessions: sessionmaker[Session], look: object) -> None:
    with sessions() as session, pytest.raises(NotFound, match="no query 'nothing'"):
        look(session, "nothing")  # type: ignore[operator]
