"""The studies: experiments of the paper and of this product's own, told from files that a command makes again."""

from collections.abc import Callable
from functools import cache

from app.services.errors import NotFound
from app.services.shapes import Study, StudyView
from app.services.studies import cost, facts, faithful, files, layers, narrowing, tails, word_order
from app.services.studies.numbers import numbers

__all__ = ["MADE", "every", "file", "get", "numbers"]

MADE: dict[str, Callable[[], Study]] = {
    "word-order": word_order.word_order,
    "sparsity": tails.sparsity,
    "power-law": tails.power_law,
    "layers": layers.layers,
    "pbrf": faithful.pbrf,
    "one-step": faithful.one_step,
    "planted-facts": facts.planted,
    "held-out-facts": facts.held_out,
    "index-recall": narrowing.index_recall,
    "lexical-coverage": narrowing.lexical_coverage,
    "cost": cost.cost,
}


@cache
def get(name: str) -> Study:
    """A study, or NotFound."""
    if name not in MADE:
        raise NotFound(f"There is no study named {name!r}.", f"There are: {', '.join(MADE)}.")
    return MADE[name]()


@cache
def every() -> list[StudyView]:
    """All studies at a glance, those of the paper first."""
    return [StudyView.model_validate(get(name).model_dump(include=set(StudyView.model_fields))) for name in MADE]


def file(name: str) -> str:
    """A file of results as text. NotFound for one that no study is told from."""
    return files.content(name)
