"""Who is on the stage: it changes at most once in a while, so that it doesn't flicker.

LiveKit's templates change with each SpeakersChanged; a hold of 0 does the same.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

HOLD_S: Final = 1.5
"""The usual hold."""


@dataclass(frozen=True, slots=True)
class Held:
    """Who is on the stage since when, and when the next one may come."""

    identity: str | None = None
    since_s: float = 0.0
    due_s: float | None = None
    """When to ask again although nothing happens: somebody waits. None: nobody does."""


def hold(
    held: Held, wanted: str | None, present: Collection[str], now_s: float, hold_s: float = HOLD_S
) -> Held:
    """The next state: `wanted` comes on the stage once the one there had `hold_s` on it.

    Whoever isn't `present` any more leaves it at once. A clock that goes backwards begins anew.
    """
    leaves = held.identity is None or held.identity not in present
    if wanted == held.identity and not leaves:
        return Held(held.identity, min(held.since_s, now_s))
    if leaves or wanted is None:
        return Held(wanted, now_s)
    due = min(held.since_s, now_s) + hold_s
    if now_s >= due:
        return Held(wanted, now_s)
    return Held(held.identity, min(held.since_s, now_s), due)
