"""Models, corpora and workers as they are listed and registered."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.orm import Session, sessionmaker

from app.columns import now
from app.database import migrate, session_factory, writing
from app.jobs.client import NullJobs
from app.models import Corpus, FactorSet, Model, TokenizedCorpus, Worker
from app.services import catalog, preview, registry
from app.services.errors import Conflict, InvalidInput, NotFound
from app.services.model_files import peek
from app.settings import Settings
from tests.app.rows import N, add_catalog, form, submit


@pytest.fixture
def database(tmp_path: Path) -> sessionmaker[Session]:
    settings = Settings(home=tmp_path)
    migrate(settings)
    factory = session_factory(settings)
    add_catalog(factory)
    return factory


def test_models_and_corpora_are_listed_in_the_order_they_came(database: sessionmaker[Session]) -> None:
    with database() as session:
        assert [one.name for one in catalog.models(session)] == ["small", "large"]
        [corpus] = catalog.corpora(session)
        assert (corpus.documents, corpus.sequences, corpus.kinds) == (N, 0, {"fact": N})
        assert catalog.model(session, "large").context_length == 96
        with pytest.raises(NotFound, match="no model named 'nobody'"):
            catalog.model(session, "nobody")


def test_a_corpus_counts_sequences_once_a_tokenizer_has_cut_it(database: sessionmaker[Session]) -> None:
    with writing(database) as session:
        session.add(
            TokenizedCorpus(
                corpus="towns",
                tokenizer_fingerprint="t",
                length=96,
                path="x",
                sequences=44,
                tokens=900,
                fingerprint="f",
            )
        )
    with database() as session:
        [corpus] = catalog.corpora(session)
    assert (corpus.sequences, corpus.tokens) == (44, 900)


def test_a_worker_without_a_recent_heartbeat_is_not_alive(database: sessionmaker[Session]) -> None:
    with writing(database) as session:
        for name, age in (("fresh", 1), ("old", 3600)):
            seen = now() - timedelta(seconds=age)
            session.add(Worker(name=name, device="cpu", host="here", pid=1, seen_at=seen))
    with database() as session:
        assert [(one.name, one.alive) for one in catalog.status(session).workers] == [("fresh", True), ("old", False)]


def test_the_status_counts_what_waits(database: sessionmaker[Session]) -> None:
    submit(database)
    with database() as session:
        found = catalog.status(session)
    assert (found.queued, found.running) == (1, 0)


def test_registering_a_model_asks_for_its_preparation_once(database: sessionmaker[Session], tiny: Path) -> None:
    jobs = NullJobs()
    with database() as session:
        assert registry.add_model(session, jobs, "tiny", str(tiny), corpus="towns")
        assert not registry.add_model(session, jobs, "tiny", str(tiny))
    assert jobs.asked == [("prepare", "tiny", 1)]


def test_a_registered_model_shows_tokens_before_a_worker_has_read_it(
    database: sessionmaker[Session], tiny: Path
) -> None:
    with database() as session:
        registry.add_model(session, NullJobs(), "tiny", str(tiny))
        [shown] = preview.preview(session, form("The", "mill", models=["tiny"]))
    assert shown.prompt_tokens == ["<s>", "T", "h", "e"]
    assert shown.completion_tokens == [" ", "m", "i", "l", "l"]
    assert shown.context_length == 96
    assert shown.problem is None


def test_a_model_that_says_nothing_of_its_tokens_can_be_asked_all_the_same(database: sessionmaker[Session]) -> None:
    with database() as session:
        registry.add_model(session, NullJobs(), "far", "someone/far")
        [shown] = preview.preview(session, form("The", "mill", models=["far"]))
    assert shown.problem is not None
    assert "has not been read yet" in shown.problem.problem
    submit(database)


@pytest.mark.parametrize(
    ("name", "source", "problem"),
    [("a/b", "x", "cannot be a name"), ("", "x", "cannot be a name"), ("gone", "/no/such/folder", "no folder")],
)
def test_a_bad_registration_is_refused(database: sessionmaker[Session], name: str, source: str, problem: str) -> None:
    with database() as session, pytest.raises(InvalidInput, match=problem):
        registry.add_model(session, NullJobs(), name, source)


def test_a_name_that_is_taken_is_refused(database: sessionmaker[Session], tiny: Path) -> None:
    with database() as session, pytest.raises(Conflict, match="belongs to a model from /models/small"):
        registry.add_model(session, NullJobs(), "small", str(tiny))


def test_refitting_forgets_the_factors_and_asks_again_under_another_number(database: sessionmaker[Session]) -> None:
    jobs = NullJobs()
    with writing(database) as session:
        cut = TokenizedCorpus(
            corpus="towns", tokenizer_fingerprint="t", length=9, path="x", sequences=1, tokens=9, fingerprint="f"
        )
        session.add(cut)
        session.flush()
        session.add(
            FactorSet(
                model="small", model_fingerprint="m", tokenized=cut.id, config={}, config_digest="c", path="p",
                fingerprint="f",
            )
        )  # fmt: skip
    with database() as session:
        registry.refit(session, jobs, "small")
        assert session.get(FactorSet, 1) is None
        assert session.get_one(Model, "small").state == "waiting"
    assert jobs.asked == [("prepare", "small", 2)]


def test_an_announced_corpus_follows_its_file_until_it_has_been_read(database: sessionmaker[Session]) -> None:
    with database() as session:
        assert registry.announce_corpus(session, "demo", Path("/old/place.jsonl"))
        assert not registry.announce_corpus(session, "demo", Path("/new/place.jsonl"))
        assert session.get_one(Corpus, "demo").source == "/new/place.jsonl"


@pytest.mark.parametrize("bos", ["<s>", {"content": "<s>"}, None])
def test_a_folder_tells_its_beginning_of_sequence_token(tmp_path: Path, tiny: Path, bos: object) -> None:
    (tmp_path / "tokenizer.json").write_text((tiny / "tokenizer.json").read_text())
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"bos_token": bos}))
    assert peek(str(tmp_path)).begins_with == (None if bos is None else 256)


def test_a_folder_without_a_tokenizer_tells_nothing(tmp_path: Path) -> None:
    assert peek(str(tmp_path)).tokenizer_json is None
