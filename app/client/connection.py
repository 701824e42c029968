"""Requests and answers: JSON there and back, problems as exceptions, lists followed by their cursors."""

import json
from collections.abc import Iterator
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError

from app.client.errors import ApiError, Unreachable

API = "/api/v1"
Shape = TypeVar("Shape", bound=BaseModel)


class Listed(Protocol):
    """A page of a list: `next` is the cursor of the page that follows."""

    @property
    def next(self) -> str | None: ...


Page = TypeVar("Page", bound=Listed)


def path(*parts: str | int) -> str:
    """An address of the API with its parts quoted."""
    return "/".join((API, *(quote(str(part), safe="") for part in parts)))


class Connection:
    """A server's address and the way to it."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http

    def read(self, kind: type[Shape], method: str, address: str, **sent: Any) -> Shape:
        """The answer as a shape. Raises: ApiError, Unreachable."""
        answer = self.send(method, address, **sent)
        try:
            return kind.model_validate_json(answer.content)
        except ValidationError as error:
            raise self._foreign(answer) from error

    def read_list(self, kind: type[Shape], method: str, address: str, **sent: Any) -> list[Shape]:
        """The answer as a list of shapes."""
        answer = self.send(method, address, **sent)
        try:
            return TypeAdapter(list[kind]).validate_json(answer.content)  # type: ignore[valid-type]
        except ValidationError as error:
            raise self._foreign(answer) from error

    def pages(self, kind: type[Page], address: str, **choices: Any) -> Iterator[Page]:
        """Every page of a list from its first, or from `choices["cursor"]`."""
        while True:
            page = self.read(kind, "GET", address, params=choices)  # type: ignore[type-var]
            yield page
            if page.next is None:
                return
            choices = {**choices, "cursor": page.next}
            choices.pop("offset", None)

    def send(self, method: str, address: str, **sent: Any) -> httpx.Response:
        """The answer as it came. Raises: ApiError for a problem; Unreachable where no answer comes."""
        if "params" in sent:
            sent["params"] = {name: value for name, value in sent["params"].items() if value is not None}
        try:
            answer = self.http.request(method, address, **sent)
        except httpx.HTTPError as error:
            raise Unreachable(
                f"{self.http.base_url} does not answer: {error}.",
                "Check the address and that `influence serve` or `influence up` runs there.",
            ) from error
        if answer.is_error:
            raise self._problem(answer)
        return answer

    def _problem(self, answer: httpx.Response) -> Exception:
        try:
            told = json.loads(answer.content)
            faults = tuple((one["field"], one["problem"]) for one in told.get("errors", ()))
            what = (told["title"], told["detail"], told["remedy"])
            return ApiError(answer.status_code, *what, told.get("field"), told["type"], faults)
        except (ValueError, TypeError, KeyError):
            return self._foreign(answer)

    def _foreign(self, answer: httpx.Response) -> Unreachable:
        return Unreachable(
            f"{answer.request.url} answered {answer.status_code} with something that is not of this API.",
            "Check that the address is that of Influence Explorer, and that both are of one version.",
        )
