"""Runs and their ranked sequences, and the comparison of runs."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from app.services import candidate_results, comparison, layers, results, run_versions
from app.services.errors import InvalidInput
from app.services.shapes import CandidatePage, Comparison, InfluenceDetail, InfluencePage, LayersView, RunDetail, Sign
from app.web.api.paging import Cursor, Limit, Offset, linked_on, next_of, offset_of
from app.web.choosing import ListChosen
from app.web.deps import DbSession
from app.web.entity_tags import unless_known
from app.web.problems import CONFLICT, INVALID, NOT_FOUND

router = APIRouter(tags=["results"])
SignChoice = Annotated[Sign, Query(description="those that raise log p, or those that lower it")]
SequenceId = Annotated[int, Path(ge=0, le=2**63 - 1, description="the sequence's place in its corpus")]


@router.get("/runs/{run_id}", responses=NOT_FOUND)
def get_run(run_id: str, session: DbSession) -> RunDetail:
    """A run with its distribution, layer profile and everything that made it."""
    return results.run(session, run_id)


@router.get("/runs/{run_id}/influences", responses=NOT_FOUND | CONFLICT | INVALID)
def list_influences(
    run_id: str,
    session: DbSession,
    request: Request,
    response: Response,
    choice: ListChosen,
    sign: SignChoice = "positive",
    cursor: Cursor = None,
    offset: Offset = 0,
    limit: Limit = 50,
) -> InfluencePage:
    """The sequences of one sign, heaviest first or as chosen, with their token and layer influences."""
    made = run_versions.version(session, run_id)
    unless_known(request, response, *made.shown)
    choices = [*made.lists, sign, choice.model_dump()]
    start = offset_of("influences", choices, cursor, offset)
    page = results.influences(session, run_id, sign, start, limit, choice)
    following = next_of("influences", choices, start + len(page.rows), page.total)
    linked_on(request, response, following)
    return page.model_copy(update={"next": following})


@router.get("/runs/{run_id}/layers", responses=NOT_FOUND | CONFLICT | INVALID)
def get_layers(
    run_id: str,
    session: DbSession,
    first: Annotated[
        int | None, Query(ge=1, le=2_000, description="how many of each sign; all kept if left out")
    ] = None,
) -> LayersView:
    """Where in the network the heaviest sequences of each sign act: by layer, by third, and each by itself."""
    return layers.layers(session, run_id, first)


@router.get("/runs/{run_id}/candidates", responses=NOT_FOUND | CONFLICT | INVALID)
def list_candidates(
    run_id: str,
    session: DbSession,
    request: Request,
    response: Response,
    reference: Annotated[int, Query(ge=1, le=1_000_000_000, description="the place of the one held against")] = 1,
    cursor: Cursor = None,
    offset: Offset = 0,
    limit: Limit = 50,
) -> CandidatePage:
    """The candidates of a query with scope candidates in the order they were given, against one of them."""
    made = run_versions.version(session, run_id)
    unless_known(request, response, *made.shown)
    choices = [*made.lists, reference]
    start = offset_of("candidates", choices, cursor, offset)
    page = candidate_results.in_order(session, run_id, reference, start, limit)
    following = next_of("candidates", choices, start + len(page.rows), page.total)
    linked_on(request, response, following)
    return page.model_copy(update={"next": following})


@router.get("/runs/{run_id}/influences/{sequence_id}", responses=NOT_FOUND | CONFLICT | INVALID)
def get_influence(run_id: str, sequence_id: SequenceId, session: DbSession) -> InfluenceDetail:
    """One sequence with its layer x token matrix, which sums to the token and the layer influences."""
    return results.influence(session, run_id, sequence_id)


def run_ids(text: str) -> list[str]:
    """The runs named in an address: `a,b,c`; two to four different ones."""
    found = list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not 2 <= len(found) <= 4:
        raise InvalidInput(
            f"A comparison takes two to four different runs; {len(found)} named.",
            "Name them as ?runs=a,b with the ids that a query's page and GET /api/v1/queries/{id} show.",
            field="runs",
        )
    return found


@router.get("/compare", responses=NOT_FOUND | CONFLICT | INVALID)
def compare_runs(
    session: DbSession,
    runs: Annotated[str, Query(description="two to four run ids, separated by commas")],
    sign: SignChoice = "positive",
    limit: Annotated[int, Query(ge=1, le=500, description="how many rows of each run")] = 50,
) -> Comparison:
    """The lists of two to four runs side by side, joined by sequence, and how far they agree."""
    return comparison.compare(session, run_ids(runs), sign, limit)
