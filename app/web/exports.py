"""Lists as comma-separated values (RFC 4180) and as Parquet: what the screen shows, at full precision."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from starlette.responses import Response

from app.services.shapes import BatchTop, BatchView, CandidatePage, Comparison, InfluenceDetail, InfluencePage


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
    header = ["rank", "sequence_id", "document", "kind", "influence", "nats_per_copy", "relative"]
    header += ["flags", "duplicate_of", "repeated_by", "overlap", "concentration", "label", "note"]
    header += ["scope", "text"]
    rows = [
        [
            row.rank,
            row.sequence_id,
            row.document,
            row.kind or "",
            repr(row.influence),
            "" if row.nats_per_copy is None else repr(row.nats_per_copy),
            repr(row.relative),
            "; ".join(row.flags),
            "" if row.duplicate_of is None else row.duplicate_of,
            "; ".join(str(one.rank) for one in row.repeats),
            "" if row.overlap is None else repr(row.overlap),
            repr(row.concentration),
            "" if row.annotation is None else row.annotation.label,
            "" if row.annotation is None else row.annotation.note,
            page.scope,
            row.text,
            *(repr(value) for value in row.layer_influences),
        ]
        for row in page.rows
    ]
    return csv_response(f"{page.run}-{page.sign}", [*header, *page.layers], rows)


def candidates_csv(page: CandidatePage) -> Response:
    """The candidates of a run in their own order, one a row, one column a layer."""
    header = ["place", "id", "influence", "nats_per_copy", "difference", "ratio", "text"]
    rows = [
        [
            row.place,
            row.id,
            repr(row.influence),
            "" if row.nats_per_copy is None else repr(row.nats_per_copy),
            repr(row.difference),
            "" if row.ratio is None else repr(row.ratio),
            row.text,
            *(repr(value) for value in row.layer_influences),
        ]
        for row in page.rows
    ]
    return csv_response(f"{page.run}-candidates", [*header, *page.layers], rows)


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
    repeat = arrow.struct(
        [("rank", whole), ("sequence_id", whole), ("document", text), ("influence", real), ("nats_per_copy", real)]
    )
    said = arrow.struct([("label", text), ("note", text), ("updated_at", arrow.timestamp("us", tz="UTC"))])
    kinds = {
        "rank": whole,
        "sequence_id": whole,
        "document": text,
        "others": whole,
        "kind": text,
        "influence": real,
        "nats_per_copy": real,
        "relative": real,
        "token_influences": arrow.list_(real),
        "layer_influences": arrow.list_(real),
        "text": text,
        "tokens": arrow.list_(text),
        "flags": arrow.list_(text),
        "duplicate_of": whole,
        "overlap": real,
        "concentration": real,
        "repeats": arrow.list_(repeat),
        "annotation": said,
    }
    return arrow.schema(list(kinds.items()))


def sequence_csv(detail: InfluenceDetail) -> Response:
    """A sequence's grid: one token a row with the next one, its influence, and one column a layer."""
    header = ["position", "token_id", "token", "next_token", "influence", *detail.layers]
    following = [*detail.tokens[1:], ""]
    rows = [
        [place, detail.token_ids[place], token, following[place], *(repr(value) for value in (total, *cells))]
        for place, (token, total, *cells) in enumerate(
            zip(detail.tokens, detail.token_influences, *detail.matrix, strict=True)
        )
    ]
    return csv_response(f"{detail.run}-sequence-{detail.sequence_id}", header, rows)


def comparison_csv(comparison: Comparison) -> Response:
    """The joined sequences of a comparison: rank, influence, and nats per added copy if N is known, of each run."""
    columns = ("rank", "influence", "nats_per_copy", "relative")
    names = [f"{name} {run.run}" for run in comparison.runs for name in columns]
    rows = []
    for sequence in comparison.sequences:
        places: list[object] = []
        lists = (sequence.ranks, sequence.influences, sequence.nats_per_copy, sequence.relative)
        for found in zip(*lists, strict=True):
            places += ["" if value is None else repr(value) for value in found]
        rows.append([sequence.sequence_id, sequence.document, sequence.kind or "", *places, sequence.text])
    return csv_response("comparison", ["sequence_id", "document", "kind", *names, "text"], rows)


def batch_csv(batch: BatchView, top: int) -> Response:
    """A batch, one row a query and model: log p, and its `top` heaviest positive sequences."""
    header = ["line", "query", "title", "prompt", "completion", "run", "model", "damping", "rank", "state", "log_p"]
    header += [
        f"{name} {rank}" for rank in range(1, top + 1) for name in ("document", "influence", "nats_per_copy", "text")
    ]
    rows = [
        [
            query.line,
            query.id,
            query.title or "",
            query.prompt,
            query.completion,
            run.id,
            run.model,
            repr(run.settings.damping),
            "" if run.settings.rank is None else run.settings.rank,
            run.state,
            "" if run.log_p is None else repr(run.log_p),
            *(cell for one in run.top for cell in _top_cells(one)),
        ]
        for query in batch.rows
        for run in query.runs
    ]
    return csv_response(f"batch-{batch.id}", header, rows)


def _top_cells(one: BatchTop) -> list[object]:
    per_copy = "" if one.nats_per_copy is None else repr(one.nats_per_copy)
    return [one.document, repr(one.influence), per_copy, one.text]
