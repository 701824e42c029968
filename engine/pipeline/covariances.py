"""The first pass of a fit: sums of a a^T and d d^T over the positions that predict a token."""

from torch import Tensor

from engine.corpus.batches import Batch, Sequences
from engine.maths.blocks import in_blocks
from engine.maths.covariance import upper_second_moment_sum
from engine.model.capture import Captured, Products
from engine.model.language_model import LanguageModel
from engine.pipeline.passes import LabelChoice, run_pass
from engine.pipeline.sums import RunningSums
from engine.storage.checkpoint import AnyCheckpoints, Standing
from engine.terms import FactorConfig, ProgressCallback

STAGE = "covariances"


class Covariances:
    """Running sums over `sequences` sequences with `positions` predicting positions.

    sharing: for each module the one whose activations' sum it shares, since both read the same tensor.
    Only upper triangles are summed; each sum has a part for each diagonal block.
    """

    def __init__(self, block_width: int | None) -> None:
        self.activations, self.output_gradients = RunningSums(), RunningSums()
        self.sharing: dict[str, str] = {}
        self.sequences = self.positions = 0
        self._block_width = block_width

    @classmethod
    def restored(cls, standing: Standing | None, model: LanguageModel, block_width: int | None) -> "Covariances":
        """The sums as they stood, where the modules compute; or new ones."""
        sums = cls(block_width)
        if standing is not None:
            sums.activations = RunningSums.restored(standing.tensors, "activations", model.device_of)
            sums.output_gradients = RunningSums.restored(standing.tensors, "output_gradients", model.device_of)
            sums.sharing = dict(standing.facts["sharing"])
            sums.sequences, sums.positions = standing.done, standing.facts["positions"]
        return sums

    def standing(self) -> Standing:
        """The sums as they stand now."""
        tensors = self.activations.tensors("activations") | self.output_gradients.tensors("output_gradients")
        return Standing(STAGE, self.sequences, tensors, {"sharing": self.sharing, "positions": self.positions})

    def add(self, batch: Batch, captured: Captured) -> None:
        """Take in a batch."""
        counted = batch.predicting
        self.sequences += len(batch.index)
        self.positions += int(counted.sum())
        self.sharing.update(captured.sharing)
        for name, gradients in captured.output_gradients.items():
            # Where nothing is predicted they are zero, and add nothing.
            self._add(self.output_gradients, name, gradients.flatten(0, 1))
            if self.sharing[name] == name:
                vectors = captured.activations[name]
                self._add(self.activations, name, vectors[counted.to(vectors.device)])

    def _add(self, sums: RunningSums, name: str, vectors: Tensor) -> None:
        sums.add(name, [upper_second_moment_sum(part) for part in in_blocks(vectors, self._block_width)])


def covariances(
    model: LanguageModel,
    sequences: Sequences,
    config: FactorConfig,
    labels: LabelChoice,
    checkpoints: AnyCheckpoints,
    progress: ProgressCallback,
) -> Covariances:
    """The sums over all sequences; what a checkpoint holds of them is not made again."""
    sums = Covariances.restored(checkpoints.latest(STAGE), model, config.block_width)

    def consume(batch: Batch, captured: Captured) -> None:
        sums.add(batch, captured)
        if checkpoints.due():
            checkpoints.write(sums.standing())

    run_pass(
        model,
        sequences,
        config.batch_tokens,
        labels,
        consume,
        STAGE,
        progress,
        sums.sequences,
        Products(config.precision),
    )
    return sums
