"""Recovery from a lack of memory: a batch that does not fit is released and halved, and what fits is remembered."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeVar

from engine.corpus.batches import Batch
from engine.errors import DeviceError
from engine.model.memory import empty_caches, is_out_of_memory, shortage_as

T = TypeVar("T")


class Fitting:
    """The batches of one pass, cut until they fit; `tokens` is the budget in force, padded tokens a batch.

    `work` may be tried several times for the same sequences, so it must leave nothing behind when it fails: it
    computes, and `take` keeps. `take` is called once for each sequence, only after its work has succeeded, and a
    lack of memory inside it is never tried again, since half of it may be kept already.
    """

    def __init__(self, tokens: int, release: Callable[[], None]) -> None:
        self.tokens = tokens
        self._release = release

    def run(self, batch: Batch, work: Callable[[Batch], T], take: Callable[[Batch, T], None]) -> None:
        """Do the work of a batch, whole or in parts, and hand on what each part gave, in the batch's order.

        Raises: DeviceError when a single sequence does not fit, or when there is no memory left in `take`.
        """
        waiting = [batch]
        while waiting:
            part = waiting.pop()
            if len(part.index) > 1 and part.ids.numel() > self.tokens:
                waiting += reversed(part.halves())
                continue
            done = _tried(work, part)
            if done:
                with named_shortage(part):
                    take(part, done.pop())
            else:
                waiting += reversed(self._smaller(part))

    def _smaller(self, part: Batch) -> tuple[Batch, Batch]:
        """The halves of a part that did not fit, with the budget lowered to the larger of them."""
        self._release()
        empty_caches()
        if len(part.index) == 1:
            raise _too_long(part)
        halves = part.halves()
        self.tokens = max(half.ids.numel() for half in halves)
        return halves


def _tried(work: Callable[[Batch], T], part: Batch) -> list[T]:
    """The work's result in a list; an empty one when it did not fit in memory."""
    try:
        return [work(part)]
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    # Left the handler: the exception is gone, and with it the frames that held the tensors.
    return []


def named_shortage(part: Batch) -> AbstractContextManager[None]:
    """Turn a lack of memory in what is done with a batch's gradients into an error that says what to do."""
    return shortage_as(
        f"The memory of {part.ids.device} ran out over {len(part.index)} sequences of up to {part.ids.shape[1]} "
        "tokens, after their gradients were made.",
        "Lower batch_tokens, ask fewer queries at a time, or give a rank: `influence plan` says what each takes.",
    )


def _too_long(part: Batch) -> DeviceError:
    return DeviceError(
        f"Sequence {int(part.index[0])} alone, of {int(part.lengths[0])} tokens, does not fit in the memory of "
        f"{part.ids.device}.",
        "Cut the corpus into shorter sequences, load the model in bfloat16, take a larger device, or spread the "
        "model over several (device='balanced'); other processes may hold memory too.",
    )
