"""Tools that some tests need: their absence is a loud failure in CI, and a named skip elsewhere."""

import importlib
import os
import warnings
from typing import Any

import pytest


def required(module: str) -> Any:
    """The module. Without it: an ImportError when CI=true, else the calling test module is skipped, with the reason."""
    if os.environ.get("CI") == "true":
        with warnings.catch_warnings():
            # What a tool warns of while it is imported is its own affair; pytest ignores the same.
            warnings.simplefilter("ignore")
            return importlib.import_module(module)
    return pytest.importorskip(module, reason=f"{module} is missing: `make test` installs it")
