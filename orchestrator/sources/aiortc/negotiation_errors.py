"""What aiortc raises for descriptions that can't be used, and what that means."""

from __future__ import annotations

import re
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

_NO_CODEC: Final = re.compile(r"Failed to set remote (audio|video) description send parameters")
"""What aiortc says when it shares no codec with the other side (rtcpeerconnection.py)."""


def rejected(description: str, problem: Exception) -> SourceError:
    """For an offer or an answer of the other side."""
    why = str(problem)
    if found := _NO_CODEC.search(why):
        why = f"no codec of its {found[1]} can be received."
    return SourceError(
        f"The {description} can't be used: {why}",
        "The stream may be published in a codec that can't be received.",
    )
