"""Errors as responses: {success: false, error, detail, code} with the status of each.

A HavenError has its status; the errors that only HTTP knows are defined here::

    HavenError
    ├─ Unauthorized          401  missing or wrong API key
    ├─ Forbidden             403  a web page or host name that is not allowed
    ├─ RangeNotSatisfiable   416  a range behind the end of a file
    └─ Unexpected            500  an unexpected error; the log has it under its incident id

`_HTTP_WORDS` has the texts for what Starlette and FastAPI reject themselves (400, 404, 405, 413),
and for a body that arrives too slowly (408) or is not JSON (415).
"""

from __future__ import annotations

import math
import secrets
import traceback
from collections.abc import Mapping
from typing import Any, ClassVar

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import iter_route_contexts
from pydantic_core import to_jsonable_python
from starlette.exceptions import HTTPException
from starlette.routing import Match

from orchestrator.api.schemas.common import Failure, FieldProblem
from orchestrator.errors import HavenError

log = structlog.get_logger(__name__)

MOST_PROBLEMS = 10
"""Field problems in one response; a body of 64 kB can have thousands."""

SECRETS = {"e2ee", "token", "url", "whep", "whip"}
"""Fields of which no value is repeated, nor of what is in them."""

LONGEST_ECHO = 60
"""Characters of an invalid value that a response repeats."""


class Unauthorized(HavenError):
    """The server requires an API key, and the request has none or a wrong one."""

    status = 401
    code = "unauthorized"
    headers: ClassVar = {"WWW-Authenticate": "X-API-Key"}  # RFC 9110 §11.6.1 wants one with a 401


class Forbidden(HavenError):
    """The request comes from a web page, or names a host, that is not allowed."""

    status = 403
    code = "forbidden"


class RangeNotSatisfiable(HavenError):
    """The requested range lies behind the end of the file."""

    status = 416
    code = "range_not_satisfiable"

    def __init__(self, wanted: str, size_bytes: int) -> None:
        super().__init__(
            f"The file has {size_bytes} bytes; {wanted} lies behind its end",
            "Request a smaller range; HEAD returns the size.",
        )
        self.headers = {"Content-Range": f"bytes */{size_bytes}"}  # RFC 9110 §15.5.17


class Unexpected(HavenError):
    """An unexpected error; the server's log has it under the incident id."""

    code = "internal"

    def __init__(self, incident: str) -> None:
        super().__init__(
            f"The recorder failed unexpectedly (incident {incident})",
            "Running recordings are not affected. "
            "The server's log has the details under this incident id.",
        )


def new_incident(request_line: str, error: BaseException) -> Unexpected:
    """Logs an unexpected error with its traceback; returns the error for the client."""
    incident = secrets.token_hex(4)
    # Formatted here: structlog's default formatter would block the event loop for seconds.
    formatted = "".join(traceback.format_exception(error))
    log.error("unexpected error", incident=incident, request=request_line, exception=formatted)
    return Unexpected(incident)


def full_text(error: str, advice: str) -> str:
    """Error and advice in one line: the desktop app shows `detail` alone."""
    if not advice:
        return error
    return f"{error} {advice}" if error.endswith((".", "!", "?")) else f"{error}. {advice}"


def body_of(error: HavenError) -> Failure:
    """The wire form of an error."""
    return Failure(
        error=error.error,
        detail=full_text(error.error, error.detail),
        code=error.code,
        context=to_jsonable_python(error.context, fallback=str) or None,
    )


def answer(error: HavenError, body: Failure | None = None) -> JSONResponse:
    """The response for an error; `body` if it has more fields than the default one."""
    headers: dict[str, str] = dict(getattr(error, "headers", {}))
    if (wait_s := error.context.get("retry_after_s")) is not None:
        headers["Retry-After"] = str(max(1, math.ceil(wait_s)))
    return _response(error.status, body or body_of(error), headers)


def _response(status: int, body: Failure, headers: Mapping[str, str]) -> JSONResponse:
    return JSONResponse(body.model_dump(mode="json"), status_code=status, headers=dict(headers))


