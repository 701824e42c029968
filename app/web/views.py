"""From shapes to what list rows and profiles show: snippets, tints, bars, addresses."""

from collections.abc import Sequence
from urllib.parse import quote, urlencode

from app.services.shapes import InfluenceRow
from app.services.units import Unit
from app.web import charts, tokens, words
from app.web.context import ListRow, ProfileView


def address(path: str, **choices: str | int | None) -> str:
    """An address whose query string carries the view's state; choices left at None are left out."""
    kept = {name: value for name, value in choices.items() if value is not None}
    return f"{path}?{urlencode(kept)}" if kept else path


def query_path(query_id: str) -> str:
    """The page of a query."""
    return f"/queries/{quote(query_id, safe='')}"


def sequence_url(query_id: str, sequence_id: int, run_id: str) -> str:
    """The page of a sequence under a run."""
    return address(f"{query_path(query_id)}/sequences/{sequence_id}", run=run_id)


def list_rows(
    rows: Sequence[InfluenceRow],
    layers: Sequence[str],
    query_id: str,
    run_id: str,
    unit: Unit,
    *,
    by_list: bool = False,
) -> tuple[ListRow, ...]:
    """Rows with snippet, bar and sparkline; tints by each row's own largest token, or by the list's."""
    largest = max((abs(row.influence) for row in rows), default=0.0) or 1.0
    shared = max((tokens.scale_of(row.token_influences) for row in rows), default=0.0) if by_list else None
    return tuple(
        ListRow(
            row=row,
            url=sequence_url(query_id, row.sequence_id, run_id),
            snippet=tokens.snippet(without_start(row), row.token_influences, shared),
            bar=round(110 * abs(row.influence) / largest, 1),
            spark=charts.sparkline(row.layer_influences, layers),
            value=unit.of(row.influence),
            unit=unit,
        )
        for row in rows
    )


def without_start(row: InfluenceRow) -> list[str]:
    """The tokens, a beginning-of-sequence token without its name: in a list it would read as text."""
    named = bool(row.tokens) and not row.text.startswith(row.tokens[0])
    return ["", *row.tokens[1:]] if named else row.tokens


def profile_view(values: Sequence[float], layers: Sequence[str]) -> ProfileView:
    """A layer profile with each layer's share of the sum; no share where the sum is nought."""
    total = sum(values)
    names = [words.layer(name) for name in layers]
    shares = tuple(value / total if total else None for value in values)
    return ProfileView(charts.profile(values, names), tuple(names), tuple(values), shares)
