"""How a run is cited: everything that its numbers depend on, in plain words and for BibTeX."""

import re
from importlib.metadata import version

from app.services.shapes import Provenance, QueryView, RunDetail
from app.web import words
from app.web.context import Citation

LONGEST_TITLE = 160
# Characters that mean something to TeX.
ESCAPES = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}


def release() -> str:
    """The version of the product."""
    return version("influence-explorer")


def citation(server: str, query: QueryView, run: RunDetail) -> Citation:
    """The citation of a run that is done; `server` is the address of this installation."""
    made, address = run.provenance, f"{server}/queries/{query.id}?run={run.id}"
    told = "; ".join(_facts(made))
    when = made.finished_at or made.created_at
    title = f"Influence of training sequences on log p({_quoted(query.completion)} | {_quoted(query.prompt)})"
    plain = (
        f"Influence Explorer {release()} ({when.year}). {title} under {made.model}. "
        f"EK-FAC influence functions (Grosse et al. 2023), run {run.id} of {when:%Y-%m-%d}. {told}. {address}"
    )
    return Citation(plain, _bibtex(title, address, f"{told}", run, when.year, f"{when:%Y-%m-%d}"))


def _facts(made: Provenance) -> list[str]:
    known = made.training_sequences
    facts = [
        f"Model {made.model} (weights {_short(made.model_fingerprint)})",
        f"tokenizer {_short(made.tokenizer_fingerprint)}",
        f"corpus {made.corpus} ({_short(made.corpus_fingerprint)})",
        f"factors {_short(made.factors_fingerprint)}",
        f"damping {made.damping}",
        f"rank {made.rank}",
        f"scope {made.scope}, {words.count(made.sequences_scanned)} sequences scored",
        "N unknown, raw units" if known is None else f"N = {words.count(known)}, nats per added copy",
    ]
    return [*facts, *(f"{name} {number}" for name, number in made.versions.items() if name in ("torch", "python"))]


def _short(fingerprint: str | None) -> str:
    return fingerprint[:16] if fingerprint else "unknown"


def _quoted(text: str) -> str:
    line = " ".join(text.split())
    return f"“{line if len(line) <= LONGEST_TITLE else line[:LONGEST_TITLE].rstrip() + '…'}”"


def _bibtex(title: str, address: str, told: str, run: RunDetail, year: int, day: str) -> str:
    fields = {
        "title": f"{{{_tex(title)} under {_tex(run.model)}}}",
        "author": "{Influence Explorer}",
        "year": str(year),
        "version": release(),
        "howpublished": f"run {_tex(run.id)} of {day}",
        "url": address,
        "note": _tex(f"EK-FAC influence functions; {told}"),
    }
    lines = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items())
    return f"@misc{{influence-{re.sub(r'[^A-Za-z0-9-]', '-', run.id)},\n{lines}\n}}"


def _tex(text: str) -> str:
    return "".join(ESCAPES.get(letter, letter) for letter in text)
