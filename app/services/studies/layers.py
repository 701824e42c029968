"""Over which layers influence is spread (paper, section 5.3)."""

from statistics import mean
from typing import Any

from app.services.shapes import Study, StudyChart, StudySeries
from app.services.studies.files import results, source

FILE = "layers.json"
# A third of the depth holds "about a third" within this much.
EVEN = 0.1


def layers() -> Study:
    """The share of each third of the network, by kind of query and model."""
    data = results(FILE)
    means = {name: _mean(list(one["queries"].values())) for name, one in data["models"].items()}
    even = [name for name, shares in means.items() if all(abs(share - 1 / 3) <= EVEN for share in shares.values())]
    told = "; ".join(
        f"{name} " + " / ".join(f"{share:.2f}" for share in shares.values()) for name, shares in means.items()
    )
    return Study(
        name="layers",
        title="Layers",
        question="Where in the network does influence come from?",
        paper="Averaged over 50 queries it is spread almost evenly over the network. By kind it is not: facts and "
        "quotes "
        "draw on the upper layers; mathematics, code and translation on the middle ones; role-play on the middle and "
        "both "
        "ends. The smallest model shows no such pattern for code.",
        found=f"Mean share of the early, middle and late third of the layers: {told}.",
        verdict="agrees" if len(even) == len(means) else "agrees in part" if even else "differs",
        notes=[
            f"Positive influence of the {data['heaviest of each query']} heaviest sequences of each of "
            f"{len(next(iter(data['models'].values()))['queries'])} gallery queries, summed by layer. "
            f"The models have {_depths(data)} layers; a layer that lies in two thirds counts in both by its parts.",
            f"“Almost even” is counted as met where each third holds 33 % give or take {EVEN:.0%} on average. With "
            "four to "
            "eight layers and tiny models little of the paper's division of labour is to be expected.",
        ],
        charts=[_chart(data)],
        sources=[source(FILE)],
    )


def _depths(data: dict[str, Any]) -> str:
    return ", ".join(str(one["layers"]) for one in data["models"].values())


def _mean(queries: list[dict[str, Any]]) -> dict[str, float]:
    return {third: mean(one["thirds"][third] for one in queries) for third in queries[0]["thirds"]}


def _chart(data: dict[str, Any]) -> StudyChart:
    """A label for each model and kind, a series for each third."""
    labels, sections, rows = [], [], []
    for model, found in data["models"].items():
        kinds: dict[str, list[dict[str, Any]]] = {"all": []}
        for one in found["queries"].values():
            kinds.setdefault(one["kind"], []).append(one)
            kinds["all"].append(one)
        for kind, queries in kinds.items():
            labels.append(f"{kind} ({len(queries)})")
            sections.append(model)
            rows.append(_mean(queries))
    return StudyChart(
        name="thirds",
        title="Share of influence in each third of the layers, by model and kind of query",
        unit="share",
        labels=labels,
        sections=sections,
        series=[StudySeries(name=third, values=[row[third] for row in rows]) for third in rows[0]],
        reference=1 / 3,
        note="In brackets how many queries; the line marks a third.",
    )
