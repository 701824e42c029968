"""What an address says about a ranked list, for pages, exports and the API alike."""

from typing import Annotated, Literal

from fastapi import Depends, Query

from app.services.listing import LONGEST_FIND
from app.services.shapes import ListChoice, Sort


def _list_choice(
    sort: Annotated[
        Sort,
        Query(description="heaviest, most concentrated, most overlap or longest first; document by its name"),
    ] = "influence",
    reverse: Annotated[bool, Query(description="the order turned round")] = False,
    find: Annotated[
        str,
        Query(max_length=LONGEST_FIND, description="only sequences whose text holds it, in capitals or small letters"),
    ] = "",
    kind: Annotated[str, Query(max_length=LONGEST_FIND, description="only sequences of documents of that kind")] = "",
    hide: Annotated[
        Literal["spurious"] | None, Query(description="leave out those that one or two tokens carry")
    ] = None,
    group: Annotated[
        Literal["duplicates"] | None, Query(description="fold duplicates under the heaviest of them that is listed")
    ] = None,
) -> ListChoice:
    return ListChoice(sort=sort, reverse=reverse, find=find.strip(), kind=kind, hide=hide, group=group)


ListChosen = Annotated[ListChoice, Depends(_list_choice)]
