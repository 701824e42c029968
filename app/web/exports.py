"""Lists as comma-separated values (RFC 4180) and as Parquet: what the screen shows, at full precision."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from starlette.responses import Response

from app.services.shapes import Comparison, InfluencePage


def csv_response(name: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """A file of rows under a header. Cells are left as they are: text is data here, never a formula."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows(rows)
    headers = {"content-disposition": f'attachment; filename="{name}.csv"'}
    return Response(text.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def influences_csv(page: InfluencePage) -> Response:
    """A run's list of one sign, one sequence a row, one column a layer."""
    header = ["rank", "sequence_id", "document", "kind", "influence", "nats_per_copy"]
    header += ["flags", "duplicate_of", "overlap", "scope", "text"]
    rows = [
        [
            row.rank,
            row.sequence_id,
            row.document,
            row.kind or "",
            repr(row.influence),
            repr(row.nats_per_copy),
            "; ".join(row.flags),
            "" if row.duplicate_of is None else row.duplicate_of,
            "" if row.overlap is None else repr(row.overlap),
            page.scope,
            row.text,
            *(repr(value) for value in row.layer_influences),
        ]
        for row in page.rows
    ]
    return csv_response(f"{page.run}-{page.sign}", [*header, *page.layers], rows)


def influences_parquet(page: InfluencePage) -> Response:
    """A run's list of one sign: the fields of `InfluenceRow` as columns, lists as lists; the rest as metadata."""
    import pyarrow as arrow  # type: ignore[import-untyped]
    from pyarrow import parquet

    rows = [row.model_dump() for row in page.rows]
    about = page.model_dump_json(exclude={"rows"})
    table = arrow.Table.from_pylist(rows, schema=_row_schema(arrow).with_metadata({"influences": about}))
    written = io.BytesIO()
    parquet.write_table(table, written, compression="zstd")
    headers = {"content-disposition": f'attachment; filename="{page.run}-{page.sign}.parquet"'}
    return Response(written.getvalue(), media_type="application/vnd.apache.parquet", headers=headers)


def _row_schema(arrow: Any) -> Any:
    """The columns of `InfluenceRow`, so that an empty list has them too."""
    text, whole, real = arrow.string(), arrow.int64(), arrow.float64()
    kinds = {
        "rank": whole,
        "sequence_id": whole,
        "document": text,
        "kind": text,
        "influence": real,
        "nats_per_copy": real,
        "token_influences": arrow.list_(real),
        "layer_influences": arrow.list_(real),
        "text": text,
        "tokens": arrow.list_(text),
        "flags": arrow.list_(text),
        "duplicate_of": whole,
        "overlap": real,
    }
    return arrow.schema(list(kinds.items()))


def comparison_csv(comparison: Comparison) -> Response:
    """The joined sequences of a comparison: rank and nats per added copy under each run."""
    names = [name for run in comparison.runs for name in (f"rank {run.run}", f"nats_per_copy {run.run}")]
    rows = []
    for sequence in comparison.sequences:
        places: list[object] = []
        for rank, nats in zip(sequence.ranks, sequence.nats_per_copy, strict=True):
            places += ["" if rank is None else rank, "" if nats is None else repr(nats)]
        rows.append([sequence.sequence_id, sequence.document, sequence.kind or "", *places, sequence.text])
    return csv_response("comparison", ["sequence_id", "document", "kind", *names, "text"], rows)
