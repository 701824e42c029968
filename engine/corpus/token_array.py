"""Token ids as arrays of 32 bits, the form in which the corpus's indices hash and store them."""

import numpy as np
from jaxtyping import Int
from numpy.typing import NDArray

from engine.errors import CorpusError

ITEM = 4


def token_array(index: int, ids: tuple[int, ...]) -> Int[NDArray[np.int32], " token"]:
    """The ids of the sequence at `index` of the corpus, little-endian.

    Raises: CorpusError for an id that is negative or needs more than 31 bits.
    """
    wrong = next((token for token in (min(ids), max(ids)) if not 0 <= token < 1 << 31), None)
    if wrong is not None:
        raise CorpusError(f"Sequence {index} holds the token id {wrong}.", "Token ids lie between 0 and 2^31 - 1.")
    return np.array(ids, dtype="<i4")
