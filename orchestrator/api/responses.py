"""How each route's errors stand in the documentation: by status, with an example of each."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from orchestrator.api.errors import Forbidden, Unauthorized, Unexpected, body_of, http_failure
from orchestrator.api.schemas.common import Failure, FieldProblem
from orchestrator.errors import HavenError, InvalidRequest

Responses = dict[int | str, dict[str, Any]]

_INVALID = "video_quality: Input should be 'low', 'medium', 'high' or 'best' (got 'ultra')"
_EVERYWHERE = (
    Unauthorized("This server wants its API key", "Send it in the header X-API-Key."),
    Forbidden(
        "Web pages of https://example.org may not change anything here",
        "Add the origin to ORCHESTRATOR_ALLOWED_ORIGINS if it should.",
    ),
    Unexpected("5f0c3a91"),
)


def failures_of_post(*errors: HavenError) -> Responses:
    """The same for a route that takes a body: one that can't be read, or is too large."""
    unreadable = [(status, http_failure(status, "POST /…")) for status in (400, 413, 415)]
    return _by_status([*_told(errors), *unreadable])


def failures(*errors: HavenError) -> Responses:
    """The `responses` of a route that can fail so, besides with what every route can."""
    return _by_status(_told(errors))


def failures_of_stream(*errors: HavenError) -> Responses:
    """The same for a route whose answer isn't JSON: FastAPI would say so of its errors, too."""
    found = failures(*errors)
    for response in found.values():
        del response["model"]
        response["content"]["application/json"]["schema"] = {
            "$ref": f"#/components/schemas/{Failure.__name__}"
        }
    return found


def _told(errors: Sequence[HavenError]) -> list[tuple[int, Failure]]:
    told = [(e.status, body_of(e)) for e in (*errors, *_EVERYWHERE)]
    return [(InvalidRequest.status, _validation()), *told]


def _by_status(told: list[tuple[int, Failure]]) -> Responses:
    in_order = sorted(told, key=itemgetter(0))
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
    told = InvalidRequest(_INVALID, "GET /docs describes every field.")
    field, _, problem = _INVALID.partition(": ")
    return body_of(told).model_copy(
        update={"code": "validation", "fields": [FieldProblem(field=field, problem=problem)]}
    )
