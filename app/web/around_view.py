"""A sequence's neighbours in its documents and its places in other lists, as its page shows them."""

from collections.abc import Callable

from app.services import units
from app.services.shapes import DocumentPlace, KeptPlace, Neighbour, QueryView, Surroundings
from app.services.units import Unit
from app.web.context import ElsewhereRow, NeighbourView, PlaceView, SurroundingsView
from app.web.views import document_url, sequence_url

# Characters of a neighbour that are shown.
NEAREST = 360


def around_view(query: QueryView, found: Surroundings, unit: Unit, link: Callable[[int], str]) -> SurroundingsView:
    """What stands around a sequence; `link` is the page of a sequence of the same run."""

    def beside(one: Neighbour | None, *, before: bool) -> NeighbourView | None:
        if one is None:
            return None
        value = None if one.influence is None else unit.of(one.influence)
        text = None if one.text is None else nearest(one.text, before=before)
        return NeighbourView(one, text, link(one.sequence_id) if one.kept else None, value)

    def placed(one: DocumentPlace) -> PlaceView:
        return PlaceView(
            document=one.document,
            url=document_url(query.corpus, one.document),
            pieces=one.pieces,
            place=one.place,
            previous=beside(one.previous, before=True),
            next=beside(one.next, before=False),
        )

    return SurroundingsView(
        places=() if query.candidates else tuple(placed(one) for one in found.documents),
        left_out=found.left_out,
        elsewhere=tuple(elsewhere_row(place) for place in found.elsewhere),
    )


def nearest(text: str, *, before: bool) -> str:
    """Of a neighbour's text the end, or of one that comes after the beginning, cut between words."""
    if len(text) <= NEAREST:
        return text
    if before:
        return f"… {text[-NEAREST:].partition(' ')[2]}"
    return f"{text[:NEAREST].rpartition(' ')[0]} …"


def elsewhere_row(place: KeptPlace) -> ElsewhereRow:
    """A place in a list with its address and its value in that list's unit."""
    # Per copy a place is its raw influence over N, which the unit need not know again.
    unit = units.unit(1) if place.nats_per_copy is not None else units.unit(None)
    value = place.influence if place.nats_per_copy is None else place.nats_per_copy
    return ElsewhereRow(place, sequence_url(place.query, place.sequence_id, place.run), value, unit)
