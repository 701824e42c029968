"""From shapes to what list rows and profiles show: snippets, tints, bars, addresses."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from app.services import spans
from app.services.shapes import InfluenceRow
from app.services.spans import Reading
from app.services.units import Unit
from app.web import charts, tokens, words
from app.web.context import ListRow, ProfileView


@dataclass(frozen=True)
class Look:
    """How rows are shown: tints by the list's or each row's own largest, what they are read by, and what is sought.

    corpus: whose documents the rows name, so that they lead there; None where the rows are no documents of one.
    """

    by_list: bool = False
    reading: Reading = "token"
    sought: re.Pattern[str] | None = None
    palette: str | None = None
    corpus: str | None = None


PLAIN = Look()


def address(path: str, **choices: str | int | None) -> str:
    """An address whose query string carries the view's state; choices left at None are left out."""
    kept = {name: value for name, value in choices.items() if value is not None}
    return f"{path}?{urlencode(kept)}" if kept else path


def query_path(query_id: str) -> str:
    """The page of a query."""
    return f"/queries/{quote(query_id, safe='')}"


def document_url(corpus: str, document: str) -> str:
    """The page of a document of a corpus."""
    return f"/corpora/{quote(corpus, safe='')}/documents/{quote(document)}"


def sequence_url(query_id: str, sequence_id: int, run_id: str, look: Look = PLAIN) -> str:
    """The page of a sequence under a run, read and coloured as its list is."""
    read = None if look.reading == "token" else look.reading
    return address(f"{query_path(query_id)}/sequences/{sequence_id}", run=run_id, read=read, palette=look.palette)


def list_rows(
    rows: Sequence[InfluenceRow],
    layers: Sequence[str],
    query_id: str,
    run_id: str,
    unit: Unit,
    look: Look = PLAIN,
) -> tuple[ListRow, ...]:
    """Rows with snippet, bar and sparkline; a bar is a share of the heaviest of the run and sign."""
    shared = max((_scale(row, look.reading) for row in rows), default=0.0) if look.by_list else None
    return tuple(
        ListRow(
            row=row,
            url=sequence_url(query_id, row.sequence_id, run_id, look),
            snippet=tokens.snippet(
                without_start(row), row.token_influences, shared, reading=look.reading, sought=look.sought
            ),
            bar=round(110 * abs(row.relative), 1),
            spark=charts.sparkline(row.layer_influences, layers),
            value=unit.of(row.influence),
            unit=unit,
            document="" if look.corpus is None else document_url(look.corpus, row.document),
        )
        for row in rows
    )


def _scale(row: InfluenceRow, reading: Reading) -> float:
    """The largest size among what the row is read by."""
    return tokens.scale_of(spans.sums(row.token_influences, spans.spans(without_start(row), reading)))


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
