"""The errors of each route in the API's documentation: by status, with an example of each."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from orchestrator.api.access.key_attempts import TooManyAttempts
from orchestrator.api.errors import Forbidden, Unauthorized, Unexpected, body_of, http_failure
from orchestrator.api.schemas.common import Failure, FieldProblem
from orchestrator.errors import HavenError, InvalidRequest

Responses = dict[int | str, dict[str, Any]]

_INVALID = "video_quality: Input should be 'low', 'medium', 'high' or 'best' (got 'ultra')"
_EVERYWHERE = (
    Unauthorized("This server requires its API key", "Send it in the header X-API-Key."),
    Forbidden(
        "Web pages of https://example.org may not use /api/recording/start",
        "Add the origin to ORCHESTRATOR_ALLOWED_ORIGINS if they should.",
    ),
    TooManyAttempts(4.0),
    Unexpected("5f0c3a91"),
)


def failures_of_post(*errors: HavenError) -> Responses:
    """The same for a route with a body, which can be unreadable or too large."""
    unreadable = [(status, http_failure(status, "POST /…")) for status in (400, 408, 413, 415)]
    return _by_status([*_with_common(errors), *unreadable])


def failures(*errors: HavenError) -> Responses:
    """The `responses` of a route that can fail with these errors and with those of every route."""
    return _by_status(_with_common(errors))


def failures_of_stream(*errors: HavenError, with_body: bool = False) -> Responses:
    """The same for a route whose response is not JSON, nor its body; its errors still are."""
    unreadable = [(status, http_failure(status, "POST /…")) for status in (408, 413)]
    responses = _by_status([*_with_common(errors), *(unreadable if with_body else ())])
    for response in responses.values():
        del response["model"]
        response["content"]["application/json"]["schema"] = {
            "$ref": f"#/components/schemas/{Failure.__name__}"
        }
    return responses


def _with_common(errors: Sequence[HavenError]) -> list[tuple[int, Failure]]:
    bodies = [(e.status, body_of(e)) for e in (*errors, *_EVERYWHERE)]
    return [(InvalidRequest.status, _validation()), *bodies]


def _by_status(bodies: list[tuple[int, Failure]]) -> Responses:
    in_order = sorted(bodies, key=itemgetter(0))
    groups = groupby(in_order, key=itemgetter(0))
    return {status: _response([body for _, body in group]) for status, group in groups}


def _response(bodies: list[Failure]) -> dict[str, Any]:
    examples = {b.code: {"value": b.model_dump(mode="json")} for b in bodies}
    return {
        "model": Failure,
        "description": "; ".join(b.code.replace("_", " ") for b in bodies),
        "content": {"application/json": {"examples": examples}},
    }


def _validation() -> Failure:
    error = InvalidRequest(_INVALID, "GET /docs describes every field.")
    field, _, problem = _INVALID.partition(": ")
    return body_of(error).model_copy(
        update={"code": "validation", "fields": [FieldProblem(field=field, problem=problem)]}
    )
