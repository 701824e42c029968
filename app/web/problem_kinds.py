"""The kinds of problems that the product tells, each with an address that explains it: `type` in RFC 9457's words."""

from dataclasses import dataclass

PREFIX = "/api/v1/problems/"


@dataclass(frozen=True)
class ProblemKind:
    """A kind of problem: its name in addresses, its status, what it means, and what to do about it in general."""

    name: str
    status: int
    title: str
    meaning: str
    remedy: str

    @property
    def type(self) -> str:
        """The address that a problem of this kind names, and where it is explained."""
        return f"{PREFIX}{self.name}"


KINDS = (
    ProblemKind(
        "unreadable",
        400,
        "The request cannot be read",
        "Its body is not what its content type says, or breaks off.",
        "Send JSON, or a form as its page sends it, in UTF-8.",
    ),
    ProblemKind(
        "cross-site",
        403,
        "Sent by another site",
        "A browser sent the request from a page of another site. Requests that change something are taken from these "
        "pages and from programs only, so that no other site can act in a visitor's name.",
        "Open Influence Explorer itself and send it from there.",
    ),
    ProblemKind(
        "not-found",
        404,
        "Not found",
        "There is nothing under this address, or nothing with the id that it names. Queries, runs and sequences keep "
        "their addresses for as long as their database lives; another installation does not know them.",
        "Check the address, or start from the gallery.",
    ),
    ProblemKind(
        "method-not-allowed",
        405,
        "The method is not taken here",
        "There is something under this address, but it does not take this method; the header Allow names those that "
        "it takes.",
        "Use a method that the API's page names for this address.",
    ),
    ProblemKind(
        "conflict",
        409,
        "The present state does not allow it",
        "What was asked for makes sense, but not now: a run without results has no lists, a finished one cannot be "
        "tried again, a full collection takes no more.",
        "Look at the state, and wait for the one that is needed.",
    ),
    ProblemKind(
        "too-large",
        413,
        "The body is too large",
        "More was sent than is read at a time.",
        "Send it in several requests.",
    ),
    ProblemKind(
        "unsupported-media-type",
        415,
        "The content type is not read here",
        "The body of this request must be JSON, and its header Content-Type must say so.",
        "Send it with the header Content-Type: application/json.",
    ),
    ProblemKind(
        "invalid-input",
        422,
        "The input cannot be used",
        "The request was read, and something in it cannot be used: `field` names the first thing, `errors` each of "
        "them. Nothing was stored.",
        "Correct what is named and send it again.",
    ),
    ProblemKind(
        "mistake",
        500,
        "The server made a mistake",
        "Something happened that should not. The server has written it to its log, and goes on.",
        "Try again; if it stays so, report it with the log's last lines.",
    ),
    ProblemKind(
        "database",
        503,
        "The database does not answer",
        "The database is away, is not migrated, or is busy for too long. Nothing is lost: what was stored stays.",
        "Try again; if it stays so, `influence doctor` says what is wrong and how to mend it.",
    ),
)
BY_STATUS = {kind.status: kind for kind in KINDS}
BY_NAME = {kind.name: kind for kind in KINDS}


def type_of(status: int) -> str:
    """The address that explains a status; "about:blank" where the status says it all."""
    kind = BY_STATUS.get(status)
    return "about:blank" if kind is None else kind.type
