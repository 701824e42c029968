"""What is lost where not every sequence is scored: the gradient index, and the lexical prefilter."""

from typing import Any

from app.services.shapes import Study, StudyChart, StudySeries
from app.services.studies.files import results, source

INDEX, LEXICAL = "index-recall.json", "lexical-coverage.json"
MODELS = ("small", "medium", "large")
DEFAULT = "1.9 bytes, 2 bits"
SECOND = "2 bytes, 2 bits"
PARTS = ("best 50", "best 200", "best 1,000")


def index_recall() -> Study:
    """The share of the exact top ten that is among the first fifty that an index names."""
    data = results(INDEX)
    told = "; ".join(f"{model} {default(data, model)['recall']:.3f}" for model in MODELS)
    return Study(
        name="index-recall",
        title="Recall of the gradient index",
        question="How much of the exact top ten does an index of compressed gradients find?",
        paper="The paper has no index: it scans up to ten million sequences, or the 10,000 best by TF-IDF.",
        found=f"Share of the exact top ten among the first fifty that the index names, as it is made by default: "
        f"{told}. "
        "Whatever it names is then scored exactly.",
        verdict="not in the paper",
        notes=[
            f"{data['small']['queries']} queries a model. Few bits for more components beat many bits for few. The "
            "small "
            "model was measured with 2 bytes in the default's place.",
            "An index made here is measured on this installation's own curated queries: the model's page shows it.",
        ],
        charts=[_index_chart(data)],
        sources=[source(INDEX)],
    )


def default(data: dict[str, Any], model: str) -> dict[str, Any]:
    """What was measured of an index of the model as it is made by default, or as near to it as was measured."""
    kept: dict[str, dict[str, Any]] = data[model]["recall"]
    return kept.get(DEFAULT) or kept[SECOND]


def _index_chart(data: dict[str, Any]) -> StudyChart:
    kept = list(dict.fromkeys(name for model in MODELS for name in data[model]["recall"]))
    return StudyChart(
        name="recall",
        title="Recall of the exact top ten, by what is kept of each sequence",
        unit="recall",
        labels=kept,
        series=[
            StudySeries(name=model, values=[data[model]["recall"].get(name, {}).get("recall") for name in kept])
            for model in MODELS
        ],
        note="Bytes are for each unit of width (the sum of inputs and outputs of the tracked matrices).",
    )


def lexical_coverage() -> Study:
    """The share of the exact heaviest that the lexical prefilter would have scored."""
    data = results(LEXICAL)
    groups = [name for name, value in data.items() if isinstance(value, dict)]
    every, alias = data["all queries"]["top 10"], data["planted, alias"]["top 10"]
    return Study(
        name="lexical-coverage",
        title="What the lexical prefilter misses",
        question="How much of the exact top ten shares enough words with the query to be found by a word search?",
        paper="The paper scores the 10,000 best by TF-IDF for most of its large runs, and says that influence without "
        "shared words is missed; how much is not told.",
        found=f"Of the exact top ten, {every['best 50']:.0%} are among the best 50 by TF-IDF and "
        f"{every['best 1,000']:.0%} "
        f"among the best 1,000 of {data['sequences']:,}; where the fact is told under an alias, "
        f"{alias['best 50']:.0%} and {alias['best 1,000']:.0%}.",
        verdict="agrees",
        notes=[
            "Medium model. What a scope missed is counted for a query of your own on its Run tab, once the same "
            "question "
            "has been asked of everything.",
        ],
        charts=[
            StudyChart(
                name="coverage",
                title="Share of the exact top ten among the best by TF-IDF",
                unit="share",
                labels=[f"{name} ({data[name]['queries']})" for name in groups],
                series=[
                    StudySeries(name=part, values=[data[name]["top 10"][part] for name in groups]) for part in PARTS
                ],
                note="In brackets how many queries.",
            )
        ],
        sources=[source(LEXICAL)],
    )
