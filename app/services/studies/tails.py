"""How influence is spread over sequences: its sparsity and its tail (paper, section 5.2)."""

from statistics import median
from typing import Any

from app.services.shapes import Study, StudyChart, StudySeries, StudyTable
from app.services.studies.files import results, source

FILE = "tails.json"
SHARE = "share of the top 1 %"
# Clauset, Shalizi and Newman 2009: at this p a power law is ruled out.
RULED_OUT = 0.1
# What the paper reports of its 22-billion-parameter model (figure 9).
PAPER = (0.12, 0.52)


def sparsity() -> Study:
    """What share of all influence the heaviest hundredth of the sequences holds."""
    models = results(FILE)["models"]
    shares = {name: [one["positive"][SHARE] for one in queries.values()] for name, queries in models.items()}
    inside = [share for values in shares.values() for share in values if PAPER[0] <= share <= PAPER[1]]
    every = [share for values in shares.values() for share in values]
    told = "; ".join(
        f"{name} {min(values):.0%} to {max(values):.0%} (median {median(values):.0%})"
        for name, values in shares.items()
    )
    return Study(
        name="sparsity",
        title="Sparsity",
        question="Do a few training sequences make a model say something, or very many a little each?",
        paper="On a model of 22 billion parameters the heaviest 1 % of the sequences hold 12 % to 52 % of all positive "
        "influence, by query: influence is concentrated, and far from only a handful.",
        found=f"Of all positive influence the heaviest 1 % hold: {told}.",
        verdict=_verdict(len(inside), len(every)),
        notes=[
            f"The {len(next(iter(models.values())))} curated queries of the gallery, each against all "
            f"{results(FILE)['sequences']:,} sequences of the demo corpus. A hundredth of them are about "
            f"{round(results(FILE)['sequences'] / 100)} sequences; the paper scanned millions.",
            f"It agrees where the share lies between 12 % and 52 %: {len(inside)} of {len(every)} answers.",
        ],
        charts=[_shares(models)],
        sources=[source(FILE)],
    )


def _verdict(agreeing: int, of: int) -> Any:
    return "agrees" if agreeing >= 0.9 * of else "agrees in part" if agreeing >= 0.25 * of else "differs"


def _shares(models: dict[str, Any]) -> StudyChart:
    queries = list(next(iter(models.values())))
    return StudyChart(
        name="top-percent",
        title="Share of all positive influence that the heaviest 1 % of the sequences hold",
        unit="share",
        labels=[_told(name) for name in queries],
        series=[
            StudySeries(name=model, values=[answers[name]["positive"][SHARE] for name in queries])
            for model, answers in models.items()
        ],
        note="The paper reports .12 to .52 for its queries.",
    )


def power_law() -> Study:
    """Whether the tail of influence is a power law."""
    models = results(FILE)["models"]
    fits = {name: [one["positive"]["power law"] for one in queries.values()] for name, queries in models.items()}
    out = {name: sum(fit["p"] < RULED_OUT for fit in found) for name, found in fits.items()}
    total = sum(len(found) for found in fits.values())
    alphas = "; ".join(
        f"{name} {min(fit['alpha'] for fit in found):.2f} to {max(fit['alpha'] for fit in found):.2f}, "
        f"ruled out for {out[name]} of {len(found)}"
        for name, found in fits.items()
    )
    return Study(
        name="power-law",
        title="The tail of influence",
        question="Is the heaviest influence distributed as a power law?",
        paper="For most of eight queries a power law fits the 500 heaviest of some five million sequences best of "
        "seven "
        "families, with exponents from 1.99 to 4.34; the bootstrap rejects it for two of the eight.",
        found=f"Exponents of the positive tail: {alphas}.",
        verdict=_verdict(total - sum(out.values()), total),
        notes=[
            "Fitted by maximum likelihood, beginning where the tail lies nearest to a power law (at least 50 and at "
            "most "
            "half of the sequences of that sign). p is the share of 500 samples drawn from the fit that lie further "
            "from "
            f"theirs (Clauset, Shalizi and Newman 2009); below {RULED_OUT} the power law is ruled out.",
            "Not ruled out does not mean true: with a few hundred sequences other heavy tails are not told apart.",
        ],
        charts=[_alphas(models)],
        tables=[_fits(models)],
        sources=[source(FILE)],
    )


def _alphas(models: dict[str, Any]) -> StudyChart:
    queries = list(next(iter(models.values())))
    return StudyChart(
        name="exponents",
        title="Exponent of the positive tail",
        unit="alpha",
        labels=[_told(name) for name in queries],
        series=[
            StudySeries(name=model, values=[answers[name]["positive"]["power law"]["alpha"] for name in queries])
            for model, answers in models.items()
        ],
        note="The paper's exponents run from 1.99 to 4.34.",
    )


def _fits(models: dict[str, Any]) -> StudyTable:
    rows: list[list[str | float | int | None]] = [
        [f"{_told(query)}, {model}", fit["alpha"], fit["sequences"], fit["distance"], fit["p"]]
        for model, answers in models.items()
        for query, one in answers.items()
        for fit in [one["positive"]["power law"]]
    ]
    columns = ["query, model", "alpha", "sequences in the tail", "KS distance", "p"]
    return StudyTable(title="Every fit of the positive tails", columns=columns, rows=rows)


def _told(name: str) -> str:
    """The name of a gallery query as a reader reads it."""
    return name.replace("-", " ").capitalize()
