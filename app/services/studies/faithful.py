"""How well influence foretells what a model does: the proximal Bregman objective, and one small step."""

from typing import Any

from app.services.shapes import Study, StudyChart, StudyPoints, StudyScatter, StudySeries, StudyTable
from app.services.studies.files import results, source

PBRF, STEP = "pbrf.json", "one-step.json"
METHODS = {"ekfac": "EK-FAC", "kfac": "K-FAC", "gradient dot product": "gradient dot product"}
SETS = ("fifty sequences", "all sequences")
MODEL = "medium"


def pbrf() -> Study:
    """Predicted against measured change at the minimum of the proximal Bregman objective."""
    data = results(PBRF)
    means = {method: data["fifty sequences"][method]["mean over queries"]["pearson"] for method in METHODS}
    slopes = sorted(data["measured over predicted by EK-FAC (slope through zero)"].values())
    better = means["ekfac"] > means["gradient dot product"]
    return Study(
        name="pbrf",
        title="Predicted and measured change",
        question="Does the model really change as influence says it would?",
        paper="Against the minimum of the proximal Bregman objective (figure 6, appendix C) EK-FAC agrees about as "
        "well as "
        "LiSSA and better than the gradient dot product, on regression, image and language models.",
        found=f"Correlation of predicted and measured change, mean of {len(data['solves'])} queries: EK-FAC "
        f"{means['ekfac']:.2f}, K-FAC {means['kfac']:.2f}, gradient dot product {means['gradient dot product']:.2f}. "
        f"Sizes are overstated: what is measured is {slopes[0]:.2f} to {slopes[-1]:.2f} of what is predicted, so read "
        "ranks rather than nats.",
        verdict="agrees in part" if better else "differs",
        notes=[
            data["what"],
            f"Damping: {data['damping']}.",
            "The heaviest sequences are foretold well and the order of light ones hardly: over all "
            f"sequences EK-FAC's correlation is {data['all sequences']['ekfac']['mean over queries']['pearson']:.2f}, "
            "its "
            f"rank correlation {data['all sequences']['ekfac']['mean over queries']['spearman']:.2f}.",
            "The solves begin at EK-FAC's answer and stop at a residual of 0.2, which leans towards EK-FAC; and the "
            "corrected eigenvalues do no better than K-FAC's here.",
        ],
        charts=[_chart(data)],
        scatters=[predicted_and_measured(data)],
        tables=[_table(data)],
        sources=[source(PBRF)],
    )


def predicted_and_measured(data: dict[str, Any]) -> StudyScatter:
    """Each of the fifty sequences for each query."""
    queries = [one["query"] for one in data["solves"]]
    series = [
        StudyPoints(
            name=query.replace("-", " "),
            x=[row["ekfac"][place] for row in data["rows"]],
            y=[row["measured"][place] for row in data["rows"]],
            labels=[f"sequence {row['sequence']}" for row in data["rows"]],
        )
        for place, query in enumerate(queries)
    ]
    return StudyScatter(
        name="predicted-measured",
        title="Predicted and measured change of log p, fifty sequences, five queries",
        x="predicted by EK-FAC, nats times 100",
        y="measured, nats times 100",
        series=series,
        note="On the diagonal what is predicted is what is measured.",
    )


def _chart(data: dict[str, Any]) -> StudyChart:
    queries = [one["query"] for one in data["solves"]]
    return StudyChart(
        name="correlation",
        title="Correlation (Pearson) of predicted with measured change, fifty sequences",
        unit="Pearson",
        labels=[query.replace("-", " ") for query in queries],
        series=[
            StudySeries(
                name=title,
                values=[data["fifty sequences"][method]["by query"][query]["pearson"] for query in queries],
            )
            for method, title in METHODS.items()
        ],
        reference=1.0,
    )


def _table(data: dict[str, Any]) -> StudyTable:
    rows: list[list[str | float | int | None]] = [
        [title, *(data[which][method]["mean over queries"][name] for which in SETS for name in ("pearson", "spearman"))]
        for method, title in METHODS.items()
    ]
    columns = ["method", "Pearson, fifty", "Spearman, fifty", "Pearson, all", "Spearman, all"]
    return StudyTable(title="Means over the queries", columns=columns, rows=rows)


def one_step() -> Study:
    """Whether one small gradient step on a sequence raises or lowers log p as its sign says."""
    data = results(STEP)
    totals = data["totals"]
    rose, fell = totals["positive"]["rose"], totals["negative"]["of"] - totals["negative"]["rose"]
    right = rose + fell
    of = totals["positive"]["of"] + totals["negative"]["of"]
    return Study(
        name="one-step",
        title="One small step",
        question="If the model learns a little from a sequence, does the completion get likelier as its sign says?",
        paper="The paper does not take such steps. Chang et al. 2024 do (“tail-patch”), to tell rankings apart.",
        found=f"log p rose for {rose} of {totals['positive']['of']} of the heaviest positive sequences, and fell for "
        f"{fell} "
        f"of {totals['negative']['of']} of the heaviest negative ones; of random ones it rose for "
        f"{totals['random']['rose']} of {totals['random']['of']}. The sign was right {right} times of {of}.",
        verdict="not in the paper",
        notes=[f"The step: {data['step']}. Model: {MODEL}; the ten heaviest of each sign of 20 gallery queries."],
        charts=[_step_chart(data)],
        sources=[source(STEP)],
    )


def _step_chart(data: dict[str, Any]) -> StudyChart:
    return StudyChart(
        name="rose",
        title="Share of sequences after which log p rose",
        unit="share",
        labels=[row["query"].replace("-", " ") for row in data["queries"]],
        series=[
            StudySeries(name=side, values=[row[side]["rose"] / row[side]["of"] for row in data["queries"]])
            for side in ("positive", "negative", "random")
        ],
        reference=0.5,
    )
