"""Fitting factors: covariances in a first pass, corrected eigenvalues in a second."""

from collections.abc import Iterable
from pathlib import Path

import torch

from engine.corpus.batches import Batch, Sequences, checked
from engine.corpus.fingerprint import sequences_fingerprint
from engine.errors import NumericalError
from engine.maths.corrected_eigenvalues import squared_gradient_sum
from engine.model.capture import Captured, Products
from engine.model.language_model import LanguageModel
from engine.pipeline.covariances import STAGE as COVARIANCES
from engine.pipeline.covariances import covariances
from engine.pipeline.decomposition import decomposition_devices
from engine.pipeline.eigenbases import STAGE as EIGENVECTORS
from engine.pipeline.eigenbases import Eigenbases, eigenbases
from engine.pipeline.passes import LabelChoice, labels_for_fitting, run_pass
from engine.pipeline.sums import RunningSums
from engine.storage.checkpoint import AnyCheckpoints, Checkpoints, NoCheckpoints, Standing
from engine.storage.factors import Factors, ModuleFactors, identity
from engine.terms import FactorConfig, ProgressCallback, Sequence, silent

EIGENVALUES = "eigenvalues"


def fit_factors(
    model: LanguageModel,
    sequences: Iterable[Sequence],
    config: FactorConfig = FactorConfig(),
    progress: ProgressCallback | None = None,
    checkpoint: str | Path | None = None,
) -> Factors:
    """Fit EK-FAC for the tracked modules (paper, eqs 16 to 20), in two streaming passes.

    Normalisers: A and S are averages over the positions that predict a token, uncentred; the corrected
    eigenvalues are averages over sequences of the squared entries of the summed gradient in the eigenbasis.

    sequences: re-iterable, since they are passed over twice. progress: called with the stages "covariances",
    "eigenvectors" and "eigenvalues"; an exception raised in it ends the fit.
    checkpoint: a folder in which running sums are kept now and then, if the fit takes long. A fit that was
    interrupted, in whatever way, goes on from there when it is called again with the same arguments, and ends
    with the same bits. The folder is removed at the end; without one an interrupted fit leaves nothing.

    Raises: CorpusError, NumericalError (naming the module), ModelError, FactorsError (the checkpoint is damaged,
    or is of another model, tokenizer, set of modules, configuration or corpus).
    """
    checked_sequences = checked(sequences)
    return fit_with_labels(model, checked_sequences, config, labels_for_fitting(config), progress or silent, checkpoint)


def fit_with_labels(
    model: LanguageModel,
    sequences: Sequences,
    config: FactorConfig,
    labels: LabelChoice,
    progress: ProgressCallback,
    checkpoint: str | Path | None = None,
) -> Factors:
    """As `fit_factors`, with labels chosen by the caller."""
    fingerprint = sequences_fingerprint(sequences)
    work = identity(model.fingerprint, model.tokenizer_fingerprint, model.tracked, config, fingerprint)
    checkpoints = NoCheckpoints() if checkpoint is None else Checkpoints(Path(checkpoint), work)
    bases = _bases(model, sequences, config, labels, checkpoints, progress)
    squares = _squared_gradients(model, sequences, config, labels, bases, checkpoints, progress)
    factors = Factors(
        modules={name: _module(name, squares, bases, len(sequences)) for name in model.tracked},
        config=config,
        model_fingerprint=model.fingerprint,
        tokenizer_fingerprint=model.tokenizer_fingerprint,
        sequences_fingerprint=fingerprint,
        sequences=len(sequences),
        positions=bases.positions,
    )
    checkpoints.remove(COVARIANCES, EIGENVECTORS, EIGENVALUES)
    return factors


def _bases(
    model: LanguageModel,
    sequences: Sequences,
    config: FactorConfig,
    labels: LabelChoice,
    checkpoints: AnyCheckpoints,
    progress: ProgressCallback,
) -> Eigenbases:
    """The eigenbases, as a checkpoint holds them or by a pass over the sequences."""
    kept = checkpoints.latest(EIGENVECTORS)
    if kept is not None:
        return Eigenbases.restored(kept, model)
    sums = covariances(model, sequences, config, labels, checkpoints, progress)
    bases = eigenbases(sums, decomposition_devices(model), progress)
    if checkpoints.due():
        _keep_bases(bases, checkpoints)
    return bases


def _keep_bases(bases: Eigenbases, checkpoints: AnyCheckpoints) -> None:
    checkpoints.write(bases.standing())
    checkpoints.remove(COVARIANCES)


def _squared_gradients(
    model: LanguageModel,
    sequences: Sequences,
    config: FactorConfig,
    labels: LabelChoice,
    bases: Eigenbases,
    checkpoints: AnyCheckpoints,
    progress: ProgressCallback,
) -> RunningSums:
    """Sums over sequences of squared gradients in the eigenbasis; what a checkpoint holds is not made again."""
    kept = checkpoints.latest(EIGENVALUES)
    done = 0 if kept is None else kept.done
    sums = RunningSums() if kept is None else RunningSums.restored(kept.tensors, EIGENVALUES, model.device_of)

    def consume(batch: Batch, captured: Captured) -> None:
        nonlocal done
        for name, gradients in captured.output_gradients.items():
            activations = captured.activations[name]
            squared = squared_gradient_sum(
                gradients,
                activations,
                bases.output_gradients[name],
                bases.activations[name],
            )
            sums.add(name, [squared])
        done += len(batch.index)
        if checkpoints.due():
            if not checkpoints.hold(EIGENVECTORS):
                _keep_bases(bases, checkpoints)
            checkpoints.write(Standing(EIGENVALUES, done, sums.tensors(EIGENVALUES), {}))

    products = Products(config.precision)
    run_pass(model, sequences, config.batch_tokens, labels, consume, EIGENVALUES, progress, done, products)
    return sums


def _module(name: str, squares: RunningSums, bases: Eigenbases, sequences: int) -> ModuleFactors:
    corrected = squares.by_name[name][0] / sequences
    if not bool(torch.isfinite(corrected).all()):
        raise NumericalError(
            f"The corrected eigenvalues of {name} hold NaN or infinity.",
            "Load the model in float32 (dtype='float32').",
        )
    return ModuleFactors(bases.activations[name], bases.output_gradients[name], corrected)
