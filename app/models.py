"""The tables of the product, as SQLAlchemy 2 models.

Paths are relative to the data folder (INFLUENCE_HOME), so that it can be moved and shared between machines.
Scores are stored raw, in nats per unit of up-weighting epsilon; dividing by N happens when they are shown.
"""

from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.annotated import AnnotationRow as AnnotationRow
from app.annotated import CollectionItemRow as CollectionItemRow
from app.annotated import CollectionRow as CollectionRow
from app.batched import Batch as Batch
from app.batched import BatchRun as BatchRun
from app.checked import Check as Check
from app.columns import TypedArray, now
from app.tables import Base as Base


class Leased:
    """A row in whose name one worker at a time makes something: that in `preparer`, while it lives."""

    preparer: Mapped[str | None]


class Model(Leased, Base):
    """A language model that can be asked, and how far its preparation has come.

    `training_tokens` is how many tokens it was trained on, where that is another corpus than one of ours;
    `adapter` a folder of LoRA weights and `adapter_weights` whether they are "merged" or are what is tracked.
    """

    __tablename__ = "models"

    name: Mapped[str] = mapped_column(primary_key=True)
    source: Mapped[str]
    revision: Mapped[str | None]
    gguf_file: Mapped[str | None]
    adapter: Mapped[str | None]
    adapter_weights: Mapped[str | None]
    corpus: Mapped[str | None]
    training_tokens: Mapped[int | None] = mapped_column(BigInteger())
    state: Mapped[str] = mapped_column(default="waiting", index=True)
    stage: Mapped[str] = mapped_column(default="waiting")
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    attempt: Mapped[int] = mapped_column(default=1)
    problem: Mapped[str | None]
    remedy: Mapped[str | None]
    parameters: Mapped[int | None]
    non_embedding_parameters: Mapped[int | None]
    layers: Mapped[list[Any]] = mapped_column(default=list)
    tracked: Mapped[list[Any]] = mapped_column(default=list)
    untracked: Mapped[list[Any]] = mapped_column(default=list)
    context_length: Mapped[int | None]
    begins_with: Mapped[int | None]
    begins_with_text: Mapped[str | None]
    fact_recall: Mapped[float | None]
    fingerprint: Mapped[str | None]
    tokenizer_fingerprint: Mapped[str | None]
    tokenizer_json: Mapped[str | None] = mapped_column(deferred=True)
    chat_template: Mapped[str | None] = mapped_column(deferred=True)
    created_at: Mapped[datetime] = mapped_column(default=now)


class Corpus(Base):
    """Training documents under a name. It only grows, by documents put behind those that are there.

    `parts` are the sources it was made of, in order; `reading` says how they are read and how documents become
    sequences; `skipped` counts the rows that were left out, with the first of them and why.
    """

    __tablename__ = "corpora"

    name: Mapped[str] = mapped_column(primary_key=True)
    source: Mapped[str]
    state: Mapped[str] = mapped_column(default="waiting")
    problem: Mapped[str | None]
    remedy: Mapped[str | None]
    path: Mapped[str | None]
    documents: Mapped[int] = mapped_column(default=0)
    kinds: Mapped[dict[str, Any]] = mapped_column(default=dict)
    parts: Mapped[list[Any]] = mapped_column(default=list)
    reading: Mapped[dict[str, Any]] = mapped_column(default=dict)
    skipped: Mapped[dict[str, Any]] = mapped_column(default=dict)
    fingerprint: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=now)


