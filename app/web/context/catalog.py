"""Models, corpora, the state of things, and what it all means."""

from dataclasses import dataclass

from app.services.shapes import CorpusView, ModelView, Status


@dataclass(frozen=True)
class ModelsPage:
    """`/models`: what can be asked, and what of it is tracked."""

    models: tuple[ModelView, ...]


@dataclass(frozen=True)
class CorporaPage:
    """`/corpora`: what the models were trained on."""

    corpora: tuple[CorpusView, ...]


@dataclass(frozen=True)
class StatusPage:
    """`/status`: workers, models, corpora, and what waits and runs."""

    status: Status


@dataclass(frozen=True)
class AboutPage:
    """`/about`: method, units, sign, caveats."""
