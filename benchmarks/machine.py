"""What a measurement was made on, and how a time is taken: medians, the sides in turn, products counted."""

import contextlib
import ctypes
import platform
import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import torch
import transformers
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

Parts = Mapping[str, float]

# Dense peaks of cards as their makers state them, in TFLOP/s: float32 (without TF32) and bfloat16.
CARDS = {
    "H200": (67.0, 989.0),
    "H100": (67.0, 989.0),
    "A100": (19.5, 312.0),
    "L40S": (91.6, 362.0),
    "L4": (30.3, 121.0),
    "A10": (31.2, 125.0),
    "4090": (82.6, 165.0),
    "3090": (35.6, 71.0),
}


def describe(device: str = "cpu") -> str:
    """Date, commit, device, threads and versions, as a line of Markdown."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, commit {commit.stdout.strip() or 'unknown'}, {device_name(device)}, "
        f"{torch.get_num_threads()} threads, torch {torch.__version__}, transformers {transformers.__version__}"
    )


def device_name(device: str) -> str:
    """The card's name, or the processor's architecture."""
    return torch.cuda.get_device_name(device) if device.startswith("cuda") else platform.machine() + " CPU"


def settle(device: str) -> None:
    """Wait for what a card still works on."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


@dataclass(slots=True)
class Measured:
    """Seconds of each round and, where it says, of its parts; FLOPs of its matrix products (0: not counted)."""

    seconds: list[float] = field(default_factory=list)
    parts: dict[str, list[float]] = field(default_factory=dict)
    flops: int = 0

    @property
    def median(self) -> float:
        """The median of the rounds, in seconds."""
        return float(statistics.median(self.seconds))

    def part(self, *names: str) -> float:
        """The median of some parts taken together, in seconds."""
        together = zip(*(self.parts[name] for name in names), strict=True)
        return float(statistics.median([sum(values) for values in together]))


class Products(TorchDispatchMode):
    """Counts the FLOPs of matrix products from their shapes while it is open.

    torch's own FlopCounterMode follows modules with hooks that torch.autograd.grad refuses.
    """

    def __init__(self) -> None:
        super().__init__()
        self.flops = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run the operation and add what its shapes say."""
        named = kwargs or {}
        if func._overloadpacket not in flop_registry and func is not torch.ops.prim.device.default:
            with self:
                parts = func.decompose(*args, **named)
            if parts is not NotImplemented:
                return parts
        out = func(*args, **named)
        if func._overloadpacket in flop_registry:
            self.flops += flop_registry[func._overloadpacket](*args, **named, out_val=out)
        return out


def measure(
    sides: Mapping[str, Callable[[], Parts | None]],
    repeats: int,
    device: str = "cpu",
    uncounted: frozenset[str] = frozenset(),
) -> dict[str, Measured]:
    """Each side once to warm up and to count its products, then `repeats` rounds in which the sides take turns.

    uncounted: sides that are neither warmed up nor counted. A side may return the seconds of its parts.
    """
    found = {name: Measured() for name in sides}
    for name in sides.keys() - uncounted:
        with Products() as products:
            sides[name]()
        found[name].flops = products.flops
    for _ in range(repeats):
        for name, run in sides.items():
            settle(device)
            start = time.perf_counter()
            parts = run()
            settle(device)
            found[name].seconds.append(time.perf_counter() - start)
            for part, seconds in (parts or {}).items():
                found[name].parts.setdefault(part, []).append(seconds)
    return found


def peak_flops(device: str, dtype: torch.dtype = torch.float32) -> tuple[float, str]:
    """The FLOP/s to compare with: the card's as its maker states it, else a large square product measured here."""
    if device.startswith("cuda"):
        name = torch.cuda.get_device_name(device)
        for card, (single, half) in CARDS.items():
            if card in name:
                return (half if dtype == torch.bfloat16 else single) * 1e12, f"{name} as its maker states it"
    size = 4096 if device.startswith("cuda") else 1536
    left = torch.randn(size, size, device=device).to(dtype)
    out = torch.empty_like(left)

    def product() -> None:
        torch.mm(left, left, out=out)

    square = measure({"product": product}, 15, device)["product"]
    # A peak is what the machine can do undisturbed, so the fastest of all.
    return 2 * size**3 / min(square.seconds), f"a {size} x {size} product measured here"


def resident_mebibytes() -> float:
    """What this process holds resident now."""
    fields = dict(line.split(":", 1) for line in _status())
    return int(fields["VmRSS"].split()[0]) / 1024


def peak_mebibytes() -> float:
    """The most memory this process has held resident, since `forget_peak` or since it began."""
    fields = dict(line.split(":", 1) for line in _status())
    return (
        int(fields["VmHWM"].split()[0]) / 1024
        if "VmHWM" in fields
        else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    )


def forget_peak() -> None:
    """Let the peak begin again at what is resident now (Linux)."""
    with open("/proc/self/clear_refs", "w", encoding="ascii") as handle:  # noqa: PTH123
        handle.write("5")


def trim() -> None:
    """Give freed memory back to the system, where the C library can."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def _status() -> list[str]:
    with open("/proc/self/status", encoding="ascii") as handle:  # noqa: PTH123
        return [line for line in handle if ":" in line]
