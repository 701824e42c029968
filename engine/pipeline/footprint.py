"""What forward and backward hold in memory, measured on two sequences and stretched to any batch."""

from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch

from engine.corpus.batches import Batch, Sequences
from engine.errors import DeviceError
from engine.model.capture import IN_FLOAT32, Capture, Captured, Products, capture
from engine.model.language_model import LanguageModel
from engine.model.ledger import Ledger
from engine.model.memory import free_memory, shortage_as
from engine.pipeline.one_batch import LabelChoice, captured_gradients, true_labels
from engine.terms import BatchTokens

# More tokens at a time bring a CPU nothing, and an accelerator little.
MOST_TOKENS = {"cpu": 8192}
MOST_ON_ACCELERATORS = 65536
# What "auto" takes of the free memory; the rest is for factors, queries, and what allocators keep.
AUTOMATIC_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Footprint:
    """Bytes that forward and backward of a batch hold at the most, beyond the weights: `fixed`, and `a_token`.

    Measured with sequences of one length; where attention keeps a matrix of scores, shorter ones take less a token.
    tensors: bytes a token of each tensor that is there at the peak.
    sharing: for each module the first one that reads the same tensor, as captured.
    """

    fixed: int
    a_token: float
    tensors: tuple[float, ...]
    sharing: dict[str, str]

    def bytes(self, tokens: int) -> int:
        """For a batch of so many padded tokens."""
        return round(self.fixed + self.a_token * tokens)

    def bytes_in_tensors_below(self, size: int, tokens: int) -> int:
        """Of that, what is in tensors of less than `size` bytes."""
        return round(sum(each * tokens for each in self.tensors if each * tokens < size))


def footprint(
    model: LanguageModel, length: int, labels: LabelChoice = true_labels, products: Products = IN_FLOAT32
) -> Footprint:
    """Run one and then two sequences of that length; every tensor is a sum of a constant and a share a sequence.

    Raises: DeviceError when two do not fit in memory.
    """
    with capture(model, products) as opened, _shortage(model, length):
        (one, _), (two, captured) = (_held(model, opened, labels, count, length) for count in (1, 2))
    tensors = tuple(size / (2 * length) for size in two.at_peak)
    return Footprint(2 * one.peak - two.peak, (two.peak - one.peak) / length, tensors, captured.sharing)


def _held(
    model: LanguageModel, opened: Capture, labels: LabelChoice, count: int, length: int
) -> tuple[Ledger, Captured]:
    generator = torch.Generator().manual_seed(0)
    vocabulary = model.hf_model.get_input_embeddings().weight.shape[0]
    ids = torch.randint(vocabulary, (count, length), generator=generator)
    batch = Batch(ids.to(model.device), torch.full((count,), length, device=model.device), torch.arange(count))
    with Ledger() as ledger:
        captured = captured_gradients(opened, labels, batch)
    return ledger, captured


def _shortage(model: LanguageModel, length: int) -> AbstractContextManager[None]:
    return shortage_as(
        f"Two sequences of {length} tokens do not fit in the memory of {model.device} together.",
        "Cut the corpus into shorter sequences, load the model in bfloat16, or take a larger device.",
    )


def tokens_in_force(model: LanguageModel, sequences: Sequences, batch_tokens: BatchTokens, products: Products) -> int:
    """The budget of padded tokens a batch: the number itself, or for "auto" what fits.

    "auto" lets forward and backward take half of the memory that is free now, with one sequence at least; at most
    8,192 tokens on a CPU and 65,536 on an accelerator, and 8,192 where the free memory is not known.
    """
    if batch_tokens != "auto":
        return batch_tokens
    most = MOST_TOKENS.get(model.device.type, MOST_ON_ACCELERATORS)
    free = free_memory(model.device)
    if free is None:
        return MOST_TOKENS["cpu"]
    longest = max(len(sequence.ids) for sequence in sequences)
    try:
        held = footprint(model, longest, products=products)
    except DeviceError:
        return longest
    return max(longest, min(most, int((AUTOMATIC_SHARE * free - held.fixed) / held.a_token)))
