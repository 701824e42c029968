"""Copies what stands beside the packages and is read when they run into the wheel, under app/_bundled.

Pages, scripts and migrations; and of the documentation what pages show: the studies' data, the terms, and the API.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

BUNDLED = ("templates", "static", "alembic")
STUDIES = sorted(str(path) for path in Path("docs/studies").rglob("*.json"))
SHOWN = ("docs/terms.md", "docs/api.md", "docs/api-examples.json", *STUDIES)


class BuildWithBundle(build_py):
    """build_py, and then the folders that `app.paths.bundled` looks for inside an installed package."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        for name in BUNDLED:
            target = Path(self.build_lib) / "app" / "_bundled" / name
            shutil.copytree(name, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        for file in SHOWN:
            copy = Path(self.build_lib) / "app" / "_bundled" / file
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)


setup(cmdclass={"build_py": BuildWithBundle})
