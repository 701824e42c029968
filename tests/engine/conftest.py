"""Tiny random models of three families, and sequences to fit and scan."""

import pytest
import torch

from engine import LanguageModel, Sequence
from tests.engine.tiny import FAMILIES, sequences, tiny_model

# Matrices this small are slower with threads than without.
torch.set_num_threads(1)


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def model64(family: str) -> LanguageModel:
    """A two-layer float64 model of each family."""
    return tiny_model(family, torch.float64)


@pytest.fixture
def model32(family: str) -> LanguageModel:
    """A two-layer float32 model of each family."""
    return tiny_model(family, torch.float32)


@pytest.fixture
def corpus() -> list[Sequence]:
    """Twelve sequences of different lengths."""
    return sequences(12)
