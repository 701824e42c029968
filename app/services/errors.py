"""The errors of the services. Each says what happened, with the value, and what to do."""


class ServiceError(Exception):
    """A failure a person can act on: `problem` says what and with which value, `remedy` what to do."""

    def __init__(self, problem: str, remedy: str, field: str | None = None) -> None:
        super().__init__(f"{problem} {remedy}")
        self.problem = problem
        self.remedy = remedy
        self.field = field


class InvalidInput(ServiceError):  # noqa: N818 - named for what the person did
    """The input cannot be used (HTTP 422, exit code 2)."""


class NotFound(ServiceError):  # noqa: N818
    """No such query, run, model or corpus (HTTP 404, exit code 2)."""


class Conflict(ServiceError):  # noqa: N818
    """The state does not allow it, for instance the results of a run that is not done (HTTP 409)."""
