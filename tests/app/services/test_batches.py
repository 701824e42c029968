"""Many queries at once: a file is read as it stands, every fault has its line, and nothing is half asked."""

import pytest
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session, sessionmaker

from app.jobs.client import NullJobs
from app.models import Batch, BatchRun, Query, Run
from app.services import batch_files, batch_views, batches, queries
from app.services.errors import InvalidInput, NotFound
from app.services.record import record
from app.services.shapes import BatchForm, QueryForm, RunChoices
from tests.app.rows import add_catalog, answer

DEFAULTS = {"models": ["small"], "corpus": "towns"}


@pytest.fixture(autouse=True)
def _catalog(sessions: sessionmaker[Session]) -> None:
    add_catalog(sessions)


def batch(text: str, **changed: object) -> BatchForm:
    return BatchForm.model_validate({"text": text, "defaults": DEFAULTS, **changed})


def forms(session: Session, form: BatchForm) -> list[QueryForm]:
    return [ready.form for ready in batches.checked(session, form).ready]


@pytest.mark.parametrize(
    "text",
    [
        "prompt,completion,models,keep\nThe mill,opened,small | large,7\n",
        "\ufeffprompt;completion;models;keep\r\nThe mill;opened;small, large;7\r\n",
        "Prompt\tCompletion\tModel\tKeep\nThe mill\topened\tsmall large\t7\n",
        '{"prompt": "The mill", "completion": "opened", "models": ["small", "large"], "keep": 7}\n',
        '[{"prompt": "The mill", "completion": "opened", "models": "small,large", "keep": "7"}]',
    ],
    ids=["comma", "semicolon, mark and carriage returns", "tab and capitals", "JSON lines", "JSON list"],
)
def test_every_way_of_writing_a_row_means_the_same(sessions: sessionmaker[Session], text: str) -> None:
    with sessions() as session:
        [found] = forms(session, batch(text))
    expected = {"prompt": "The mill", "completion": "opened", "models": ["small", "large"], "keep": 7}
    assert found == QueryForm.model_validate({**expected, "corpus": "towns"})


def test_a_row_may_say_how_it_is_measured_and_computed(sessions: sessionmaker[Session]) -> None:
    text = (
        "prompt,completion,completions,against,counted,damping,rank,title\n"
        '"A, ""mill""\non two lines",opened early,,closed,0-6,0.01,4,Odd\n'
        "The mill,opened,closed | burnt,,,,,\n"
    )
    with sessions() as session:
        found = batches.checked(session, batch(text))
    assert found.faults == []
    first, second = found.ready
    assert (first.line, second.line) == (2, 4)
    assert first.form.prompt == 'A, "mill"\non two lines'
    assert (first.form.against, first.form.counted) == ("closed", [(0, 6)])
    assert first.form.settings == RunChoices(damping=0.01, rank=4)
    assert first.put_up.title == "Odd"
    assert second.form.completions == ["closed", "burnt"]
    assert second.form.settings == RunChoices()