class TokenizedCorpus(Leased, Base):
    """A corpus as one tokenizer reads it, cut into sequences of at most `length` tokens.

    `parts` are what it was cut from, in order: the folder of each, and how many documents, sequences and tokens there
    were with it, under which fingerprint; so a scan that began before the corpus grew knows what it passed over.
    Its lexical index and its groups of duplicates are made once, by the worker named in `preparer`; `duplicates`
    counts the sequences that repeat an earlier one.
    """

    __tablename__ = "tokenized_corpora"
    __table_args__ = (UniqueConstraint("corpus", "tokenizer_fingerprint", "length"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    corpus: Mapped[str] = mapped_column(ForeignKey("corpora.name", ondelete="CASCADE"))
    tokenizer_fingerprint: Mapped[str]
    length: Mapped[int]
    path: Mapped[str]
    parts: Mapped[list[Any]] = mapped_column(default=list)
    documents: Mapped[int | None]
    sequences: Mapped[int]
    tokens: Mapped[int]
    fingerprint: Mapped[str]
    lexical_path: Mapped[str | None]
    lexical_bytes: Mapped[int | None] = mapped_column(BigInteger())
    duplicates_path: Mapped[str | None]
    duplicates: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(default=now)


class FactorSet(Base):
    """The fitted curvature factors of a model on a corpus. A row exists only for a finished fit."""

    __tablename__ = "factors"
    __table_args__ = (UniqueConstraint("model_fingerprint", "tokenized", "config_digest"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    model: Mapped[str] = mapped_column(ForeignKey("models.name", ondelete="CASCADE"))
    model_fingerprint: Mapped[str]
    tokenized: Mapped[int] = mapped_column(ForeignKey("tokenized_corpora.id", ondelete="CASCADE"))
    config: Mapped[dict[str, Any]]
    config_digest: Mapped[str]
    path: Mapped[str]
    fingerprint: Mapped[str]
    sequences: Mapped[int | None]
    seconds: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime] = mapped_column(default=now)


class StoredIndex(Base):
    """A gradient index of a model over a corpus: wished for, being made, or there with the recall measured on it."""

    __tablename__ = "indexes"
    __table_args__ = (UniqueConstraint("model", "corpus", "config_digest"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    model: Mapped[str] = mapped_column(ForeignKey("models.name", ondelete="CASCADE"))
    corpus: Mapped[str] = mapped_column(ForeignKey("corpora.name", ondelete="CASCADE"))
    config_digest: Mapped[str]
    state: Mapped[str] = mapped_column(default="waiting")
    stage: Mapped[str] = mapped_column(default="waiting")
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    attempt: Mapped[int] = mapped_column(default=1)
    problem: Mapped[str | None]
    remedy: Mapped[str | None]
    factors: Mapped[int | None] = mapped_column(ForeignKey("factors.id", ondelete="CASCADE"))
    path: Mapped[str | None]
    fingerprint: Mapped[str | None]
    sequences: Mapped[int | None]
    bytes: Mapped[int | None] = mapped_column(BigInteger())
    recall: Mapped[dict[str, Any] | None]
    negative_recall: Mapped[dict[str, Any] | None]
    seconds: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime] = mapped_column(default=now)


class CandidateList(Base):
    """Texts that are scored for a query without being a corpus. `texts` is a list of {"id", "text"}."""

    __tablename__ = "candidate_lists"

    id: Mapped[str] = mapped_column(primary_key=True)
    label: Mapped[str | None]
    texts: Mapped[list[Any]]
    created_at: Mapped[datetime] = mapped_column(default=now)


class Query(Base):
    """A prompt, a completion and a corpus: what is asked, of any number of models.

    chat: messages before the completion, which is then the assistant's turn; `prompt` is the last user's.
    writing: how `writer`, a model, is to write the completion, which is empty until it has.
    against: another completion, whose log-likelihood is subtracted.
    counted: stretches [start, stop) of the completion's characters; None where all of it counts.
    candidates: the texts that are scored in place of the corpus, whose factors are used.
    """

    __tablename__ = "queries"

    id: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str | None]
    note: Mapped[str | None]
    kind: Mapped[str | None]
    curated: Mapped[bool] = mapped_column(default=False)
    prompt: Mapped[str]
    completion: Mapped[str]
    chat: Mapped[list[Any] | None]
    writer: Mapped[str | None]
    writing: Mapped[dict[str, Any] | None]
    against: Mapped[str | None]
    counted: Mapped[list[Any] | None]
    # Without a constraint: SQLite adds one only by making the table anew, which would take the runs along.
    candidates: Mapped[str | None]
    corpus: Mapped[str] = mapped_column(ForeignKey("corpora.name"))
    scope: Mapped[str] = mapped_column(default="everything")
    keep: Mapped[int] = mapped_column(default=50)
    created_at: Mapped[datetime] = mapped_column(default=now, index=True)
    runs: Mapped[list["Run"]] = relationship(
        back_populates="query", order_by="Run.created_at", cascade="all, delete-orphan"
    )


class Scan(Base):
    """One pass over a corpus that answers all its runs together; its shard size is fixed once chosen.

    A scan of candidates passes over `candidates` only, places in the corpus in ascending order; its shards are
    stretches of that list. None means the whole corpus.
    `corpus_sequences` is how many the corpus had when the scan was planned: it may grow meanwhile.
    """

    __tablename__ = "scans"

    id: Mapped[str] = mapped_column(primary_key=True)
    model: Mapped[str] = mapped_column(ForeignKey("models.name"))
    corpus: Mapped[str] = mapped_column(ForeignKey("corpora.name"))
    scope: Mapped[str]
    settings: Mapped[dict[str, Any]]
    tokenized: Mapped[int | None] = mapped_column(ForeignKey("tokenized_corpora.id"))
    factors: Mapped[int | None] = mapped_column(ForeignKey("factors.id", ondelete="SET NULL"))
    run_ids: Mapped[list[Any]]
    keep: Mapped[int]
    shard_sequences: Mapped[int | None]
    sequences: Mapped[int | None]
    corpus_sequences: Mapped[int | None]
    candidates: Mapped[NDArray[np.int32] | None] = mapped_column(TypedArray("<i4"), deferred=True)
    seconds: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime] = mapped_column(default=now)
    finished_at: Mapped[datetime | None]


class ScanShard(Base):
    """A stretch [start, stop) of a scan. `payload` is there once it is finished; it is written only once."""

    __tablename__ = "scan_shards"

    scan_id: Mapped[str] = mapped_column(ForeignKey("scans.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    start: Mapped[int]
    stop: Mapped[int]
    done: Mapped[int] = mapped_column(default=0)
    payload: Mapped[bytes | None] = mapped_column(LargeBinary(), deferred=True)
    seconds: Mapped[float | None]
    worker: Mapped[str | None]
    finished_at: Mapped[datetime | None]


class Run(Base):
    """One model's answer to a query: its state, its progress, and everything that made its numbers.

    `candidates` are the sequences that a scope other than "everything" let it score, `selection` how they were
    chosen; both None when everything was scored. `training_sequences` is N, None where nobody knows it.
    """

    __tablename__ = "runs"
    __table_args__ = (Index("ix_runs_state_queued_at", "state", "queued_at"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    query_id: Mapped[str] = mapped_column(ForeignKey("queries.id", ondelete="CASCADE"), index=True)
    model: Mapped[str] = mapped_column(ForeignKey("models.name"), index=True)
    settings: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(default="queued")
    stage: Mapped[str] = mapped_column(default="waiting")
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    seconds_left: Mapped[float | None]
    version: Mapped[int] = mapped_column(default=1)
    attempt: Mapped[int] = mapped_column(default=1)
    scan_id: Mapped[str | None] = mapped_column(ForeignKey("scans.id"), index=True)
    problem: Mapped[str | None]
    remedy: Mapped[str | None]
    log_p: Mapped[float | None]
    log_p_against: Mapped[float | None]
    partial: Mapped[list[Any]] = mapped_column(default=list)
    created_at: Mapped[datetime] = mapped_column(default=now)
    queued_at: Mapped[datetime] = mapped_column(default=now)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    layers: Mapped[list[Any]] = mapped_column(default=list)
    summary: Mapped[dict[str, Any] | None]
    layer_profile: Mapped[dict[str, Any] | None]
    training_sequences: Mapped[int | None]
    sequences_scanned: Mapped[int | None]
    candidates: Mapped[NDArray[np.int32] | None] = mapped_column(TypedArray("<i4"), deferred=True)
    selection: Mapped[dict[str, Any] | None]
    beginning_of_sequence: Mapped[bool | None]
    model_fingerprint: Mapped[str | None]
    tokenizer_fingerprint: Mapped[str | None]
    corpus_fingerprint: Mapped[str | None]
    factors_fingerprint: Mapped[str | None]
    factors_config: Mapped[dict[str, Any] | None]
    versions: Mapped[dict[str, Any] | None]
    device: Mapped[str | None]
    worker: Mapped[str | None]
    seconds: Mapped[dict[str, Any] | None]
    query: Mapped[Query] = relationship(back_populates="runs")


class Influence(Base):
    """A kept sequence of a run with its exact terms. `token`, `layer` and `matrix` add up to `influence`.

    `duplicate_of` is the rank in the same list of the sequence it repeats, `overlap` the share of the query's
    words, weighted by rarity, that it holds.
    `documents` are the documents it was cut from, each with its stretch and its other fields; `document`, `kind` and
    `source` are those of the one that carries most of the influence.
    """

    __tablename__ = "influences"
    __table_args__ = (
        Index("ix_influences_run_id_sequence_id", "run_id", "sequence_id"),
        # Other queries that keep a sequence, and what is kept of a document.
        Index("ix_influences_sequence_id", "sequence_id"),
        Index("ix_influences_document", "document"),
    )

    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    sign: Mapped[str] = mapped_column(primary_key=True)
    rank: Mapped[int] = mapped_column(primary_key=True)
    sequence_id: Mapped[int]
    influence: Mapped[float]
    document: Mapped[str]
    kind: Mapped[str | None]
    source: Mapped[str]
    text: Mapped[str]
    documents: Mapped[list[Any] | None]
    flags: Mapped[list[Any]] = mapped_column(default=list)
    duplicate_of: Mapped[int | None]
    overlap: Mapped[float | None]
    token_ids: Mapped[NDArray[np.int32]] = mapped_column(TypedArray("<i4"))
    offsets: Mapped[NDArray[np.int32]] = mapped_column(TypedArray("<i4", axes=2))
    token: Mapped[NDArray[np.float32]] = mapped_column(TypedArray("<f4"))
    layer: Mapped[NDArray[np.float32]] = mapped_column(TypedArray("<f4"))
    matrix: Mapped[NDArray[np.float32]] = mapped_column(TypedArray("<f4", axes=2), deferred=True)


class Worker(Base):
    """The heartbeat of a worker process; one that was told to stop says so."""

    __tablename__ = "workers"

    name: Mapped[str] = mapped_column(primary_key=True)
    device: Mapped[str]
    host: Mapped[str]
    pid: Mapped[int]
    busy: Mapped[bool] = mapped_column(default=False)
    seen_at: Mapped[datetime] = mapped_column(default=now)
    started_at: Mapped[datetime] = mapped_column(default=now)
    stopped_at: Mapped[datetime | None]


class Rescue(Base):
    """How often a workflow was taken over from a worker that died; beyond a limit it is given up."""

    __tablename__ = "rescues"

    workflow: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int] = mapped_column(default=0)
    last_at: Mapped[datetime] = mapped_column(default=now)
