"""From an exception to the problem and remedy a person reads."""

from app.services.errors import ServiceError
from engine import EngineError


def told(error: BaseException, remedy: str | None = None) -> tuple[str, str]:
    """Problem and remedy of any exception; what nobody foresaw is named as it is."""
    if isinstance(error, EngineError | ServiceError):
        return error.problem, remedy or error.remedy
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return (
            f"The device ran out of memory: {error}",
            "Lower INFLUENCE_BATCH_TOKENS or INFLUENCE_SCAN_MEMORY_GB, restart the worker, and try again.",
        )
    return (
        f"{type(error).__name__}: {error}",
        "Try again. If it happens again, the worker's log says where it happened.",
    )
