"""Factors: the EK-FAC approximation of the Gauss-Newton Hessian, fitted once for a model and a corpus."""

from collections.abc import Mapping
from collections.abc import Sequence as Series
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from engine.errors import FactorsError
from engine.maths.eigenbasis import Eigenbasis
from engine.model.fingerprint import settings_fingerprint
from engine.model.language_model import LanguageModel
from engine.storage.bases import BasisReader, basis_tensors
from engine.storage.folder import read_folder, write_folder
from engine.terms import FactorConfig

KIND = "factors"


@dataclass(frozen=True, slots=True)
class ModuleFactors:
    """EK-FAC of one module: eigenbases of A and S, and corrected eigenvalues in nats^2 a sequence.

    The eigenvalues of the eigenbases are K-FAC's, kept for comparison with K-FAC.
    """

    activation_basis: Eigenbasis
    gradient_basis: Eigenbasis
    corrected_eigenvalues: Float[Tensor, "d_out d_in"]

    @property
    def activation_eigenvalues(self) -> Float[Tensor, " d_in"]:
        """Eigenvalues of A."""
        return self.activation_basis.values

    @property
    def activation_eigenvectors(self) -> Float[Tensor, "d_in d_in"]:
        """Q_A as one matrix, eigenvectors as columns."""
        return self.activation_basis.dense()

    @property
    def gradient_eigenvalues(self) -> Float[Tensor, " d_out"]:
        """Eigenvalues of S."""
        return self.gradient_basis.values

    @property
    def gradient_eigenvectors(self) -> Float[Tensor, "d_out d_out"]:
        """Q_S as one matrix, eigenvectors as columns."""
        return self.gradient_basis.dense()

    def to(self, device: torch.device) -> "ModuleFactors":
        """The same on a device; itself where it is there already."""
        if self.corrected_eigenvalues.device == device:
            return self
        return ModuleFactors(
            self.activation_basis.to(device), self.gradient_basis.to(device), self.corrected_eigenvalues.to(device)
        )


@dataclass(frozen=True, slots=True)
class Factors:
    """The factors of all tracked modules and what they were fitted from.

    sequences, positions: how many went into the averages (the normalisers of L, and of A and S).
    fingerprint: SHA-256 over model, tokenizer, tracked modules, configuration and fitting sequences.
    """

    modules: Mapping[str, ModuleFactors]
    config: FactorConfig
    model_fingerprint: str
    tokenizer_fingerprint: str | None
    sequences_fingerprint: str
    sequences: int
    positions: int

    @property
    def fingerprint(self) -> str:
        """What identifies these factors: the same inputs give the same fingerprint."""
        return settings_fingerprint(
            **identity(
                self.model_fingerprint,
                self.tokenizer_fingerprint,
                list(self.modules),
                self.config,
                self.sequences_fingerprint,
            )
        )

    def save(self, folder: str | Path) -> None:
        """Write a manifest and one safetensors file, atomically."""
        manifest = {
            "kind": KIND,
            "fingerprint": self.fingerprint,
            "config": asdict(self.config),
            "model_fingerprint": self.model_fingerprint,
            "tokenizer_fingerprint": self.tokenizer_fingerprint,
            "sequences_fingerprint": self.sequences_fingerprint,
            "sequences": self.sequences,
            "positions": self.positions,
            "modules": list(self.modules),
        }
        tensors: dict[str, Tensor] = {}
        for name, factors in self.modules.items():
            tensors |= basis_tensors(f"{name}:activation", factors.activation_basis)
            tensors |= basis_tensors(f"{name}:gradient", factors.gradient_basis)
            tensors[f"{name}:corrected_eigenvalues"] = factors.corrected_eigenvalues
        write_folder(Path(folder), manifest, tensors)

    @classmethod
    def load(cls, folder: str | Path) -> "Factors":
        """Read factors back. Raises: FactorsError when the folder is missing, damaged or cut short."""
        manifest, tensors = read_folder(Path(folder), KIND)
        bases = BasisReader(tensors)
        modules = {
            name: ModuleFactors(
                bases.read(f"{name}:activation"),
                bases.read(f"{name}:gradient"),
                tensors[f"{name}:corrected_eigenvalues"],
            )
            for name in manifest["modules"]
        }
        factors = cls(
            modules=modules,
            config=_config(manifest["config"], folder),
            model_fingerprint=manifest["model_fingerprint"],
            tokenizer_fingerprint=manifest["tokenizer_fingerprint"],
            sequences_fingerprint=manifest["sequences_fingerprint"],
            sequences=manifest["sequences"],
            positions=manifest["positions"],
        )
        if factors.fingerprint != manifest["fingerprint"]:
            raise FactorsError(f"The manifest of {folder} was changed.", "Make the factors again.")
        return factors

    def check(self, model: LanguageModel) -> None:
        """Raises: FactorsError when the factors were fitted for another model, tokenizer or set of modules."""
        remedy = "Fit factors for this model, or load the model they were fitted for."
        if self.model_fingerprint != model.fingerprint:
            raise FactorsError(
                f"The factors belong to model {self.model_fingerprint[:12]}, not {model.fingerprint[:12]}.",
                remedy,
            )
        if self.tokenizer_fingerprint != model.tokenizer_fingerprint:
            raise FactorsError("The factors belong to another tokenizer.", remedy)
        if tuple(self.modules) != model.tracked:
            odd = sorted(set(self.modules) ^ set(model.tracked))
            raise FactorsError(
                f"The factors cover other modules than the model tracks: {', '.join(odd[:4])}.",
                "Give the model the same track=..., or fit again.",
            )


def identity(
    model_fingerprint: str,
    tokenizer_fingerprint: str | None,
    modules: Series[str],
    config: FactorConfig,
    sequences_fingerprint: str,
) -> dict[str, Any]:
    """All that factors depend on, as plain data.

    A choice left at its default does not enter (labels and seed always do), so that factors made before there was
    that choice keep their fingerprint. `batch_tokens` bounds memory only.
    """
    usual = FactorConfig()
    chosen = {
        field.name: getattr(config, field.name)
        for field in fields(config)
        if field.name != "batch_tokens" and getattr(config, field.name) != getattr(usual, field.name)
    }
    return {
        "model": model_fingerprint,
        "tokenizer": tokenizer_fingerprint,
        "modules": list(modules),
        "labels": config.labels,
        "seed": config.seed,
        "sequences": sequences_fingerprint,
        **chosen,
    }


def _config(saved: Mapping[str, Any], folder: str | Path) -> FactorConfig:
    unknown = sorted(set(saved) - {field.name for field in fields(FactorConfig)})
    if unknown:
        raise FactorsError(
            f"The factors in {folder} were fitted with choices this version does not have: {', '.join(unknown)}.",
            "Load them with the version that made them, or make the factors again.",
        )
    return FactorConfig(**saved)
