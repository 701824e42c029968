"""What a client raises: each error says what happened and what to do."""

from dataclasses import dataclass


@dataclass
class ApiError(Exception):
    """The server refused, or failed: its problem details (RFC 9457).

    field: which field of the request is at fault, where one is. errors: each fault as (field, problem).
    """

    status: int
    title: str
    problem: str
    remedy: str
    field: str | None = None
    type: str = "about:blank"
    errors: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return f"{self.problem} {self.remedy}"


@dataclass
class Unreachable(Exception):  # noqa: N818 - a state of the world, as the words of its users have it
    """No answer came from the server, or one that is not of this API."""

    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.problem} {self.remedy}"
