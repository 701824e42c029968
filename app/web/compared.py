"""A comparison as its page shows it: what its columns are called, and what could stand in their places."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.services import units
from app.services.shapes import Asked, ComparedRun, Comparison, QueryView
from app.services.sides import Side, Sides
from app.web import words
from app.web.context import Ask, SideGroup, SideOption, SideView
from app.web.filled import asked_again
from app.web.views import address, query_path

LONGEST = 60
MOST_COLUMNS = 4


def question_of(run: Asked) -> str:
    """What is asked, on a line."""
    text = " ".join(f"{run.prompt}{words.between(run)}{run.completion}".split())
    against = "" if run.against is None else f" rather than {run.against}"
    return text + against


def _by_question(runs: Sequence[Asked]) -> list[list[int]]:
    """The places of the runs that answer each question, in the order of the first."""
    found: dict[str, list[int]] = {}
    for place, run in enumerate(runs):
        found.setdefault(run.model_dump_json(include=set(Asked.model_fields)), []).append(place)
    return list(found.values())


def asks(runs: Sequence[ComparedRun]) -> tuple[Ask, ...]:
    """The questions of the runs in the order of their columns."""
    return tuple(Ask(runs[places[0]], tuple(map(letter, places))) for places in _by_question(runs))


def same_question(runs: Sequence[Asked]) -> bool:
    """Whether all runs measure the same."""
    return len(_by_question(runs)) == 1


def names(runs: Sequence[ComparedRun]) -> tuple[str, ...]:
    """What tells the columns apart: model, settings and scope where they differ; letters where questions do."""
    settings, scopes = {run.settings for run in runs}, {run.scope for run in runs}
    lettered = not same_question(runs)
    found = []
    for place, run in enumerate(runs):
        parts = [run.model]
        parts += [run.settings.label or "usual settings"] if len(settings) > 1 else []
        parts += [words.scope(run.scope)] if len(scopes) > 1 else []
        name = ", ".join(parts)
        found.append(f"{letter(place)} · {name}" if lettered or _shared(runs, run) else name)
    return tuple(found)


def _shared(runs: Sequence[ComparedRun], run: ComparedRun) -> bool:
    """Whether another run would have the same name."""
    alike = [one for one in runs if (one.model, one.settings, one.scope) == (run.model, run.settings, run.scope)]
    return len(alike) > 1


def letter(place: int) -> str:
    """A column's letter."""
    return "ABCD"[place]


@dataclass(frozen=True)
class Frame:
    """The runs of a comparison and the rest of its address."""

    runs: tuple[str, ...]
    state: dict[str, str | int | None]

    def url(self, **changed: str | int | None) -> str:
        """This comparison's address with some of it changed."""
        return address("/compare", **{"runs": ",".join(self.runs), **self.state, **changed})

    def without(self, run: str) -> str | None:
        """The comparison without a run; None where only one would be left."""
        left = [one for one in self.runs if one != run]
        return self.url(runs=",".join(left), at=None, pair=None) if len(left) > 1 else None


def side_views(
    found: Comparison, could: dict[str, Sides], frame: Frame, asked: dict[str, QueryView]
) -> tuple[SideView, ...]:
    """What stands in each column and what could (`could`, by run) instead; `asked` has the query of each run."""
    taken = {run.run for run in found.runs}
    return tuple(
        SideView(
            run=run,
            name=name,
            short=letter(place) if name.startswith(f"{letter(place)} · ") else name,
            unit=units.unit(run.training_sequences),
            url=address(query_path(run.query), model=run.model, run=run.run, sign=found.sign),
            again=_again(asked[run.query], run),
            options=_groups(run, could[run.run], taken - {run.run}),
            without=frame.without(run.run),
        )
        for place, (run, name) in enumerate(zip(found.runs, names(found.runs), strict=True))
    )


def _again(query: QueryView, run: ComparedRun) -> str:
    """The form that asks a run's question of its model once more, its damping to be changed."""
    mine = [one for one in query.runs if one.id == run.run]
    return f"{asked_again(query.model_copy(update={'runs': mine}), mine[0])}#damping"


def beside(runs: Sequence[ComparedRun], could: dict[str, Sides]) -> tuple[SideGroup, ...]:
    """What could stand beside the runs; nothing where there are four."""
    first, taken = runs[0], {one.run for one in runs}
    return _groups(first, could[first.run], taken) if len(runs) < MOST_COLUMNS else ()


def _groups(run: ComparedRun, found: Sides, taken: set[str]) -> tuple[SideGroup, ...]:
    """The choices of a column, without those that are taken."""
    groups = (("This question", found.same_question, False), (f"Asked of {run.model}", found.same_model, True))
    made = (SideGroup(name, _options(listed, run, taken, asks=asks)) for name, listed, asks in groups)
    return tuple(group for group in made if group.options)


def _options(listed: Sequence[Side], run: ComparedRun, taken: set[str], *, asks: bool) -> tuple[SideOption, ...]:
    free = (one for one in listed if one.run not in taken)
    return tuple(SideOption(one.run, _named(one, run, asks=asks), one.run == run.run) for one in free)


def _named(one: Side, run: ComparedRun, *, asks: bool) -> str:
    text = question_of(one.asked) if asks else one.model
    text = text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
    text += f" · {one.settings.label}" if one.settings.label else ""
    text += f" · {words.scope(one.scope)}" if one.scope not in ("everything", run.scope) else ""
    return text + (f" · log p {words.plain(one.log_p)}" if one.log_p is not None and not asks else "")
