"""From errors to answers: every one is {success: false, error, detail, code} with its status.

HavenErrors know their status; what only HTTP can refuse is defined here::

    HavenError
    ├─ Unauthorized          401  no API key, or a wrong one
    ├─ Forbidden             403  a web page or host name that isn't allowed
    ├─ RangeNotSatisfiable   416  a part of a file that isn't there
    └─ Unexpected            500  an error nobody foresaw; the log has it under the incident

What Starlette and FastAPI refuse by themselves (400, 404, 405, 413), and a body that isn't JSON
(415), get their words in `_HTTP_WORDS`.
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
"""Field problems told at once; a body of 64 kB can hold thousands."""

LONGEST_ECHO = 60
"""Characters of a refused value that are told back."""


class Unauthorized(HavenError):
    """The server wants an API key, and the request has none or a wrong one."""

    status = 401
    code = "unauthorized"
    headers: ClassVar = {"WWW-Authenticate": "X-API-Key"}  # RFC 9110 §11.6.1 wants one with a 401


class Forbidden(HavenError):
    """The request comes from a web page, or to a host name, that isn't allowed."""

    status = 403
    code = "forbidden"


class RangeNotSatisfiable(HavenError):
    """A part of a file was asked for that isn't there."""

    status = 416
    code = "range_not_satisfiable"

    def __init__(self, wanted: str, size_bytes: int) -> None:
        super().__init__(
            f"The file has {size_bytes} bytes; {wanted} lies behind its end",
            "Ask for less; HEAD tells the size.",
        )
        self.headers = {"Content-Range": f"bytes */{size_bytes}"}  # RFC 9110 §15.5.17


class Unexpected(HavenError):
    """An error nobody foresaw; the server's log has it under the incident's number."""

    code = "internal"

    def __init__(self, incident: str) -> None:
        super().__init__(
            f"The recorder failed unexpectedly (incident {incident})",
            "Recordings that run are not touched by it. "
            "The server's log has the details under this number.",
        )


def new_incident(request_line: str, error: BaseException) -> Unexpected:
    """Logs an unforeseen error with its traceback, and says what the client is told of it."""
    incident = secrets.token_hex(4)
    # Formatted here: structlog's default way with tracebacks takes seconds, in the event loop.
    story = "".join(traceback.format_exception(error))
    log.error("unexpected error", incident=incident, request=request_line, exception=story)
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
    """The response that tells an error; `body` where there is more to tell than that."""
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
    return FieldProblem(field=".".join(place), problem=error["msg"] + _echo(error.get("input")))


def _echo(value: object) -> str:
    if not isinstance(value, str | int | float):
        return ""
    text = repr(value)
    if len(text) > LONGEST_ECHO:
        text = text[:LONGEST_ECHO] + "…"
    # Half a surrogate pair is a legal Python string, and no legal UTF-8.
    return f" (got {text})".encode("utf-8", "backslashreplace").decode()


def _validation_failure(problems: list[FieldProblem]) -> Failure:
    told = "; ".join(f"{p.field}: {p.problem}" if p.field else p.problem for p in problems)
    return Failure(
        error=told,
        detail=full_text(told, "GET /docs describes every field."),
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
    return http_answer(error.status_code, request, headers, str(error.detail))


def _allowed(request: Request) -> str:
    """All methods of the address; Starlette names those of the first route only."""
    routes = [context.original_route for context in iter_route_contexts(request.app.routes)]
    found = [r for r in routes if r.matches(request.scope)[0] is not Match.NONE]
    return ", ".join(sorted({m for r in found for m in getattr(r, "methods", None) or ()}))


_HTTP_WORDS = {
    400: ("bad_request", "The request's body can't be read", "Send it as JSON in UTF-8."),
    404: ("unknown_address", "There is nothing at {line}", "GET /docs lists every address."),
    405: ("method_not_allowed", "{line} is not possible", "GET /docs lists every address."),
    413: ("too_large", "The request's body is too large", "At most 64 kB are taken."),
    415: (
        "unsupported_media_type",
        "The body of {line} is not JSON",
        "Send the body as JSON, with Content-Type: application/json.",
    ),
}
"""What Starlette and FastAPI refuse by themselves, in our words: code, error, advice."""


def http_answer(
    status: int, request: Request, headers: Mapping[str, str] | None = None, detail: str = ""
) -> JSONResponse:
    """The response for what is refused by HTTP's own rules."""
    body = http_failure(status, f"{request.method} {request.url.path}", detail)
    return _response(status, body, headers or {})


def http_failure(status: int, request_line: str, detail: str = "") -> Failure:
    """The body for it; `detail` where we have no words of our own."""
    code, error, advice = _HTTP_WORDS.get(status, ("http", detail, ""))
    error = error.format(line=request_line)
    return Failure(error=error, detail=full_text(error, advice), code=code)


def install(app: FastAPI) -> None:
    """Lets every error of the app be told in the one shape."""
    app.add_exception_handler(HavenError, _haven_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
