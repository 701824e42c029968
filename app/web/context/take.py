"""The panel "Export": files, a citation, and the lines that fetch the same."""

from dataclasses import dataclass


@dataclass(frozen=True)
class FileLink:
    """A file to take away; `size` in bytes, roughly, where it is known before the file is made."""

    name: str
    url: str
    size: int | None = None


@dataclass(frozen=True)
class FileGroup:
    """Files of the same rows; `rows` says which."""

    rows: str
    files: tuple[FileLink, ...]


@dataclass(frozen=True)
class Citation:
    """How a result is cited: in plain words, and for BibTeX."""

    plain: str
    bibtex: str


@dataclass(frozen=True)
class TakeView:
    """The panel "Export": files of the rows on screen and of all, a citation, lines for shell and Python, charts."""

    groups: tuple[FileGroup, ...]
    citations: tuple[Citation, ...]
    curl: str
    python: str
    charts: tuple[FileLink, ...] = ()
