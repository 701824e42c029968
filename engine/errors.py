"""The engine's errors. Each says what happened, with which values, and what to do about it."""


class EngineError(Exception):
    """Something a person can act on: `problem` says what happened, `remedy` what to do."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem} {remedy}")
        self.problem = problem
        self.remedy = remedy


class ModelError(EngineError):
    """The model cannot be loaded, or its modules cannot be tracked as asked."""


class CorpusError(EngineError):
    """The training sequences cannot be used."""


class QueryError(EngineError):
    """A query cannot be turned into token ids with a completion to measure."""


class FactorsError(EngineError):
    """Factors are damaged, or belong to another model, tokenizer or set of modules."""


class NumericalError(EngineError):
    """NaN or infinity where a number should be; the message names the module."""


class DeviceError(EngineError):
    """The device is not there, cannot be used as asked, or has too little memory for the work."""
