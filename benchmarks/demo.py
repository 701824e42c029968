"""The demo models and corpus as the engine takes them."""

from collections.abc import Sequence as Series

from app.demo import bundle
from engine import LanguageModel, Query, Sequence


def load(name: str) -> LanguageModel:
    """A demo model by name: small, medium or large."""
    path = next(model.path for model in bundle.models() if model.name == name)
    return LanguageModel.from_pretrained(str(path), device="cpu")


def sequences(model: LanguageModel) -> list[Sequence]:
    """The demo corpus, one document a sequence, in the order of the file."""
    return [Sequence(model.encode(document.text)) for document in bundle.documents()]


def queries(chosen: Series[bundle.DemoQuery]) -> list[Query]:
    """Demo queries as the engine's."""
    return [Query(prompt=query.prompt, completion=query.completion) for query in chosen]
