"""The fingerprint of sequences: what makes it sure that a corpus is still the one that something was made from."""

import hashlib
from array import array
from collections.abc import Iterable

from engine.terms import Sequence


def sequences_fingerprint(sequences: Iterable[Sequence], before: str = "") -> str:
    """SHA-256 over the fingerprint of what precedes, if anything does, and the length and ids of all, in order."""
    digest = hashlib.sha256(before.encode())
    for sequence in sequences:
        digest.update(array("q", (len(sequence.ids), *sequence.ids)).tobytes())
    return digest.hexdigest()
