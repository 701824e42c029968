"""What a command says where the settings or the machine, not the product, are at fault."""

import errno
import os
from pathlib import Path

from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError, OperationalError

from app.settings import get_settings

PREFIX = "INFLUENCE_"
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
CLOSED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR)


def told(error: Exception) -> tuple[str, str] | None:
    """The problem and the remedy; None for an error of another kind, which is a defect of ours."""
    if isinstance(error, ValidationError) and error.title == "Settings":
        return _setting(error)
    if isinstance(error, OperationalError):
        return _database(error)
    if isinstance(error, OSError) and error.filename is not None and error.errno is not None:
        return _file(error)
    return None


def _setting(error: ValidationError) -> tuple[str, str]:
    wrong = []
    for one in error.errors():
        name = f"{PREFIX}{str(one['loc'][0]).upper()}"
        wrong.append(f"{name}={os.environ.get(name, one['input'])}: {one['msg']}.")
    return " ".join(
        dict.fromkeys(wrong)
    ), "Change or unset it; `influence doctor` lists every setting once all can be read."


def _database(error: DBAPIError) -> tuple[str, str]:
    said = str(error.orig).strip().splitlines()
    return (
        f"The database cannot be used: {said[0] if said else 'it gave no reason'}.",
        "See that the disk has room and INFLUENCE_HOME can be written, or that the server of INFLUENCE_DATABASE_URL "
        "runs; `influence doctor` looks at each.",
    )


def _file(error: OSError) -> tuple[str, str] | None:
    if error.errno in NO_ROOM:
        return f"No room is left on the disk: {error.filename}.", "Make room, or move INFLUENCE_HOME."
    home, named = get_settings().home.resolve(), Path(os.fsdecode(error.filename))
    if error.errno in CLOSED and (home == named or home in named.parents):
        return (
            f"{error.filename}: {error.strerror}.",
            "See that it can be read and written, or choose another folder with INFLUENCE_HOME.",
        )
    return None
