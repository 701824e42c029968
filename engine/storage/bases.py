"""Eigenbases as named tensors, as factors and checkpoints keep them."""

from collections.abc import Mapping

from torch import Tensor

from engine.maths.eigenbasis import Eigenbasis


def basis_tensors(prefix: str, basis: Eigenbasis) -> dict[str, Tensor]:
    """An eigenbasis by names that begin with `prefix`; blocks after the first carry a number."""
    blocks = {_block(prefix, number): block for number, block in enumerate(basis.blocks)}
    return {f"{prefix}_eigenvalues": basis.values} | blocks


class BasisReader:
    """Reads eigenbases back; those that were one object, since modules shared them, are one object again."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self._tensors = tensors
        self._known: dict[int, Eigenbasis] = {}

    def read(self, prefix: str) -> Eigenbasis:
        """What `basis_tensors` named with this prefix. Raises: KeyError when it is not there."""
        blocks = [self._tensors[_block(prefix, 0)]]
        while (block := self._tensors.get(_block(prefix, len(blocks)))) is not None:
            blocks.append(block)
        values = self._tensors[f"{prefix}_eigenvalues"]
        return self._known.setdefault(id(blocks[0]), Eigenbasis(values, tuple(blocks)))


def _block(prefix: str, number: int) -> str:
    return f"{prefix}_eigenvectors" + (f":{number}" if number else "")
