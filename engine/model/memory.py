"""A device's memory: how much of it is free, and what an allocation that failed looks like."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from engine.errors import DeviceError

_CPU_ALLOCATOR = ("defaultcpuallocator", "not enough memory", "can't allocate memory")
_ACCELERATOR = ("out of memory", "cublas_status_alloc_failed", "hip_error_out_of_memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception is a failed allocation, on an accelerator or on the CPU."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    # torch raises plain RuntimeErrors for the CPU's allocator, for cuBLAS's workspace and on Apple's GPUs.
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(sign in text for sign in (*_CPU_ALLOCATOR, *_ACCELERATOR))


@contextmanager
def shortage_as(problem: str, remedy: str) -> Iterator[None]:
    """Turn a failed allocation into a DeviceError that says so and what to do."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise DeviceError(problem, remedy) from error


def empty_caches() -> None:
    """Give blocks that the accelerators' allocators keep for later back to the device."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if torch.backends.mps.is_available():
        torch.mps.empty_cache()


def resident_memory(status: Path = Path("/proc/self/status")) -> int | None:
    """Bytes of main memory that this process holds now; None where the system does not tell."""
    if not status.is_file():
        return None
    rows = dict(line.split(":", 1) for line in status.read_text(encoding="utf-8").splitlines() if ":" in line)
    return int(rows["VmRSS"].split()[0]) * 1024


def free_memory(device: torch.device) -> int | None:
    """Bytes that can still be allocated on a device; None where the system does not tell.

    On an accelerator, what torch holds in its cache counts as free. On a CPU it is what Linux calls available,
    or what the process's control group still allows if that is less.
    """
    if device.type == "cuda":
        held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + held
    if device.type == "mps":
        return torch.mps.recommended_max_memory() - torch.mps.current_allocated_memory()
    return free_host_memory() if sys.platform == "linux" else None


def free_host_memory(root: Path = Path("/")) -> int | None:
    """Bytes available to this process on Linux: MemAvailable, and no more than any of its control groups allows."""
    limits = [_available(root / "proc/meminfo"), *_group_limits(root)]
    known = [limit for limit in limits if limit is not None]
    return max(0, min(known)) if known else None


def _available(meminfo: Path) -> int | None:
    if not meminfo.is_file():
        return None
    rows = dict(line.split(":", 1) for line in meminfo.read_text(encoding="utf-8").splitlines() if ":" in line)
    return int(rows["MemAvailable"].split()[0]) * 1024 if "MemAvailable" in rows else None


def _group_limits(root: Path) -> list[int | None]:
    """What is left under the memory limit of each control group the process is in, up to the topmost."""
    listing = root / "proc/self/cgroup"
    if not listing.is_file():
        return []
    left: list[int | None] = []
    for line in listing.read_text(encoding="utf-8").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            left += _up_to(root / "sys/fs/cgroup", path, "memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            left += _up_to(root / "sys/fs/cgroup/memory", path, *names)
    return left


def _up_to(top: Path, path: str, limit: str, usage: str, cached: str) -> list[int | None]:
    # In a container the path may be the host's, of which only the top is mounted: missing folders are passed over.
    inner = top / path.strip("/")
    folders = [folder for folder in (inner, *inner.parents) if folder.is_relative_to(top)]
    return [_left(folder, limit, usage, cached) for folder in folders]


def _left(folder: Path, limit: str, usage: str, cached: str) -> int | None:
    most, used = _number(folder / limit), _number(folder / usage)
    if most is None or used is None:
        return None
    # Cached files count as used, but the kernel drops them before it refuses an allocation.
    return most - used + _statistic(folder / "memory.stat", cached)


def _number(file: Path) -> int | None:
    text = file.read_text(encoding="utf-8").strip() if file.is_file() else ""
    return int(text) if text.isdigit() else None


def _statistic(file: Path, name: str) -> int:
    if not file.is_file():
        return 0
    rows = dict(line.split(" ", 1) for line in file.read_text(encoding="utf-8").splitlines())
    return int(rows.get(name, 0))
