"""Reads the figures that a worker reports: JSON of which any part may be missing. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime
from typing import Any


def at(figures: Any, *path: str) -> Any:
    """What stands there, or None."""
    for key in path:
        figures = figures.get(key) if isinstance(figures, dict) else None
    return figures


def number(figures: Any, *path: str) -> float | None:
    """The finite number there."""
    value = at(figures, *path)
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def whole(figures: Any, *path: str) -> int | None:
    """The number there, rounded."""
    return rounded(number(figures, *path))


def rounded(value: float | None) -> int | None:
    """To a whole number, if it is one."""
    return None if value is None else round(value)


def text(figures: Any, *path: str) -> str | None:
    """The words there."""
    value = at(figures, *path)
    return None if value is None else str(value)


def moment(figures: Any, *path: str) -> datetime | None:
    """The moment there, written as ISO 8601."""
    value = at(figures, *path)
    return datetime.fromisoformat(value) if isinstance(value, str) else None


def total(values: Iterable[float | None]) -> float | None:
    """The sum, or None when a part is unknown: half a sum would be a wrong one."""
    numbers = list(values)
    known = [n for n in numbers if n is not None]
    return sum(known) if known and len(known) == len(numbers) else None
