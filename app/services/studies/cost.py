"""What influence costs: the engine beside plain passes over the data, and beside kronfluence."""

from typing import Any

from app.services.shapes import Study, StudyChart, StudySeries, StudySource, StudyTable
from app.services.studies.files import results

ENGINE, CHOICES = "engine.json", "cost-model.json"
FLOOR = "x the floor"


def cost() -> Study:
    """Every measured row of the engine's benchmark."""
    data, choices = results(ENGINE), results(CHOICES)
    rows = [row for group in data.values() for row in group["rows"]]
    timed = [row for row in rows if row["unit"].startswith("x the floor")]
    both = [row for row in timed if row.get("kronfluence") is not None]
    scan = next(row for row in timed if row["work"].startswith("scan, 64 queries"))
    missed = [row for row in rows if row.get("reached") is False]
    return Study(
        name="cost",
        title="Cost",
        question="What does it take to score every sequence?",
        paper="For ten measurements EK-FAC takes at least ten times less than LiSSA, its fitting included (figure 7). "
        "Query batching lets hundreds of queries share one pass over the data.",
        found=f"A pass over the corpus for 64 queries takes {scan['value']:.2f} times what one plain forward and "
        "backward "
        f"pass takes. Where kronfluence 1.0.1 does the same work it takes more in {_more(both)} of {len(both)} rows.",
        verdict="agrees in part",
        notes=[
            "The floor is forward plus backward to the activations only, weights frozen, in plain PyTorch, on the same "
            "batches. LiSSA was not run here: the comparison is with another EK-FAC.",
            f"Of several ways to the same score the engine picks the fastest in {choices['picked the fastest']:.0%} of "
            f"{choices['shapes']} shapes, and loses {choices['time lost by its picks']['mean']:.1%} of the time on "
            "average.",
            f"{len(missed)} of {sum(row.get('goal') is not None for row in rows)} goals were missed; the table says "
            "which.",
        ],
        charts=[_chart(timed)],
        tables=[_table(rows)],
        sources=[
            StudySource(file=ENGINE, command="make bench", made=next(iter(data.values()))["made"]),
            StudySource(file=CHOICES, command=choices["command"], made=choices["made"]),
        ],
    )


def _more(both: list[dict[str, Any]]) -> int:
    return sum(row["kronfluence"] > row["value"] for row in both)


def _chart(timed: list[dict[str, Any]]) -> StudyChart:
    return StudyChart(
        name="over-the-floor",
        title="Time over that of the floor",
        unit="times the floor",
        labels=[row["work"] for row in timed],
        series=[
            StudySeries(name="here", values=[row["value"] for row in timed]),
            StudySeries(name="kronfluence", values=[row.get("kronfluence") for row in timed]),
        ],
        reference=1.0,
        note="The line marks the floor itself. Query preparation is held against the floor of one sequence.",
    )


def _table(rows: list[dict[str, Any]]) -> StudyTable:
    told: list[list[str | float | int | None]] = [
        [row["work"], f"{row['value']:.3g} {row['unit']}", row.get("kronfluence"), row.get("goal"), _reached(row)]
        for row in rows
    ]
    return StudyTable(title="Every row", columns=["work", "measured", "kronfluence", "goal", "reached"], rows=told)


def _reached(row: dict[str, Any]) -> str | None:
    if row.get("reached") is None:
        return None
    return "yes" if row["reached"] else "no"
