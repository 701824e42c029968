"""Where the files that travel with the code lie: beside `app` in a checkout, inside it in a wheel."""

from pathlib import Path
from typing import Literal

Bundled = Literal["alembic", "templates", "static", "docs"]


def bundled(folder: Bundled) -> Path:
    """The folder of that name, from a checkout or from an installed wheel; of `docs` a wheel holds what pages show."""
    package = Path(__file__).resolve().parent
    beside = package.parent / folder
    return beside if beside.is_dir() and _is_ours(package.parent) else package / "_bundled" / folder


def _is_ours(root: Path) -> bool:
    # In site-packages `alembic` next to `app` is the library, never our migrations.
    return (root / "alembic" / "env.py").is_file()
