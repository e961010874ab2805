"""What a client raises."""

from __future__ import annotations

from typing import Any, Final

from orchestrator.api.schemas.common import Failure, FieldProblem

NO_ANSWER: Final = "no_answer"
UNEXPECTED: Final = "unexpected_answer"


class ClientError(Exception):
    """A request that failed: the server's own words, or why it didn't answer."""

    def __init__(
        self, failure: Failure, status: int | None = None, retry_after_s: float | None = None
    ) -> None:
        super().__init__(failure.detail)
        self.error: str = failure.error
        """What happened."""
        self.detail: str = failure.detail
        """The same with what to do."""
        self.code: str = failure.code
        """What happened, for programs: as in docs/api.md, or `no_answer`, `unexpected_answer`."""
        self.fields: list[FieldProblem] = failure.fields or []
        """Values of the request that were refused."""
        self.context: dict[str, Any] = failure.context or {}
        """Figures and lines that belong to the error."""
        self.status = status
        """The HTTP status; None without an answer."""
        self.retry_after_s = retry_after_s
        """When it makes sense to ask again, where the server says so."""


def no_answer(url: str, why: str) -> ClientError:
    """Nobody answered, or not in time."""
    error = f"The recorder at {url} doesn't answer: {why}."
    advice = f"{error} Check that `orchestrator serve` runs there."
    return ClientError(Failure(error=error, detail=advice, code=NO_ANSWER))


def unexpected(url: str, status: int) -> ClientError:
    """Something answered that isn't a recorder, or one of another version."""
    error = f"The answer of {url} can't be understood (HTTP {status})."
    advice = f"{error} Check the address, and that server and client have the same version."
    return ClientError(Failure(error=error, detail=advice, code=UNEXPECTED), status)
