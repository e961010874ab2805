"""When a video's sender is asked for a keyframe (PLI, RFC 4585 §6.3.1). Pure: no I/O."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from orchestrator.sources.source import NO_KEYFRAME_S

ASK_S: Final = 0.5
"""Between two requests."""

EAGER_ASK_S: Final = 0.1
EAGER_S: Final = 1.5
"""The same for so long while somebody wants one. LiveKit drops without a word what comes within 0.5
s of the request before, whoever's that was (1 s for the larger layers of simulcast; its
`rtc.pli_throttle`): so one is asked for soon after that."""

PAUSED_S: Final = 1.0
"""A stream of which nothing came for so long didn't leave a request unanswered meanwhile."""


class KeyframeRequests:
    """Those for one RTP stream: while nothing can go on without one or somebody wants one, and once
    whenever none came for `interval_s`.
    """

    def __init__(
        self, interval_s: float | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._interval_s = interval_s
        self._clock = clock
        self._asked_at = -1e9
        self._came_at = self._looked_at = clock()
        self._waits_since: float | None = None
        self._requested_at = 0.0
        self._needed = self._requested = self._overdue = self._told = False
        self.enabled = True
        """Whether anybody takes what comes."""
        self.count = 0

    def request(self) -> None:
        """Somebody wants one: it is asked for until it comes."""
        if not self._requested:
            self._requested, self._requested_at = True, self._clock()

    def need(self) -> None:
        """A frame came that can't be decoded without one."""
        self._needed = True

    def accepted(self, *, keyframe: bool) -> None:
        """A frame goes on."""
        self._waits_since, self._told = None, False
        if keyframe:
            self._came_at = self._clock()
            self._needed = self._requested = self._overdue = False
        elif self._interval_s is not None:
            latest = max(self._came_at, self._asked_at)
            self._overdue = self._clock() - latest >= self._interval_s

    def due(self, *, waiting: bool) -> bool:
        """Whether to ask now; for each packet. `waiting`: no frame can go on without a keyframe."""
        now, waiting = self._clock(), self.enabled and (waiting or self._needed)
        if waiting and (self._waits_since is None or now - self._looked_at > PAUSED_S):
            self._waits_since = now
        self._looked_at = now
        wanted = waiting or (self.enabled and (self._requested or self._overdue))
        eager = self._requested and now - self._requested_at < EAGER_S
        if not wanted or now - self._asked_at < (EAGER_ASK_S if eager else ASK_S):
            return False
        self._asked_at, self._overdue = now, False
        self.count += 1
        return True

    def in_vain(self) -> bool:
        """Whether frames came for `NO_KEYFRAME_S` and none of them can be decoded; says so once."""
        since = self._waits_since
        if self._told or since is None or self._looked_at - since < NO_KEYFRAME_S:
            return False
        self._told = True
        return True
