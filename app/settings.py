"""Settings: the only reader of the environment. Every variable begins with INFLUENCE_ and has a default."""

from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What a deployment chooses; `influence doctor` prints the values in force."""

    model_config = SettingsConfigDict(env_prefix="INFLUENCE_", frozen=True)

    home: Path = Field(default=Path(".influence"), description="the data folder: database, corpora, factors")
    database_url: str | None = Field(default=None, description="SQLAlchemy URL; SQLite under home when unset")
    jobs_url: str | None = Field(default=None, description="the queue's database; beside the first when unset")
    host: str = Field(default="127.0.0.1", description="the address the web server binds to")
    port: int = Field(default=8000, ge=0, le=65535, description="the port it listens on")
    device: str = Field(default="auto", description="the worker's device: auto, cpu, cuda:1, ...; balanced: all cards")
    worker_name: str | None = Field(default=None, description="stable name; host and device when unset")
    shard_seconds: float = Field(default=8.0, gt=0, description="the length of work aimed at for a scan's shard")
    shard_sequences: int | None = Field(default=None, ge=1, description="fixed shard size, for tests and tuning")
    heartbeat_lost_after: float = Field(default=60.0, gt=0, description="seconds until a silent worker is given up")
    sequence_tokens: int = Field(
        default=512, ge=2, description="the length documents are cut into, at most the context"
    )
    fit_sequences: int = Field(
        default=100_000, ge=2, description="factors are fitted on at most so many sequences, spread over the corpus"
    )
    scan_memory_gb: float = Field(default=2.0, gt=0, description="memory for the queries that share one scan")
    model_cache_gb: float = Field(default=8.0, gt=0, description="memory for models kept loaded between queries")
    poll_seconds: float = Field(default=0.2, gt=0, description="how often a worker looks for work")
    sweep_seconds: float = Field(default=5.0, gt=0, description="how often a worker looks for work left behind")
    batch_tokens: Annotated[int, Field(ge=1)] | Literal["auto"] = Field(
        default=8192, description="padded tokens a batch; `auto` takes what half of the free memory holds"
    )
    prefilter_sequences: int = Field(
        default=10_000, ge=1, description="sequences that the lexical scope scores for a query"
    )

    check_sequences: int = Field(
        default=128, ge=2, description="a counterfactual check averages over at most so many sequences"
    )

    @property
    def database(self) -> str:
        """The SQLAlchemy URL of the product's own database."""
        return self.database_url or f"sqlite:///{self.home.resolve() / 'influence.db'}"

    @property
    def jobs(self) -> str:
        """The SQLAlchemy URL of the workflow library's database; on SQLite a file of its own."""
        if self.jobs_url:
            return self.jobs_url
        if self.database_url:
            return self.database_url
        return f"sqlite:///{self.home.resolve() / 'jobs.db'}"


@lru_cache
def get_settings() -> Settings:
    """The settings of this process, read once."""
    return Settings()
