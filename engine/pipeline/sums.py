"""Running sums of a pass, by module and diagonal block."""

from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor


class RunningSums:
    """Sums by name, each in one part or several, added up in place where the terms live."""

    def __init__(self) -> None:
        self.by_name: dict[str, list[Tensor]] = {}

    @classmethod
    def restored(
        cls, tensors: Mapping[str, Tensor], prefix: str, device_of: Callable[[str], torch.device]
    ) -> "RunningSums":
        """What `tensors` gave under this prefix, each on its device; copied, since a file's may not be written to."""
        sums = cls()
        for key in sorted((key for key in tensors if key.startswith(f"{prefix}:")), key=_part):
            _, name, _ = key.split(":")
            sums.by_name.setdefault(name, []).append(tensors[key].to(device_of(name), copy=True))
        return sums

    def add(self, name: str, terms: Iterable[Tensor]) -> None:
        """Add terms, one a part; the first become the sums."""
        known = self.by_name.get(name)
        if known is None:
            self.by_name[name] = list(terms)
        else:
            for total, term in zip(known, terms, strict=True):
                total += term

    def tensors(self, prefix: str) -> dict[str, Tensor]:
        """All parts, as `prefix:name:part`."""
        return {
            f"{prefix}:{name}:{part}": total for name, parts in self.by_name.items() for part, total in enumerate(parts)
        }


def _part(key: str) -> int:
    return int(key.rpartition(":")[2])
