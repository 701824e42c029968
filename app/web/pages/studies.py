"""`/studies`: the experiments, one of them, and the files of results they are told from."""

from fastapi import APIRouter, Request, Response

from app.services import studies
from app.services.shapes import Study, StudyView
from app.web import plots
from app.web.chart_files import chart_file
from app.web.context import StudiesPage, StudyPage
from app.web.problems import NOT_FOUND
from app.web.rendering import render

router = APIRouter()


@router.get("/studies")
def show_studies(request: Request) -> Response:
    """Every experiment at a glance."""
    return render(request, "studies.html", StudiesPage(tuple(studies.every())))


@router.get("/studies.json")
def studies_json() -> list[StudyView]:
    """The studies as `GET /api/v1/studies` gives them."""
    return studies.every()


@router.get("/studies/data/{file:path}", responses=NOT_FOUND)
def study_data(file: str) -> Response:
    """A file of results, to be kept."""
    named = file.replace("/", "-")
    headers = {"content-disposition": f'attachment; filename="{named}"'}
    return Response(studies.file(file), media_type="application/json", headers=headers)


@router.get("/studies/{name}.json", responses=NOT_FOUND)
def study_json(name: str) -> Study:
    """A study as `GET /api/v1/studies/{name}` gives it."""
    return studies.get(name)


@router.get("/studies/{name}/charts/{chart}.svg", responses=NOT_FOUND)
def study_chart(request: Request, name: str, chart: str) -> Response:
    """A chart of a study by itself."""
    return chart_file(show_study(request, name), chart)


@router.get("/studies/{name}")
def show_study(request: Request, name: str) -> Response:
    """One experiment."""
    study, every = studies.get(name), studies.every()
    place = [one.name for one in every].index(name)
    page = StudyPage(
        study,
        plots=tuple(plots.dots(chart) for chart in study.charts),
        scatters=tuple(plots.scatter(one) for one in study.scatters),
        previous=every[place - 1] if place else None,
        next=every[place + 1] if place + 1 < len(every) else None,
    )
    return render(request, "study.html", page)
