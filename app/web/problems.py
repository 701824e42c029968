"""Errors as problem details (RFC 9457) with a remedy, and the same errors as pages for people."""

from http import HTTPStatus
from typing import Annotated

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from sqlalchemy.exc import DataError, OperationalError, ProgrammingError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from app.services.errors import Conflict, InvalidInput, NotFound, ServiceError
from app.web.entity_tags import NotModifiedError, not_modified
from app.web.problem_kinds import BY_STATUS, type_of

MEDIA_TYPE = "application/problem+json"
SCHEMA_REF = "#/components/schemas/{model}"
DATA_SUFFIXES = (".json", ".jsonl", ".csv", ".parquet", ".svg")
STATUSES: dict[type[ServiceError], int] = {InvalidInput: 422, NotFound: 404, Conflict: 409}
REMEDIES = {
    404: "Check the address, or start from the gallery at /.",
    405: "Use the method that the API's page at /api/v1/docs names for this address.",
}


class FieldProblem(BaseModel):
    """What is wrong with one field of what was sent."""

    field: str
    problem: str


class ProblemDetails(BaseModel):
    """An error's body: RFC 9457's members, and `remedy` with what to do about it."""

    type: Annotated[str, Field(description="an address on this server that explains the kind of problem")] = ""
    title: Annotated[str, Field(description="the status in words", validate_default=True)] = ""
    status: int
    detail: str
    remedy: str
    field: str | None = None
    errors: list[FieldProblem] = []


def of_service_error(error: ServiceError) -> ProblemDetails:
    """The problem of a service's error."""
    status = next((code for kind, code in STATUSES.items() if isinstance(error, kind)), 500)
    return ProblemDetails(status=status, detail=error.problem, remedy=error.remedy, field=error.field)


def _unread(error: RequestValidationError, request: Request) -> ProblemDetails | None:
    """The problem of a body that was not read at all since its content type is not the one wanted."""
    sent = request.headers.get("content-type", "")
    whole = any(tuple(item["loc"]) == ("body",) for item in error.errors())
    if not whole or "json" in sent or not request.url.path.startswith("/api/") or not error.body:
        return None
    told = f"is sent as {sent!r}" if sent else "has no content type"
    return ProblemDetails(
        status=415,
        detail=f"The body {told}, which {request.url.path} does not read.",
        remedy=BY_STATUS[415].remedy,
    )


def of_validation(error: RequestValidationError) -> ProblemDetails:
    """The problem of a request that does not have the shape asked for; the values sent are not repeated."""
    errors = [
        FieldProblem(field=".".join(str(part) for part in item["loc"][1:]) or "body", problem=item["msg"])
        for item in error.errors()
    ]
    named = "; ".join(f"{item.field}: {item.problem}" for item in errors)
    return ProblemDetails(
        status=422,
        detail=f"The request cannot be read: {named}.",
        remedy="Correct the fields named and send it again; /api/v1/docs describes every field.",
        field=errors[0].field if errors else None,
        errors=errors,
    )


def problem_response(problem: ProblemDetails) -> JSONResponse:
    """The JSON answer of a problem."""
    complete = problem.model_copy(update={"title": title(problem.status), "type": type_of(problem.status)})
    return JSONResponse(complete.model_dump(mode="json"), problem.status, media_type=MEDIA_TYPE)


def title(status: int) -> str:
    """A status in words, as HTTP names it."""
    return HTTPStatus(status).phrase


def wants_page(request: Request) -> bool:
    """Whether a person's browser asks: not the API, not a data file, not a client that asks for JSON."""
    path = request.url.path
    if path.startswith("/api/") or path == "/healthz" or path.endswith(DATA_SUFFIXES):
        return False
    accept = request.headers.get("accept", "")
    return "text/html" in accept or "json" not in accept


def answer(request: Request, problem: ProblemDetails) -> Response:
    """The problem in the form that the asker reads."""
    if not wants_page(request):
        return problem_response(problem)
    from app.web.context import ErrorPage
    from app.web.rendering import render_error

    page = ErrorPage(problem.status, title(problem.status), problem.detail, problem.remedy)
    return render_error(request, page)


def _on_service_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ServiceError)
    return answer(request, of_service_error(error))


def _on_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return answer(request, _unread(error, request) or of_validation(error))


def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = error.status_code
    told = error.detail if error.detail != title(status) else ""
    detail = told or {404: f"There is nothing at {request.url.path}."}.get(status, f"{title(status)}.")
    if status == 405:
        detail = f"{request.url.path} does not take {request.method}."
    kind = BY_STATUS.get(status)
    remedy = REMEDIES.get(status) or ("Correct the request and send it again." if kind is None else kind.remedy)
    response = answer(request, ProblemDetails(status=status, detail=detail, remedy=remedy))
    response.headers.update(error.headers or {})
    return response


def _on_database(request: Request, error: Exception) -> Response:
    told = str(getattr(error, "orig", error))
    problem = ProblemDetails(
        status=503,
        detail=f"The database does not answer as it should: {told}.",
        remedy="Try again; if it stays so, `influence doctor` says what is wrong and how to mend it.",
    )
    return answer(request, problem)


def _on_unstorable(request: Request, _: Exception) -> Response:
    problem = ProblemDetails(
        status=422,
        detail="The request holds a value that the database cannot hold, such as the character U+0000.",
        remedy="Take it out and send it again.",
    )
    return answer(request, problem)


def _on_anything(request: Request, error: Exception) -> Response:
    problem = ProblemDetails(
        status=500,
        detail=f"The server made a mistake ({type(error).__name__}) and has written it to its log.",
        remedy="Try again; if it stays so, report it with the log's last lines.",
    )
    return answer(request, problem)


def install(app: FastAPI) -> None:
    """Every error of the application leaves it as a problem with a remedy."""
    app.add_exception_handler(ServiceError, _on_service_error)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(OperationalError, _on_database)
    app.add_exception_handler(ProgrammingError, _on_database)
    app.add_exception_handler(DataError, _on_unstorable)
    app.add_exception_handler(NotModifiedError, not_modified)
    app.add_exception_handler(Exception, _on_anything)


def _documented(meaning: str) -> dict[str, object]:
    schema = {"$ref": SCHEMA_REF.format(model="ProblemDetails")}
    return {"description": meaning, "content": {MEDIA_TYPE: {"schema": schema}}}


NOT_FOUND: dict[int | str, dict[str, object]] = {404: _documented("No such thing; the remedy says where to look.")}
TOO_LARGE: dict[int | str, dict[str, object]] = {413: _documented("The body is too large.")}
UNREAD: dict[int | str, dict[str, object]] = {
    400: _documented("The body cannot be read."),
    **TOO_LARGE,
    415: _documented("The body is not sent as JSON."),
}
CONFLICT: dict[int | str, dict[str, object]] = {409: _documented("The present state does not allow it.")}
INVALID: dict[int | str, dict[str, object]] = {422: _documented("The input cannot be used; `field` names it.")}
