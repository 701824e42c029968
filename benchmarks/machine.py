"""What a measurement was made on, and how a time is taken: medians, the sides in turn."""

import platform
import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import torch
import transformers


def describe() -> str:
    """Date, commit, device, threads and versions, as a line of Markdown."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else platform.machine() + " CPU"
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, commit {commit.stdout.strip() or 'unknown'}, {device}, "
        f"{torch.get_num_threads()} threads, torch {torch.__version__}, transformers {transformers.__version__}"
    )


def medians(sides: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """The median seconds of each side over `repeats` rounds; the sides take turns within a round."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(repeats):
        for name, run in sides.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def peak_mebibytes() -> float:
    """The most memory this process has held resident so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
