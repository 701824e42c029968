"""Between the passes of a fit: the eigenbases of all covariances, spread over devices."""

from collections.abc import Iterable
from collections.abc import Sequence as Series
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from engine.maths.covariance import symmetric
from engine.maths.eigenbasis import Eigenbasis, eigenbasis
from engine.model.language_model import LanguageModel
from engine.pipeline.covariances import Covariances
from engine.pipeline.decomposition import spread
from engine.storage.bases import BasisReader, basis_tensors
from engine.storage.checkpoint import Standing
from engine.terms import Progress, ProgressCallback

STAGE = "eigenvectors"


@dataclass(frozen=True, slots=True)
class Eigenbases:
    """Eigenbases of A and S by module; modules that read the same tensor have the same object in `activations`.

    positions: how many positions A and S are averages over.
    """

    activations: dict[str, Eigenbasis]
    output_gradients: dict[str, Eigenbasis]
    positions: int

    @classmethod
    def restored(cls, standing: Standing, model: LanguageModel) -> "Eigenbases":
        """What `standing` gave, where the modules compute."""
        reader, names = BasisReader(standing.tensors), standing.facts["modules"]
        placed: dict[int, Eigenbasis] = {}

        def basis(name: str, side: str) -> Eigenbasis:
            read = reader.read(f"{name}:{side}")
            return placed.setdefault(id(read), read.to(model.device_of(name)))

        return cls(
            {name: basis(name, "activation") for name in names},
            {name: basis(name, "gradient") for name in names},
            standing.facts["positions"],
        )

    def standing(self) -> Standing:
        """All of it, for a checkpoint."""
        tensors: dict[str, Tensor] = {}
        for name, basis in self.activations.items():
            tensors |= basis_tensors(f"{name}:activation", basis)
            tensors |= basis_tensors(f"{name}:gradient", self.output_gradients[name])
        names = list(self.activations)
        return Standing(STAGE, len(names), tensors, {"modules": names, "positions": self.positions})


def eigenbases(sums: Covariances, devices: Series[torch.device], progress: ProgressCallback) -> Eigenbases:
    """Decompose A and S of every module; the sums are used up, so that both are never in memory at once.

    Raises: NumericalError, naming the module.
    """
    names = list(sums.output_gradients.by_name)
    activations: dict[str, Eigenbasis] = {}
    gradients: dict[str, Eigenbasis] = {}

    def decompose(name: str, device: torch.device) -> tuple[Eigenbasis | None, Eigenbasis]:
        own = sums.activations.by_name.pop(name, None)
        return (
            None if own is None else eigenbasis(_means(own, sums.positions), f"the activations of {name}", device),
            eigenbasis(
                _means(sums.output_gradients.by_name.pop(name), sums.positions),
                f"the output gradients of {name}",
                device,
            ),
        )

    def take(name: str, bases: tuple[Eigenbasis | None, Eigenbasis]) -> None:
        if bases[0] is not None:
            activations[name] = bases[0]
        gradients[name] = bases[1]
        progress(Progress(STAGE, len(gradients), len(names)))

    progress(Progress(STAGE, 0, len(names)))
    spread({name: partial(decompose, name) for name in names}, devices, take)
    return Eigenbases(
        {name: activations[sums.sharing[name]] for name in names},
        {name: gradients[name] for name in names},
        sums.positions,
    )


def _means(uppers: Iterable[Tensor], positions: int) -> Iterable[Tensor]:
    return (symmetric(upper) / positions for upper in uppers)
