"""`influence corpus`: training documents of one's own, from files, folders and datasets."""

import json
from pathlib import Path
from typing import Annotated

import typer

from app.cli.connected import Server, connected
from app.cli.listing import AsJson, show
from app.cli.opened import opened
from app.services import catalog
from app.services.shapes import CorpusView, Reading, Sequencing, SourceFormat

corpora = typer.Typer(no_args_is_help=True, help="Training corpora: list, show, add, append.")

Source = Annotated[
    str,
    typer.Argument(
        help="a file (.jsonl, .csv, .tsv, .parquet, .txt; also .gz, .zst, .bz2), a folder of such files or of "
        "`save_to_disk`, or hub:NAME for a dataset of the Hugging Face hub"
    ),
]
Format = Annotated[SourceFormat | None, typer.Option("--format", help="when the name does not tell it")]
TextField = Annotated[str | None, typer.Option(help="the field that holds the text  [default: text]")]
IdField = Annotated[str | None, typer.Option(help="the field that names a document  [default: id]")]
KindField = Annotated[str | None, typer.Option(help="the field that says what kind of text it is  [default: kind]")]
SourceField = Annotated[str | None, typer.Option(help="the field that says where it is from  [default: source]")]
Metadata = Annotated[
    bool | None, typer.Option("--metadata/--no-metadata", help="keep all other fields  [default: metadata]")
]
Config = Annotated[str | None, typer.Option(help="a configuration of a hub dataset")]
Split = Annotated[str | None, typer.Option(help="a split of a dataset")]
Revision = Annotated[str | None, typer.Option(help="a branch, tag or commit of a hub dataset")]
Sequences = Annotated[
    Sequencing,
    typer.Option(
        help="documents: one sequence each, a long one cut in pieces; packed: documents one after another, cut into "
        "sequences of full length"
    ),
]


def add_to(cli: typer.Typer) -> None:
    """Put these commands on the command line."""
    cli.add_typer(corpora, name="corpus")


@corpora.command("list")
def list_corpora(as_json: AsJson = False, server: Server = None) -> None:
    """The corpora and their sizes."""
    with connected(server) as here:
        found = here.client.corpora()
    show(found, [_line(one) for one in found], as_json)


def _line(corpus: CorpusView) -> str:
    wrong = "" if corpus.error is None else f"  {corpus.error.problem} {corpus.error.remedy}"
    skipped = f"  {_many(corpus.skipped.count, 'row')} skipped" if corpus.skipped.count else ""
    more = f" and {len(corpus.parts) - 1} more" if len(corpus.parts) > 1 else ""
    documents = _many(corpus.documents, "document")
    return f"{corpus.name:<20}  {corpus.state:<9}  {documents}{skipped}  {corpus.source}{more}{wrong}"


@corpora.command("show")
def show_corpus(
    name: str,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
    server: Server = None,
) -> None:
    """One corpus: what it was made of, how it is read, and which rows were left out."""
    with connected(server) as here:
        found = here.client.corpus(name)
    if as_json:
        typer.echo(json.dumps(found.model_dump(mode="json"), ensure_ascii=False, indent=1))
        return
    typer.echo("\n".join([_line(found), *_details(found)]))


def _details(corpus: CorpusView) -> list[str]:
    how = "documents one after another" if corpus.reading.sequences == "packed" else "each document by itself"
    cut = f"{corpus.sequences:,} sequences, {corpus.tokens:,} tokens" if corpus.sequences else "not cut yet"
    repeated = "" if corpus.duplicates is None else f", {corpus.duplicates:,} repeat an earlier one"
    parts = [
        f"  part {number}: {_many(one.documents, 'document')} from {one.source}, {one.added_at:%Y-%m-%d %H:%M} UTC, "
        f"{_many(one.skipped, 'row')} skipped"
        for number, one in enumerate(corpus.parts, start=1)
    ]
    kinds = [f"  kind {kind}: {count:,}" for kind, count in corpus.kinds.items()]
    return [f"  {cut}{repeated}; {how}", *parts, *kinds, *_skipped(corpus)]


def _many(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _skipped(corpus: CorpusView) -> list[str]:
    """What was left out, by reason, and the first rows of it."""
    left = corpus.skipped
    counted = [f"  {_many(count, 'row')} skipped: {reason}" for reason, count in left.reasons.items()]
    first = [f"    {one.place}: {one.reason}" for one in left.first]
    more = [f"    and {left.count - len(left.first):,} more"] if left.count > len(left.first) > 0 else []
    return [*counted, *first, *more]


@corpora.command("add")
def add_corpus(
    name: str,
    source: Source,
    form: Format = None,
    text_field: TextField = None,
    id_field: IdField = None,
    kind_field: KindField = None,
    source_field: SourceField = None,
    metadata: Metadata = None,
    config: Config = None,
    split: Split = None,
    revision: Revision = None,
    sequences: Sequences = "documents",
) -> None:
    """Take in the documents of a source. Rows that give none are left out and told."""
    from app.worker.documents import take_in

    chosen = Reading(format=form, config=config, split=split, revision=revision, sequences=sequences)
    reading = chosen.model_copy(update=_fields(text_field, id_field, kind_field, source_field, metadata))
    with opened() as here:
        new = take_in(here.sessions, here.settings.home.resolve(), name, _resolved(source, form), reading)
        with here.sessions() as session:
            found = catalog.corpus(session, name)
    typer.echo(f"{name} is ready: {_many(found.documents, 'document')}." if new else f"{name} was there already.")
    for line in _skipped(found) if new else ():
        typer.echo(line)


@corpora.command("append")
def append(
    name: str,
    source: Source,
    form: Format = None,
    text_field: TextField = None,
    id_field: IdField = None,
    kind_field: KindField = None,
    source_field: SourceField = None,
    metadata: Metadata = None,
    config: Config = None,
    split: Split = None,
    revision: Revision = None,
) -> None:
    """Put the documents of a source behind those of a corpus. Fields are those it was added with, unless said.

    Nothing that is there changes: answers stay, and models keep their factors until `influence model refit`.
    """
    from app.worker.documents import append_corpus

    with opened() as here:
        with here.sessions() as session:
            known = catalog.corpus(session, name)
        update = {"format": form, "config": config, "split": split, "revision": revision}
        changed = {**update, **_fields(text_field, id_field, kind_field, source_field, metadata)}
        reading = known.reading.model_copy(update=changed)
        count = append_corpus(here.sessions, here.settings.home.resolve(), name, _resolved(source, form), reading)
        with here.sessions() as session:
            found = catalog.corpus(session, name)
    typer.echo(f"{name} has grown by {_many(count, 'document')} to {found.documents:,}.")
    left_out = found.parts[-1].skipped
    if left_out:
        typer.echo(f"  {_many(left_out, 'row')} skipped; `influence corpus show {name}` names the first of all.")


def _fields(
    text: str | None, identity: str | None, kind: str | None, source: str | None, metadata: bool | None
) -> dict[str, str | bool]:
    """The choices that were made; the others stay as they are."""
    given = {
        "text_field": text, "id_field": identity, "kind_field": kind, "source_field": source, "other_fields": metadata
    }  # fmt: skip
    return {name: value for name, value in given.items() if value is not None}


def _resolved(source: str, form: SourceFormat | None) -> str:
    """A place on this machine in full, for the corpus remembers it; the name of a dataset as it is."""
    return source if source.startswith("hub:") or form == "hub" else str(Path(source).expanduser().resolve())
