"""Whether rankings find the documents that state a fact: planted facts, and facts that nothing was chosen on."""

from typing import Any

from app.services.shapes import Study, StudyChart, StudySeries, StudyTable
from app.services.studies.files import results, source

PLANTED, HELD_OUT = "planted-facts.json", "held-out-facts.json"
BM25 = "bm25 (whole words)"
MODELS = ("small", "medium", "large")
METHODS = {"ekfac": "EK-FAC", "gradient cosine": "gradient cosine", "gradient dot product": "gradient dot product"}
GROUPS = ("forward", "morphology", "paraphrase", "alias", "other_language")
FIGURE = "recall_at_10"


def planted() -> Study:
    """Recall of the documents known to state a fact, by EK-FAC, plainer gradients and BM25."""
    data = results(PLANTED)
    ours = {model: data[model]["ekfac"]["forward"][FIGURE] for model in MODELS}
    plain = {model: data[model]["gradient dot product"]["forward"][FIGURE] for model in MODELS}
    words = data[BM25]["forward"][FIGURE]
    told = "; ".join(f"{model} {ours[model]:.2f} against {plain[model]:.2f}" for model in MODELS)
    return Study(
        name="planted-facts",
        title="Planted facts",
        question="Are the heaviest sequences those that state the fact that was asked about?",
        paper="In a test by keyword (appendix D.1) 36 of the 50 heaviest by EK-FAC held the word, against 10 of the "
        "gradient dot product's. Others found since that a word search often finds the stating passage better still, "
        "while influence finds what moves the model.",
        found="Of the documents known to state a fact, the share among the ten heaviest, EK-FAC against the plain "
        "gradient "
        f"dot product: {told}; BM25 {words:.2f}. BM25 ranks the fact's own wording first, and finds none of the facts "
        "that "
        "are told in other words.",
        verdict="agrees" if all(ours[model] > plain[model] for model in MODELS) else "agrees in part",
        notes=[
            f"{data[BM25]['forward']['queries']} facts asked as they are stated, and four groups of ten that are told "
            "otherwise: with other word forms, in other words, under an alias, in another language.",
            "The four hard groups defeat a word search by construction. Where the large model stops training was "
            "chosen "
            "on the first group; the study of held-out facts uses facts that nothing was chosen on.",
        ],
        charts=[_chart(data)],
        tables=[_table(data)],
        sources=[source(PLANTED)],
    )


def _chart(data: dict[str, Any]) -> StudyChart:
    rows = [(model, group) for model in MODELS for group in GROUPS]
    ours = [
        StudySeries(name=title, values=[data[model][method][group][FIGURE] for model, group in rows])
        for method, title in METHODS.items()
    ]
    words = StudySeries(name="BM25", values=[data[BM25][group][FIGURE] for _, group in rows])
    return StudyChart(
        name="recall",
        title="Share of the documents that state a fact among the ten heaviest",
        unit="recall@10",
        labels=[group.replace("_", " ") for _, group in rows],
        sections=[model for model, _ in rows],
        series=[*ours, words],
    )


def _table(data: dict[str, Any]) -> StudyTable:
    rows: list[list[str | float | int | None]] = [
        [f"{model}, {title}", *(data[model][method]["forward"][name] for name in ("any_at_10", FIGURE, "mrr"))]
        for model in MODELS
        for method, title in METHODS.items()
    ]
    rows.append(["BM25", *(data[BM25]["forward"][name] for name in ("any_at_10", FIGURE, "mrr"))])
    columns = ["model, method", "any in the first ten", "recall@10", "mean reciprocal rank"]
    return StudyTable(title="Facts asked as they are stated", columns=columns, rows=rows)


def held_out() -> Study:
    """The same for a hundred facts that no choice was made on, beside the planted ones."""
    data = results(HELD_OUT)
    told = "; ".join(
        f"{model} {data[model]['held out'][FIGURE]:.2f} against {data[model]['planted'][FIGURE]:.2f}"
        for model in MODELS
    )
    return Study(
        name="held-out-facts",
        title="Held-out facts",
        question="Does what was found on the planted facts hold for facts that nothing was chosen on?",
        paper="The paper has no such control: its queries are shown one by one.",
        found=f"Recall in the first ten on the held-out facts against the planted ones: {told}.",
        verdict="not in the paper",
        notes=[
            f"{data['small']['held out']['queries']} other facts of the same almanac, asked as they are stated.",
            "Greedy recall is the share of facts whose completion the model itself writes.",
        ],
        charts=[_held_out_chart(data)],
        tables=[_held_out_table(data)],
        sources=[source(HELD_OUT)],
    )


def _held_out_chart(data: dict[str, Any]) -> StudyChart:
    rows = [*MODELS, BM25]
    return StudyChart(
        name="held-out",
        title="Share of the documents that state a fact among the ten heaviest",
        unit="recall@10",
        labels=[*MODELS, "BM25"],
        series=[
            StudySeries(name=f"{group} facts", values=[data[model][group][FIGURE] for model in rows])
            for group in ("held out", "planted")
        ],
    )


def _held_out_table(data: dict[str, Any]) -> StudyTable:
    names = ("queries", "any_at_10", FIGURE, "mrr", "greedy recall", "mean log p")
    rows: list[list[str | float | int | None]] = [
        [f"{model}, {group}", *(data[model][group].get(name) for name in names)]
        for model in MODELS
        for group in ("held out", "planted")
    ]
    columns = ["model, facts", "facts", "any in the first ten", "recall@10", "mean reciprocal rank"]
    return StudyTable(
        title="Every figure", columns=[*columns, "greedy recall", "mean log p of the completion, nats"], rows=rows
    )
