"""Copies the pages, scripts and migrations that stand beside the packages into the wheel, under app/_bundled."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

BUNDLED = ("templates", "static", "alembic")


class BuildWithBundle(build_py):
    """build_py, and then the three folders that `app.paths.bundled` looks for inside an installed package."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        for name in BUNDLED:
            target = Path(self.build_lib) / "app" / "_bundled" / name
            shutil.copytree(name, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))


setup(cmdclass={"build_py": BuildWithBundle})
