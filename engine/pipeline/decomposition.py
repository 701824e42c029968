"""Eigendecompositions of the covariances, spread over devices."""

from collections.abc import Callable, Mapping
from collections.abc import Sequence as Series
from concurrent.futures import ThreadPoolExecutor, as_completed
from queue import SimpleQueue
from typing import TypeVar

import torch

from engine.model.language_model import LanguageModel

Result = TypeVar("Result")


def decomposition_devices(model: LanguageModel) -> tuple[torch.device, ...]:
    """Where eigendecompositions run: every visible CUDA card for a model on one, else the CPU.

    Other accelerators compute them badly or, without float64, not at all.
    """
    if any(model.device_of(name).type == "cuda" for name in model.tracked):
        return tuple(torch.device("cuda", number) for number in range(torch.cuda.device_count()))
    return (torch.device("cpu"),)


def spread(
    jobs: Mapping[str, Callable[[torch.device], Result]],
    devices: Series[torch.device],
    take: Callable[[str, Result], None],
) -> None:
    """Run every job once, one at a time on each device, and hand its result to `take`, in the caller's thread.

    A callback rather than a generator, so that an exception anywhere ends the work at once: jobs that have not
    begun are dropped.
    """
    if len(devices) == 1:
        for name, job in jobs.items():
            take(name, job(devices[0]))
        return
    free: SimpleQueue[torch.device] = SimpleQueue()
    for device in devices:
        free.put(device)

    def run(job: Callable[[torch.device], Result]) -> Result:
        device = free.get()
        try:
            return job(device)
        finally:
            free.put(device)

    with ThreadPoolExecutor(len(devices), thread_name_prefix="decomposition") as pool:
        names = {pool.submit(run, job): name for name, job in jobs.items()}
        try:
            for future in as_completed(names):
                take(names[future], future.result())
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
