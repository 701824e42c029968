"""Checkpoints: how far a long piece of work has come, on disk, so that it goes on after any interruption."""

import json
import re
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from engine.atomic import PART
from engine.errors import FactorsError
from engine.storage.folder import read_folder, write_folder

KIND = "checkpoint"

# A checkpoint follows the last after this many seconds at the soonest, ...
LEAST_SECONDS = 30.0
# ... and so late that writing takes no more than this share of the time.
WRITING_SHARE = 0.02


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a stage stands: `done` of its items are in `tensors` (running sums or results) and `facts` (JSON)."""

    stage: str
    done: int
    tensors: Mapping[str, Tensor]
    facts: Mapping[str, Any]


class Checkpoints:
    """Standings of one piece of work in a folder; only one process may use the folder at a time.

    identity: what the work is (plain data by name). A standing is written in full under a name of its own before
    older ones go, so at every moment one of them is whole.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any]) -> None:
        self._folder = folder
        self._identity: dict[str, Any] = json.loads(json.dumps(identity))
        self._due = time.monotonic() + LEAST_SECONDS

    def due(self) -> bool:
        """Whether it is time for the next checkpoint."""
        return time.monotonic() >= self._due

    def write(self, standing: Standing) -> None:
        """Keep a standing in place of the stage's earlier ones."""
        began = time.monotonic()
        kept = self._folder / f"{standing.stage}-{standing.done:012d}"
        manifest = {
            "kind": KIND,
            "identity": self._identity,
            "stage": standing.stage,
            "done": standing.done,
            "facts": dict(standing.facts),
        }
        write_folder(kept, manifest, standing.tensors)
        for entry in self._entries(standing.stage):
            if entry != kept:
                shutil.rmtree(entry)
        ended = time.monotonic()
        self._due = ended + max(LEAST_SECONDS, (ended - began) / WRITING_SHARE)

    def hold(self, stage: str) -> bool:
        """Whether there is a standing of this stage."""
        return bool(self._whole(stage))

    def latest(self, stage: str) -> Standing | None:
        """The last standing of a stage that was written in full, its tensors on the CPU.

        Raises: FactorsError when it is damaged, or belongs to other work.
        """
        whole = self._whole(stage)
        if not whole:
            return None
        manifest, tensors = read_folder(max(whole), KIND)
        self._check(manifest["identity"])
        return Standing(manifest["stage"], manifest["done"], tensors, manifest["facts"])

    def remove(self, *stages: str) -> None:
        """Delete the standings of some stages, and the folder when nothing else is in it."""
        for stage in stages:
            for entry in self._entries(stage):
                shutil.rmtree(entry)
        if self._folder.is_dir() and not any(self._folder.iterdir()):
            self._folder.rmdir()

    def _whole(self, stage: str) -> list[Path]:
        return [entry for entry in self._entries(stage) if entry.suffix != PART]

    def _entries(self, stage: str) -> list[Path]:
        """The stage's folders, with parts that a killed process left."""
        name = re.compile(rf"{re.escape(stage)}-\d{{12}}(\.\d+(\.old)?{re.escape(PART)})?")
        return [entry for entry in self._folder.glob(f"{stage}-*") if name.fullmatch(entry.name)]

    def _check(self, found: Mapping[str, Any]) -> None:
        names = sorted({*found, *self._identity})
        differing = [name for name in names if found.get(name) != self._identity.get(name)]
        if differing:
            name = differing[0]
            raise FactorsError(
                f"The checkpoint in {self._folder} belongs to other work: its {', '.join(differing)} differ "
                f"({name}: {_short(found.get(name))} there, {_short(self._identity.get(name))} now).",
                "Give another folder, or delete this one to begin anew.",
            )


class NoCheckpoints:
    """Keeps nothing: work that is interrupted begins anew."""

    def due(self) -> bool:
        """Never."""
        return False

    def write(self, standing: Standing) -> None:
        """Nothing is kept."""

    def hold(self, stage: str) -> bool:  # noqa: ARG002 - as Checkpoints
        """Never."""
        return False

    def latest(self, stage: str) -> Standing | None:  # noqa: ARG002 - as Checkpoints
        """There is none."""
        return None

    def remove(self, *stages: str) -> None:
        """There is nothing to remove."""


AnyCheckpoints = Checkpoints | NoCheckpoints


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
