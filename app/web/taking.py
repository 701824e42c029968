"""What a page offers to take away: files with their sizes, citations, and lines that fetch the same again."""

import shlex
from urllib.parse import urlencode

from sqlalchemy.orm import Session

from app.services import file_sizes
from app.services.file_sizes import FileSizes
from app.services.shapes import InfluencePage, QueryView, RunDetail, Sign
from app.web import words
from app.web.citing import citation
from app.web.context import Citation, FileGroup, FileLink, TakeView
from app.web.views import address, query_path

State = dict[str, str | int | None]
# What a run's list is narrowed and ordered by.
LISTED = ("sort", "reverse", "find", "kind", "hide", "group")


def of_list(
    session: Session, server: str, query: QueryView, run: RunDetail, page: InfluencePage, number: int
) -> TakeView:
    """The panel of a page of a run's list; `number` is the page's."""
    state = _state(page)
    here = [row.rank for row in page.rows]
    layers = len(page.layers)
    what = "listed" if page.choice.narrows else "kept"
    whole_told = f"All {words.count(page.total)} {what}"
    shown = file_sizes.sizes(session, run.id, page.sign, layers, here)
    if page.total == len(here):
        groups = [_files(query, run, state, whole_told, shown)] if here else []
    else:
        groups = [_files(query, run, state, f"The {_rows(len(here))} on this page", shown, number)] if here else []
        ranks = None if page.choice.narrows else list(range(1, page.total + 1))
        whole = file_sizes.sizes(session, run.id, page.sign, layers, ranks)
        share = page.total / page.kept if page.choice.narrows and page.kept else 1.0
        groups.append(_files(query, run, state, whole_told, _scaled(whole, share)))
    return TakeView(tuple(groups), (citation(server, query, run),), *_list_lines(server, run, page, state))


def _rows(number: int) -> str:
    return "row" if number == 1 else f"{number} rows"


def _scaled(sizes: FileSizes, share: float) -> FileSizes:
    """Sizes of a part of the rows, taken to be like the rest."""
    return FileSizes(*(round(share * size) for size in (sizes.csv, sizes.jsonl, sizes.parquet)))


def _state(page: InfluencePage) -> State:
    chosen = page.choice
    state: State = {
        "sign": page.sign,
        "sort": None if chosen.sort == "influence" else chosen.sort,
        "reverse": "true" if chosen.reverse else None,
        "find": chosen.find or None,
        "kind": chosen.kind or None,
        "hide": chosen.hide,
        "group": chosen.group,
    }
    return state


def _files(
    query: QueryView, run: RunDetail, state: State, rows: str, sizes: FileSizes, page: int | None = None
) -> FileGroup:
    """The files of a page's rows, or of all."""
    path, chosen = query_path(query.id), {"run": run.id, **state, "page": page}
    return FileGroup(
        rows,
        (
            FileLink("CSV", address(f"{path}/influences.csv", **chosen), sizes.csv),
            FileLink("JSONL", address(f"{path}/influences.jsonl", **chosen), sizes.jsonl),
            FileLink("Parquet", address(f"{path}/influences.parquet", **chosen), sizes.parquet),
            FileLink("one HTML file", address(f"{path}/result.html", **chosen)),
        ),
    )


def _list_lines(server: str, run: RunDetail, page: InfluencePage, state: State) -> tuple[str, str]:
    kept = {name: value for name, value in state.items() if value is not None}
    url = f"{server}/api/v1/runs/{run.id}/influences?{urlencode({**kept, 'limit': 500})}"
    choices = {name: kept[name] for name in LISTED if name in kept}
    told = "".join(f", {name}={value!r}" for name, value in choices.items())
    python = _python(
        server,
        f"for row in client.runs.influences({run.id!r}, {page.sign!r}{told}):",
        "    print(row.rank, row.nats_per_copy, row.document)",
    )
    return f"curl -s {shlex.quote(url)}", python


def _python(server: str, *lines: str) -> str:
    body = "\n".join(f"    {line}" for line in lines)
    return f"from app.client import Client\n\nwith Client({server!r}) as client:\n{body}"


def of_run(server: str, query: QueryView, run: RunDetail) -> TakeView:
    """The panel of the other views of a run."""
    url = f"{server}/api/v1/runs/{run.id}"
    python = _python(server, f"run = client.runs.get({run.id!r})", "print(run.provenance.command)")
    cited: tuple[Citation, ...] = (citation(server, query, run),) if run.state == "done" else ()
    files = (FileLink("JSON", f"/api/v1/runs/{run.id}"),)
    return TakeView((FileGroup("This run", files),), cited, f"curl -s {shlex.quote(url)}", python)


def of_sequence(server: str, query: QueryView, run: RunDetail, sequence_id: int) -> TakeView:
    """The panel of a sequence."""
    path = f"{query_path(query.id)}/sequences/{sequence_id}"
    files = (
        FileLink("CSV of the grid", address(f"{path}.csv", run=run.id)),
        FileLink("JSON", address(f"{path}.json", run=run.id)),
        FileLink("one HTML file", address(f"{path}.html", run=run.id)),
    )
    url = f"{server}/api/v1/runs/{run.id}/influences/{sequence_id}"
    python = _python(
        server, f"row = client.runs.influence({run.id!r}, {sequence_id})", "print(row.tokens, row.token_influences)"
    )
    cited = (citation(server, query, run),)
    return TakeView((FileGroup("This sequence", files),), cited, f"curl -s {shlex.quote(url)}", python)


def of_comparison(server: str, runs: list[tuple[QueryView, RunDetail]], sign: Sign, csv: str, json: str) -> TakeView:
    """The panel of a comparison; `csv` and `json` are the addresses of its joined lists."""
    ids = [run.id for _, run in runs]
    python = _python(server, f"found = client.runs.compare({ids!r}, {sign!r})", "print(found.agreements)")
    files = (FileLink("CSV", csv), FileLink("JSON", json))
    cited = tuple(citation(server, query, run) for query, run in runs)
    return TakeView((FileGroup("The joined lists", files),), cited, f"curl -s {shlex.quote(server + json)}", python)
