"""The charts of a page as links to files, for browsers that run no scripts; others have buttons under each chart."""

from starlette.datastructures import URL

from app.web.context import ComparePage, DistributionView, FileLink, LayersTab

Named = dict[str, str]


def chart_links(page: URL, named: Named) -> tuple[FileLink, ...]:
    """A link to each chart of a page; `named` tells, by its name on the page, what a person calls it."""
    state = f"?{page.query}" if page.query else ""
    return tuple(FileLink(told, f"{page.path}/charts/{name}.svg{state}") for name, told in named.items())


def of_distribution(view: DistributionView) -> Named:
    """The charts of the Distribution tab that there is something to draw in."""
    there = {"histogram": view.histogram.slots, "tails": view.ccdf, "shares": view.shares}
    told = {"histogram": "all scores", "tails": "tails", "shares": "what the heaviest hold"}
    return {name: told[name] for name, found in there.items() if found}


def of_layers(view: LayersTab) -> Named:
    """The charts of the Layers tab."""
    return {f"layers-{one.view.sign}": f"{one.view.sign} by layer" for one in view.signs if one.view.sequences}


def of_comparison(page: ComparePage) -> Named:
    """The charts of the view of a comparison."""
    ranks = {"ranks": "what two of them keep"} if page.held else {}
    return ranks | {f"layers-{place}": f"layers of {one.side.name}" for place, one in enumerate(page.profiles, 1)}