def _problem(error: Mapping[str, Any]) -> FieldProblem:
    place = [str(part) for part in error["loc"][1:]]
    if error["type"] == "json_invalid":
        return FieldProblem(
            field="",
            problem=f"The body is not valid JSON: {error['ctx']['error']} at character {place[0]}",
        )
    # Where a secret is expected, or under a name that may be one's misspelt, nothing is repeated.
    secret = SECRETS & set(place) or error["type"] == "extra_forbidden"
    echo = "" if secret else _echo(error.get("input"))
    said = error["msg"].removeprefix("Value error, ")
    return FieldProblem(field=".".join(place), problem=said + echo)


def _echo(value: object) -> str:
    if not isinstance(value, str | int | float):
        return ""
    text = repr(value)
    if len(text) > LONGEST_ECHO:
        text = text[:LONGEST_ECHO] + "…"
    # Half a surrogate pair is a legal Python string, and no legal UTF-8.
    return f" (got {text})".encode("utf-8", "backslashreplace").decode()


def _validation_failure(problems: list[FieldProblem]) -> Failure:
    text = "; ".join(f"{p.field}: {p.problem}" if p.field else p.problem for p in problems)
    return Failure(
        error=text,
        detail=full_text(text, "GET /docs describes every field."),
        code="validation",
        fields=problems,
    )


def _is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind.startswith("application/") and kind.endswith(("/json", "+json"))


async def _haven_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HavenError)
    return answer(error)


async def _validation_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    content_type = request.headers.get("content-type", "")
    whole_body = any(tuple(e["loc"]) == ("body",) for e in error.errors())
    if whole_body and request.headers.get("content-length") != "0" and not _is_json(content_type):
        return http_answer(415, request)
    problems = [_problem(e) for e in error.errors()[:MOST_PROBLEMS]]
    return _response(422, _validation_failure(problems), {})


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = _allowed(request)
    if error.status_code == 408:
        headers["Connection"] = "close"  # RFC 9110 §15.5.9: the rest of it may still come
    return http_answer(error.status_code, request, headers, str(error.detail))


def _allowed(request: Request) -> str:
    """All methods of the address; Starlette lists those of the first route only."""
    routes = [context.original_route for context in iter_route_contexts(request.app.routes)]
    matching = [r for r in routes if r.matches(request.scope)[0] is not Match.NONE]
    return ", ".join(sorted({m for r in matching for m in getattr(r, "methods", None) or ()}))


_HTTP_WORDS = {
    400: ("bad_request", "The request's body can't be read", "Send it as JSON in UTF-8."),
    404: ("unknown_address", "Unknown address: {line}", "GET /docs lists every address."),
    405: ("method_not_allowed", "{line} is not allowed", "GET /docs lists every address."),
    408: ("too_slow", "The request's body did not arrive in time", "Send all of it within 20 s."),
    413: ("too_large", "The request's body is too large", "Send at most 64 kB."),
    415: (
        "unsupported_media_type",
        "The body of {line} is not JSON",
        "Send the body as JSON, with Content-Type: application/json.",
    ),
}
"""Code, error and advice for what Starlette and FastAPI reject themselves."""


def http_answer(
    status: int, request: Request, headers: Mapping[str, str] | None = None, detail: str = ""
) -> JSONResponse:
    """The response for a request that HTTP's own rules reject."""
    body = http_failure(status, f"{request.method} {request.url.path}", detail)
    return _response(status, body, headers or {})


def http_failure(status: int, request_line: str, detail: str = "") -> Failure:
    """The body of that response; `detail` is the text for statuses without one of our own."""
    code, error, advice = _HTTP_WORDS.get(status, ("http", detail, ""))
    error = error.format(line=request_line)
    return Failure(error=error, detail=full_text(error, advice), code=code)


def install(app: FastAPI) -> None:
    """Makes all errors of the app use the same body."""
    app.add_exception_handler(HavenError, _haven_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
