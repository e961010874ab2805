"""Publications that should be arriving and don't, and for how long. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set
from typing import Final

START_S: Final = 3.0
"""A subscribed publication that isn't muted delivers its first frame within this."""

ADVICE: Final = (
    "Have them turn it off and on again; if that doesn't help, check whether their client sends it"
    " and whether the server's UDP packets get through."
)


class MissingTracks:
    """Since when each publication is expected, and when its last frame arrived."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._since: dict[str, float] = {}
        self._last_frame: dict[str, float] = {}

    def expect(self, sids: Iterable[str]) -> None:
        """These should be arriving, from now on where they were not expected before."""
        now = self._clock()
        self._since = {sid: self._since.get(sid, now) for sid in sids}
        self._last_frame = {sid: at for sid, at in self._last_frame.items() if sid in self._since}

    def restart(self) -> None:
        """Connected again: each has its time to arrive."""
        now = self._clock()
        self._since = dict.fromkeys(self._since, now)
        self._last_frame.clear()

    def arrived(self, sid: str) -> None:
        """A frame of it arrived."""
        self._last_frame[sid] = self._clock()

    @property
    def begun(self) -> Set[str]:
        """Those of which something has arrived."""
        return self._last_frame.keys()

    def not_started(self) -> dict[str, float]:
        """Those of which nothing has arrived yet, with the seconds since they are expected."""
        return self._late(
            {sid: at for sid, at in self._since.items() if sid not in self._last_frame}
        )

    def stalled(self) -> dict[str, float]:
        """Those that have stopped, with the seconds since their last frame."""
        return self._late(self._last_frame)

    def _late(self, moments: dict[str, float]) -> dict[str, float]:
        now = self._clock()
        return {sid: now - at for sid, at in moments.items() if now - at >= START_S}
