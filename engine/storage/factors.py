"""Factors: the EK-FAC approximation of the Gauss-Newton Hessian, fitted once for a model and a corpus."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from jaxtyping import Float
from torch import Tensor

from engine.errors import FactorsError
from engine.model.fingerprint import settings_fingerprint
from engine.model.language_model import LanguageModel
from engine.storage.folder import read_folder, write_folder
from engine.terms import FactorConfig

KIND = "factors"


@dataclass(frozen=True, slots=True)
class ModuleFactors:
    """EK-FAC of one module; eigenvectors are columns, corrected eigenvalues are in nats^2 a sequence.

    `activation_eigenvalues` and `gradient_eigenvalues` are K-FAC's, kept for comparison with K-FAC.
    """

    activation_eigenvectors: Float[Tensor, "d_in d_in"]
    activation_eigenvalues: Float[Tensor, " d_in"]
    gradient_eigenvectors: Float[Tensor, "d_out d_out"]
    gradient_eigenvalues: Float[Tensor, " d_out"]
    corrected_eigenvalues: Float[Tensor, "d_out d_in"]


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
            model=self.model_fingerprint,
            tokenizer=self.tokenizer_fingerprint,
            modules=list(self.modules),
            labels=self.config.labels,
            seed=self.config.seed,
            sequences=self.sequences_fingerprint,
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
        tensors = {
            f"{name}:{field}": getattr(factors, field)
            for name, factors in self.modules.items()
            for field in ModuleFactors.__dataclass_fields__
        }
        write_folder(Path(folder), manifest, tensors)

    @classmethod
    def load(cls, folder: str | Path) -> "Factors":
        """Read factors back. Raises: FactorsError when the folder is missing, damaged or cut short."""
        manifest, tensors = read_folder(Path(folder), KIND)
        fields = ModuleFactors.__dataclass_fields__
        modules = {
            name: ModuleFactors(**{field: tensors[f"{name}:{field}"] for field in fields})
            for name in manifest["modules"]
        }
        factors = cls(
            modules=modules,
            config=FactorConfig(**manifest["config"]),
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