def test_every_fault_is_told_with_its_line_and_field(sessions: sessionmaker[Session]) -> None:
    text = (
        "prompt,completion,models,keep,damping\n"
        "The mill,opened,small,900,\n"
        ",opened,,,\n"
        "The mill,,,,\n"
        "The mill,opened,unknown,,\n"
        "The mill,opened,,,-1\n"
        "The mill,opened,,,,too many\n"
        "The mill,opened,,,\n"
    )
    with sessions() as session:
        found = batches.check(session, batch(text))
    faults = [(fault.line, fault.field) for fault in found.faults]
    assert faults == [
        (2, "keep"), (3, "prompt"), (4, "completion"), (5, "models"), (6, "settings.damping"), (7, ""),
    ]  # fmt: skip
    assert all(fault.problem and fault.remedy for fault in found.faults)
    assert (found.rows, found.right, found.queries, found.runs) == (7, 1, 1, 1)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no query"),
        ("prompt,completion\n", "no query"),
        ("promt,completion\na,b\n", "'promt' is no field"),
        ("completion\nb\n", "No column is named prompt"),
        ("prompt,prompt\na,b\n", "Two columns are named 'prompt'"),
        ('prompt,completion\n"a,b\n', "cannot be read as CSV"),
        ("[1", "Line 1 is not JSON"),
        ("prompt\n" + "a\n" * 1001, "1,001 queries; 1,000 is the most"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_as_a_whole(
    sessions: sessionmaker[Session], text: str, told: str
) -> None:
    with sessions() as session, pytest.raises(InvalidInput, match=told):
        batches.check(session, batch(text))


def test_a_line_that_is_no_object_is_a_fault_of_its_own() -> None:
    text = '{"prompt": "a"}\nnot JSON\n[1]\n{"prompt": "a", "color": "red"}\n'
    faults = [row.fault for row in batch_files.parse(text)]
    assert faults[0] is None
    assert [fault.line for fault in faults[1:] if fault is not None] == [2, 3, 4]
    assert faults[3] is not None
    assert faults[3].field == "color"


def test_a_file_that_is_not_utf8_names_the_line() -> None:
    with pytest.raises(InvalidInput, match=r"Line 2 of a\.csv"):
        batch_files.decoded("a.csv", "prompt\nM\xfchle".encode("latin-1"))


def test_nothing_is_stored_while_a_row_is_wrong_unless_it_is_left_out(sessions: sessionmaker[Session]) -> None:
    text, jobs = "prompt,completion\nThe mill,opened\n,opened\n", NullJobs()
    with sessions() as session:
        with pytest.raises(InvalidInput, match=r"1 of 2 rows.*Line 3, prompt"):
            batches.submit(session, jobs, batch(text))
        assert session.scalar(select(func.count()).select_from(Query)) == 0
        found = batches.submit(session, jobs, batch(text, leave_out=True))
    assert (found.queries, found.runs, found.left_out) == (1, 1, 1)


def test_queries_are_those_that_are_asked_one_by_one_and_are_found_again(sessions: sessionmaker[Session]) -> None:
    rows = [{"prompt": "The mill", "completion": text} for text in ("opened", "closed", "opened")]
    form, jobs = BatchForm(rows=rows, defaults={**DEFAULTS, "models": ["small", "large"]}), NullJobs()
    with sessions() as session:
        single = queries.submit(session, jobs, QueryForm(prompt="The mill", completion="closed", **DEFAULTS))
        first = batches.submit(session, jobs, form)
        assert (first.queries, first.runs, first.existing) == (2, 4, 0)
        again = batches.submit(session, jobs, form)
        assert (again.id, again.existing) == (first.id, 2)
        shown = batch_views.view(session, first.id)
        assert [row.completion for row in shown.rows] == ["opened", "closed"]
        assert [row.line for row in shown.rows] == [1, 2]
        assert shown.rows[1].id == single.id
        assert session.scalar(select(func.count()).select_from(Run)) == 4
        assert session.scalar(select(func.count()).select_from(Batch)) == 1
        assert session.scalar(select(func.count()).select_from(BatchRun)) == 4


def test_one_job_for_each_scan_is_enqueued_behind_the_questions_of_persons(sessions: sessionmaker[Session]) -> None:
    lines = "".join(f"The mill {number},opened,{0.1 if number % 2 else 0.01}\n" for number in range(20))
    jobs = NullJobs()
    with sessions() as session:
        form = batch(f"prompt,completion,damping\n{lines}", defaults={**DEFAULTS, "models": ["small", "large"]})
        assert batches.submit(session, jobs, form).runs == 40
    assert len(jobs.asked) == 4, "two models at two dampings share four scans"


def test_the_page_counts_states_and_tells_the_heaviest_sequences(sessions: sessionmaker[Session]) -> None:
    with sessions() as session:
        asked = batches.submit(session, NullJobs(), batch("prompt,completion\nThe mill,opened\nThe mill,closed\n"))
        [first, _] = [row.runs[0].id for row in batch_views.view(session, asked.id).rows]
        record(session, answer(first, {7: 3.0, 5: 2.0, 9: 1.0}))
        found = batch_views.view(session, asked.id, top=2)
    assert found.states == {"done": 1, "queued": 1}
    assert [(one.rank, one.sequence_id, one.influence) for one in found.rows[0].runs[0].top] == [
        (1, 7, 3.0),
        (2, 5, 2.0),
    ]
    assert found.rows[1].runs[0].top == []


def test_pages_follow_each_other_by_cursor(sessions: sessionmaker[Session]) -> None:
    lines = "".join(f"The mill {number},opened\n" for number in range(7))
    with sessions() as session:
        asked = batches.submit(session, NullJobs(), batch(f"prompt,completion\n{lines}"))
        read, cursor = [], None
        while True:
            page = batch_views.view(session, asked.id, cursor=cursor, limit=3)
            read += [row.position for row in page.rows]
            cursor = page.next
            if cursor is None:
                break
        with pytest.raises(InvalidInput, match="no cursor of this list"):
            batch_views.view(session, asked.id, cursor="nonsense")
    assert read == list(range(1, 8))


def test_all_is_cancelled_and_tried_again_together(sessions: sessionmaker[Session]) -> None:
    jobs = NullJobs()
    with sessions() as session:
        asked = batches.submit(session, jobs, batch("prompt,completion\nThe mill,opened\nThe mill,closed\n"))
        [first, _] = [row.runs[0].id for row in batch_views.view(session, asked.id).rows]
        record(session, answer(first, {7: 3.0}))
        assert batches.cancel(session, asked.id) == 1
        assert batches.counts(session, asked.id) == {"done": 1, "cancelled": 1}
        jobs.asked.clear()
        assert batches.retry(session, jobs, asked.id) == 1
        assert batches.counts(session, asked.id) == {"done": 1, "queued": 1}
        assert [attempt for _, _, attempt in jobs.asked] == [2]
        with pytest.raises(NotFound, match="no batch 'other'"):
            batches.cancel(session, "other")


def test_what_a_batch_asks_of_the_database_does_not_grow_with_its_queries(sessions: sessionmaker[Session]) -> None:
    def statements(queries: int) -> int:
        lines = "".join(f"The mill of town {number} of {queries},opened\n" for number in range(queries))
        said: list[str] = []
        with sessions() as session:
            database = session.get_bind()
            note = lambda *told: said.append(told[2])  # noqa: E731 - an event's listener, taken off again by name
            event.listen(database, "before_cursor_execute", note)
            batches.submit(session, NullJobs(), batch(f"prompt,completion\n{lines}"))
            event.remove(database, "before_cursor_execute", note)
        return len(said)

    few, many = statements(8), statements(512)
    assert many <= few + 8
