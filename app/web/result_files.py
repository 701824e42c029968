"""A run's list, or a sequence of it, as one HTML file: what the pages show, without the pages' controls."""

from dataclasses import replace

from fastapi import Response
from sqlalchemy.orm import Session

from app.services import results, units
from app.services.shapes import InfluenceDetail, InfluencePage, QueryView, RunDetail
from app.web import tokens, words
from app.web.citing import citation
from app.web.context import GridRow, ResultFile, SequenceFile
from app.web.spread import distribution_view
from app.web.standalone import MOST_BYTES, css, html_file, origin
from app.web.views import list_rows, profile_view, query_path, sequence_url


def result_file(session: Session, server: str, query: QueryView, page: InfluencePage, told: str) -> Response:
    """A list as a file of at most 2 MB: of a long one as many rows as go in, and the file says so."""
    detail = results.run(session, page.run)
    unit = units.unit(page.training_sequences)
    layers = detail.layer_profile
    file = ResultFile(
        css=css(),
        origin=origin(server, f"{query_path(query.id)}?run={page.run}", citation(server, query, detail).plain),
        query=query,
        run=detail,
        detail=detail,
        listing=page,
        told=told,
        rows=list_rows(page.rows, page.layers, query.id, page.run, unit),
        unit=unit,
        why_raw=units.why_raw(detail.model),
        profile=profile_view(getattr(layers, page.sign), layers.layers) if layers else None,
        distribution=distribution_view(detail, unit),
    )
    return _fitting(file, f"{page.run}-{page.sign}")


def _fitting(file: ResultFile, name: str) -> Response:
    made = html_file(name, "standalone_result.html", file)
    size, rows = len(made.body), len(file.rows)
    while size > MOST_BYTES and rows > 1:
        rows = max(1, min(rows - 1, int(rows * MOST_BYTES / size)))
        told = f"The first {words.count(rows)} of them are here, so that the file stays below 2 MB."
        made = html_file(
            name, "standalone_result.html", replace(file, rows=file.rows[:rows], told=f"{file.told} {told}")
        )
        size = len(made.body)
    return made


def sequence_file(
    server: str, query: QueryView, run: RunDetail, detail: InfluenceDetail, grid: tuple[GridRow, ...]
) -> Response:
    """A sequence as a file."""
    unit = units.unit(detail.training_sequences)
    layer_sums = [unit.of(value) for value in detail.layer_influences]
    file = SequenceFile(
        css=css(),
        origin=origin(server, sequence_url(query.id, detail.sequence_id, run.id), citation(server, query, run).plain),
        query=query,
        run=run,
        detail=detail,
        unit=unit,
        why_raw=units.why_raw(run.model),
        value=unit.of(detail.influence),
        pieces=tokens.every(detail.tokens, detail.token_influences),
        grid=grid,
        profile=profile_view(layer_sums, detail.layers),
    )
    return html_file(f"{run.id}-sequence-{detail.sequence_id}", "standalone_sequence.html", file)
