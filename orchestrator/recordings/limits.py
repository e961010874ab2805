"""Where a recording ends by itself, and where it is split into files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from orchestrator.errors import InvalidRequest

LEAST_S: Final = 1.0
LEAST_BYTES: Final = 100_000
"""Less than that is less than one fragment of a file."""

MOST_PARTS: Final = 1000
"""The last part takes all the rest: a limit on parts never loses anything recorded."""

DURATION: Final = "the longest duration"
SIZE: Final = "the largest size"
"""How the reason of a recording that ended at a limit begins."""


@dataclass(frozen=True, slots=True)
class Limits:
    """None is no limit."""

    max_duration_s: float | None = None
    max_size_bytes: int | None = None
    """Of all its files together."""
    split_s: float | None = None
    split_bytes: int | None = None
    """A part ends soon enough to stay below it."""

    def as_dict(self) -> dict[str, Any]:
        """The limits that are set, for the recording's row."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Limits:
        """The limits that `as_dict` gave."""
        return cls(**given)

    def within(self, max_duration_s: float | None, max_size_bytes: int | None) -> Limits:
        """The smaller one of each limit, with this machine's own."""
        return Limits(
            _smaller(self.max_duration_s, max_duration_s),
            _smaller(self.max_size_bytes, max_size_bytes),
            self.split_s,
            self.split_bytes,
        )


NO_LIMITS: Final = Limits()


def requested_limits(
    max_duration_s: float | None,
    max_size_bytes: int | None,
    split_minutes: float | None,
    split_bytes: int | None,
) -> Limits:
    """The limits of a request, where 0 is no limit. Raises InvalidRequest for one too small."""
    return Limits(
        _least("max_duration_s", max_duration_s, LEAST_S),
        _least("max_size_bytes", max_size_bytes, LEAST_BYTES),
        _least("split_minutes", split_minutes and split_minutes * 60, LEAST_S, unit=60),
        _least("split_bytes", split_bytes, LEAST_BYTES),
    )


def _least(field: str, value: Any, least: float, unit: float = 1) -> Any:
    if not value:
        return None
    if not math.isfinite(value) or value < least:
        raise InvalidRequest(
            f"{field} can't be {value / unit:g}.",
            f"It has to be at least {least / unit:.3g}, or 0 for no limit.",
            field=field,
        )
    return value


def _smaller(one: Any, other: Any) -> Any:
    return min((value for value in (one, other) if value), default=None)


def is_limit(reason: str | None) -> bool:
    """Whether a recording that ended for this reason reached a requested limit."""
    return (reason or "").startswith((DURATION, SIZE))
