"""What aiortc raises for descriptions that can't be used, and what that means."""

from __future__ import annotations

from typing import Final

from aiortc.exceptions import InternalError, InvalidAccessError, InvalidStateError, OperationError

from orchestrator.errors import SourceError

NEGOTIATION_ERRORS: Final = (
    InternalError,
    InvalidAccessError,
    InvalidStateError,
    OperationError,
    ValueError,
    ConnectionError,
)


def rejected(description: str, problem: Exception) -> SourceError:
    """For an offer or an answer of the server."""
    return SourceError(
        f"The server's {description} can't be used: {problem}",
        "The stream may be published in a codec that can't be received.",
    )
