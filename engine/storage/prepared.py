"""Prepared queries: preconditioned once, reusable for any corpus of the same model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from engine.errors import FactorsError
from engine.model.language_model import LanguageModel
from engine.storage.folder import read_folder, write_folder

KIND = "prepared queries"


@dataclass(frozen=True, slots=True)
class Whole:
    """A preconditioned query of one module at full rank."""

    matrix: Float[Tensor, "query d_out d_in"]

    def __len__(self) -> int:
        """How many queries there are."""
        return len(self.matrix)

    def select(self, queries: Sequence[int]) -> "Whole":
        """The same for some of the queries."""
        return Whole(self.matrix[list(queries)])

    def to(self, device: torch.device, dtype: torch.dtype) -> "Whole":
        """The same on a device and in a dtype; nothing is copied where it is so already."""
        return Whole(self.matrix.to(device, dtype))


@dataclass(frozen=True, slots=True)
class Factored:
    """A preconditioned query of one module as U V^T; ranks below the widest are filled with zero columns."""

    left: Float[Tensor, "query d_out rank"]
    right: Float[Tensor, "query d_in rank"]

    def __len__(self) -> int:
        """How many queries there are."""
        return len(self.left)

    def select(self, queries: Sequence[int]) -> "Factored":
        """The same for some of the queries."""
        return Factored(self.left[list(queries)], self.right[list(queries)])

    def to(self, device: torch.device, dtype: torch.dtype) -> "Factored":
        """The same on a device and in a dtype; nothing is copied where it is so already."""
        return Factored(self.left.to(device, dtype), self.right.to(device, dtype))


Preconditioned = Whole | Factored


@dataclass(frozen=True, slots=True)
class PreparedQueries:
    """Queries, preconditioned: by module, with their measurements in nats, in the order given.

    log_p: log p(completion | prompt) of a query; of a contrast the difference of two. log_p_against: the second of
        these two, None for a query.
    """

    modules: Mapping[str, Preconditioned]
    log_p: tuple[float, ...]
    log_p_against: tuple[float | None, ...]
    model_fingerprint: str
    factors_fingerprint: str

    def __len__(self) -> int:
        """How many queries there are."""
        return len(self.log_p)

    def select(self, queries: Sequence[int]) -> "PreparedQueries":
        """Only some of the queries, in the order given."""
        return PreparedQueries(
            {name: module.select(queries) for name, module in self.modules.items()},
            tuple(self.log_p[i] for i in queries),
            tuple(self.log_p_against[i] for i in queries),
            self.model_fingerprint,
            self.factors_fingerprint,
        )

    def placed(self, model: LanguageModel, dtype: torch.dtype) -> "PreparedQueries":
        """The same with each module's queries on the device it computes on and in the dtype of the products."""
        modules = {name: module.to(model.device_of(name), dtype) for name, module in self.modules.items()}
        return replace(self, modules=modules)

    def check(self, model: LanguageModel) -> None:
        """Raises: FactorsError when the queries were prepared for another model or other modules."""
        if self.model_fingerprint != model.fingerprint or tuple(self.modules) != model.tracked:
            raise FactorsError(
                "The queries were prepared for another model or other tracked modules.", "Prepare them again."
            )

    def save(self, folder: str | Path) -> None:
        """Write a manifest and one safetensors file, atomically."""
        tensors: dict[str, Tensor] = {}
        for name, module in self.modules.items():
            tensors |= {f"{name}:{field}": getattr(module, field) for field in module.__dataclass_fields__}
        manifest = {
            "kind": KIND,
            "log_p": self.log_p,
            "log_p_against": self.log_p_against,
            "modules": list(self.modules),
            "model_fingerprint": self.model_fingerprint,
            "factors_fingerprint": self.factors_fingerprint,
        }
        write_folder(Path(folder), manifest, tensors)

    @classmethod
    def load(cls, folder: str | Path, device: str = "cpu") -> "PreparedQueries":
        """Read prepared queries back. Raises: FactorsError when the folder is missing, damaged or cut short."""
        manifest, tensors = read_folder(Path(folder), KIND, device)
        modules: dict[str, Preconditioned] = {}
        for name in manifest["modules"]:
            if f"{name}:matrix" in tensors:
                modules[name] = Whole(tensors[f"{name}:matrix"])
            else:
                modules[name] = Factored(tensors[f"{name}:left"], tensors[f"{name}:right"])
        log_p, against = tuple(manifest["log_p"]), tuple(manifest["log_p_against"])
        return cls(modules, log_p, against, manifest["model_fingerprint"], manifest["factors_fingerprint"])
