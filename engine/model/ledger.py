"""A ledger of live tensors: how many bytes a piece of work holds at the most."""

import weakref
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter


class Ledger(TorchDispatchMode):
    """Counts the bytes of all tensors made inside the block, from their making to their end.

    Exact for what tensors hold; blind to what a kernel takes for itself while it runs, and to what the allocator
    keeps. It costs some microseconds an operation, so it is for probes. Views count once, with what they look at;
    what was there before the block counts as nothing. `at_peak`: what the tensors took that were alive at the peak.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.live = 0
        self.peak = 0
        self.at_peak: tuple[int, ...] = ()
        self._known: dict[int, int] = {}

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Run one operation and enter what it made."""
        given = {_place(tensor) for tensor in tree_iter((args, kwargs)) if isinstance(tensor, torch.Tensor)}
        made = func(*args, **(kwargs or {}))
        for tensor in tree_iter(made):
            if isinstance(tensor, torch.Tensor) and _place(tensor) not in given:
                self._enter(tensor.untyped_storage())
        if self.live > self.peak:
            self.peak, self.at_peak = self.live, tuple(self._known.values())
        return made

    def _enter(self, storage: torch.UntypedStorage) -> None:
        place, size = storage._cdata, storage.nbytes()
        if place not in self._known:
            self._known[place] = size
            self.live += size
            weakref.finalize(storage, self._leave, place)

    def _leave(self, place: int) -> None:
        self.live -= self._known.pop(place)


def _place(tensor: torch.Tensor) -> int:
    place: int = tensor.untyped_storage()._cdata
    return place
