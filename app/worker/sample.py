"""Which sequences of a corpus factors are fitted on."""

import numpy as np

from app.worker.tokens import TokenSequences


def fitting_sample(sequences: TokenSequences, most: int) -> TokenSequences:
    """All of them, or `most` spread evenly over the corpus: curvature is an average, and a sample tells it well."""
    count = len(sequences)
    if count <= most:
        return sequences
    return sequences.pick((np.arange(most, dtype=np.int64) * count // most).astype(np.int32))
