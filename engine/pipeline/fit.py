"""Fitting factors: covariances in a first pass, corrected eigenvalues in a second."""

import hashlib
from array import array
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from engine.corpus.batches import Batch, Sequences, checked
from engine.errors import NumericalError
from engine.maths.corrected_eigenvalues import squared_gradient_sum
from engine.maths.covariance import symmetric, upper_second_moment_sum
from engine.maths.eigenbasis import eigenbasis
from engine.model.capture import Captured
from engine.model.language_model import LanguageModel
from engine.pipeline.passes import labels_for_fitting, run_pass
from engine.storage.factors import Factors, ModuleFactors
from engine.terms import FactorConfig, Progress, ProgressCallback, Sequence, silent


class _Sums:
    """Running sums by name, kept once for names that share them."""

    def __init__(self) -> None:
        self.by_name: dict[str, Tensor] = {}

    def add(self, name: str, term: Tensor) -> None:
        if name in self.by_name:
            self.by_name[name] += term
        else:
            self.by_name[name] = term


def fit_factors(
    model: LanguageModel,
    sequences: Iterable[Sequence],
    config: FactorConfig = FactorConfig(),
    progress: ProgressCallback | None = None,
) -> Factors:
    """Fit EK-FAC for the tracked modules (paper, eqs 16 to 20), in two streaming passes.

    Normalisers: A and S are averages over the positions that predict a token, uncentred; the corrected
    eigenvalues are averages over sequences of the squared entries of the summed gradient in the eigenbasis.

    sequences: re-iterable, since they are passed over twice. progress: called with the stages "covariances",
    "eigenvectors" and "eigenvalues"; an exception raised in it ends the fit with nothing kept.

    Raises: CorpusError, NumericalError (naming the module), ModelError.
    """
    checked_sequences = checked(sequences)
    report = progress or silent
    input_sums, gradient_sums, sharing, positions = _covariances(model, checked_sequences, config, report)
    bases = _eigenbases(model, input_sums, gradient_sums, sharing, positions, report)
    squares = _squared_gradients(model, checked_sequences, config, bases, report)
    modules = {}
    for name in model.tracked:
        corrected = squares[name] / len(checked_sequences)
        _require_finite(corrected, name)
        activation, gradient = bases[sharing[name]], bases[name + _GRADIENT]
        modules[name] = ModuleFactors(activation[1], activation[0], gradient[1], gradient[0], corrected)
    return Factors(
        modules=modules,
        config=config,
        model_fingerprint=model.fingerprint,
        tokenizer_fingerprint=model.tokenizer_fingerprint,
        sequences_fingerprint=sequences_fingerprint(checked_sequences),
        sequences=len(checked_sequences),
        positions=positions,
    )


def sequences_fingerprint(sequences: Iterable[Sequence]) -> str:
    """SHA-256 over the token ids of all sequences, in order."""
    digest = hashlib.sha256()
    for sequence in sequences:
        digest.update(array("q", (len(sequence.ids), *sequence.ids)).tobytes())
    return digest.hexdigest()


# Eigenbases of output gradients are kept beside those of activations, under the module's name with this suffix.
_GRADIENT = ":gradient"


def _covariances(
    model: LanguageModel, sequences: Sequences, config: FactorConfig, progress: ProgressCallback
) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor], dict[str, str], int]:
    """Sums of a a^T and of d d^T, which module's sum of a a^T each module shares, and the number of positions."""
    inputs, gradients = _Sums(), _Sums()
    sharing: dict[str, str] = {}
    positions = 0

    def consume(batch: Batch, captured: Captured) -> None:
        nonlocal positions
        counted = batch.predicting
        positions += int(counted.sum())
        sharing.update(_sharing(captured.activations))
        for name in model.tracked:
            gradients.add(name, upper_second_moment_sum(captured.output_gradients[name][counted]))
            if sharing[name] == name:
                inputs.add(name, upper_second_moment_sum(captured.activations[name][counted]))

    labels = labels_for_fitting(config)
    run_pass(model, sequences, config.batch_tokens, labels, consume, "covariances", progress)
    return inputs.by_name, gradients.by_name, sharing, positions


def _sharing(activations: Mapping[str, Tensor]) -> dict[str, str]:
    first: dict[int, str] = {}
    return {name: first.setdefault(id(tensor), name) for name, tensor in activations.items()}


def _eigenbases(
    model: LanguageModel,
    input_sums: Mapping[str, Tensor],
    gradient_sums: Mapping[str, Tensor],
    sharing: Mapping[str, str],
    positions: int,
    progress: ProgressCallback,
) -> dict[str, tuple[Tensor, Tensor]]:
    bases: dict[str, tuple[Tensor, Tensor]] = {}
    for done, name in enumerate(model.tracked):
        progress(Progress("eigenvectors", done, len(model.tracked)))
        if sharing[name] == name:
            bases[name] = eigenbasis(symmetric(input_sums[name]) / positions, f"the activations of {name}")
        bases[name + _GRADIENT] = eigenbasis(
            symmetric(gradient_sums[name]) / positions, f"the output gradients of {name}"
        )
    progress(Progress("eigenvectors", len(model.tracked), len(model.tracked)))
    return bases


def _squared_gradients(
    model: LanguageModel,
    sequences: Sequences,
    config: FactorConfig,
    bases: Mapping[str, tuple[Tensor, Tensor]],
    progress: ProgressCallback,
) -> Mapping[str, Tensor]:
    sums = _Sums()

    def consume(_: Batch, captured: Captured) -> None:
        sharing = _sharing(captured.activations)
        for name in model.tracked:
            sums.add(
                name,
                squared_gradient_sum(
                    captured.output_gradients[name],
                    captured.activations[name],
                    bases[name + _GRADIENT][1],
                    bases[sharing[name]][1],
                ),
            )

    labels = labels_for_fitting(config)
    run_pass(model, sequences, config.batch_tokens, labels, consume, "eigenvalues", progress)
    return sums.by_name


def _require_finite(corrected: Tensor, name: str) -> None:
    if not bool(torch.isfinite(corrected).all()):
        raise NumericalError(
            f"The corrected eigenvalues of {name} hold NaN or infinity.",
            "Load the model in float32 (dtype='float32').",
        )
