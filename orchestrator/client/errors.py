"""The errors of the client."""

from __future__ import annotations

from typing import Any, Final

from orchestrator.api.schemas.common import Failure, FieldProblem

NO_ANSWER: Final = "no_answer"
UNEXPECTED: Final = "unexpected_answer"


class ClientError(Exception):
    """A failed request, with the server's error or the reason why it did not respond."""

    def __init__(
        self, failure: Failure, status: int | None = None, retry_after_s: float | None = None
    ) -> None:
        super().__init__(failure.detail)
        self.error: str = failure.error
        """What happened."""
        self.detail: str = failure.detail
        """What happened and what to do."""
        self.code: str = failure.code
        """The error for programs: as in docs/api.md, or `no_answer`, `unexpected_answer`."""
        self.fields: list[FieldProblem] = failure.fields or []
        """The invalid values of the request."""
        self.context: dict[str, Any] = failure.context or {}
        """Details of the error."""
        self.status = status
        """The HTTP status; None without a response."""
        self.retry_after_s = retry_after_s
        """When to try again, if the server says so."""


def no_answer(url: str, why: str) -> ClientError:
    """There was no response, or not in time."""
    error = f"The recorder at {url} does not respond: {why}."
    advice = f"{error} Check that `orchestrator serve` is running there."
    return ClientError(Failure(error=error, detail=advice, code=NO_ANSWER))


def unexpected(url: str, status: int) -> ClientError:
    """The response is not from a recorder, or from one of another version."""
    error = f"The response of {url} is not valid (HTTP {status})."
    advice = f"{error} Check the address, and that server and client have the same version."
    return ClientError(Failure(error=error, detail=advice, code=UNEXPECTED), status)
