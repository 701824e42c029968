"""What a query would take before it is asked, and whether it was asked before."""

from typing import Literal

from pydantic import Field

from app.services.shapes.base import Scope, Shape

Basis = Literal["scans", "fit", "other models", "nothing"]


class ModelOutlook(Shape):
    """What one model would take to answer, alone on this installation's workers."""

    model: str
    sequences: int | None = Field(description="how many would be scored; null where nobody knows yet")
    seconds: float | None = Field(description="to score them, with everything around it; null where not known")
    basis: Basis = Field(
        description="what it is reckoned from: this model's earlier scans, its fit, or models of other sizes"
    )
    fits: bool = Field(description="whether its factors are to be fitted first")
    fitting_seconds: float | None
    indexes: bool = Field(description="whether a gradient index is to be made first, in scope indexed")
    answered: str | None = Field(description="the run that answers it already")


class NearQuery(Shape):
    """A query that asks nearly the same."""

    id: str
    url: str
    prompt: str
    completion: str
    corpus: str
    scope: Scope
    keep: int
    alike: bool = Field(description="whether its words are the same, and only other choices differ")


class Outlook(Shape):
    """`POST /api/v1/estimate`: whether a query is there already, what is near it, and what it would take."""

    existing: str | None = Field(description="the id of the query, if it was asked before")
    url: str | None
    near: list[NearQuery]
    models: list[ModelOutlook]
    waiting: int = Field(description="runs of others that wait or run now")
    waiting_seconds: float | None = Field(description="what those take; null where not known")
    seconds: float | None = Field(description="from now until all is answered; null where a part is not known")
    workers: int = Field(description="how many are alive")
