"""Studies: what an experiment asked, what the paper found, what was found here, and the numbers behind it."""

from typing import Literal

from pydantic import Field

from app.services.shapes.base import Shape

StudyVerdict = Literal["agrees", "agrees in part", "differs", "not in the paper"]


class StudySeries(Shape):
    """One value a label; null where there is none. `paper` is true of numbers that the paper reports."""

    name: str
    paper: bool = False
    values: list[float | None]


class StudyChart(Shape):
    """Values by label and series. `sections` names the part of the chart that each label stands in; empty: no parts."""

    name: str = Field(description="also names the chart in addresses: letters, digits and dashes")
    title: str
    unit: str
    labels: list[str]
    sections: list[str] = Field(default=[])
    series: list[StudySeries]
    reference: float | None = Field(default=None, description="a value that the others are held against")
    note: str | None = None


class StudyPoints(Shape):
    """Pairs of one series of a scatter, and what each pair is."""

    name: str
    x: list[float]
    y: list[float]
    labels: list[str]


class StudyScatter(Shape):
    """Pairs of values, each held against the other."""

    name: str
    title: str
    x: str = Field(description="what lies on the horizontal axis, with its unit")
    y: str
    series: list[StudyPoints]
    note: str | None = None


class StudyTable(Shape):
    """Further numbers as rows; the first column names the row."""

    title: str
    columns: list[str]
    rows: list[list[str | float | int | None]]


class StudySource(Shape):
    """A file of results, the command that makes it again, and what it was made on (date, commit, machine)."""

    file: str
    command: str
    made: str


class StudyView(Shape):
    """`GET /api/v1/studies`: an experiment at a glance."""

    name: str
    title: str
    question: str
    verdict: StudyVerdict
    found: str = Field(description="what was found here, in a sentence")


class Study(StudyView):
    """`GET /api/v1/studies/{name}`: an experiment with everything behind it."""

    paper: str = Field(description="what the paper found")
    notes: list[str] = Field(description="how it was done, and what to keep in mind")
    charts: list[StudyChart]
    scatters: list[StudyScatter] = Field(default=[])
    tables: list[StudyTable] = Field(default=[])
    sources: list[StudySource]
