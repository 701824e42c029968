"""The studies."""

from dataclasses import dataclass

from app.services.shapes import Study, StudyView
from app.web.plots import DotPlot, ScatterPlot


@dataclass(frozen=True)
class StudiesPage:
    """`/studies`: every experiment with what it asked and what was found."""

    studies: tuple[StudyView, ...]


@dataclass(frozen=True)
class StudyPage:
    """`/studies/{name}`: an experiment with its charts, its numbers, and the command that makes them again."""

    study: Study
    plots: tuple[DotPlot, ...]
    scatters: tuple[ScatterPlot, ...]
    previous: StudyView | None
    next: StudyView | None
