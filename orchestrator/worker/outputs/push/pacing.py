"""When each packet of a push is due: evenly, although fragments come whole. Pure."""

from __future__ import annotations

from typing import Final

MARGIN_S: Final = 0.15
"""How long before it is due a fragment should be there."""
GAP_S: Final = 1.0
"""Where nothing was recorded for longer nothing is evened out: what ended before it came when that
was over (stream_copy)."""
_FASTER: Final = 0.1
"""By how much at most it goes faster than time, to be less behind."""


class Pacing:
    """Maps times of the recording to those of the monotonic clock, in seconds.

    Whatever comes late moves what follows; what comes early for long is sent a little faster.
    """

    def __init__(self) -> None:
        self._offset_s: float | None = None
        self._end_s = 0.0

    def piece_came(
        self, begin_s: float, length_s: float, now_s: float, waiting_s: float = 0.0
    ) -> None:
        """A fragment that begins there is in the file, and `waiting_s` of media behind it.

        At first all that is there but the last goes at once.
        """
        end_s, self._end_s = self._end_s, begin_s + length_s
        if self._offset_s is None or begin_s - end_s > GAP_S:
            self._offset_s = now_s - begin_s - waiting_s
            return
        early_s = begin_s + self._offset_s - now_s
        if early_s < 0:
            self._offset_s -= early_s
        elif early_s > MARGIN_S:
            self._offset_s -= min(early_s - MARGIN_S, _FASTER * length_s)

    def wait_s(self, time_s: float, now_s: float) -> float:
        """How long to wait before what has this time is sent; 0 if it is due."""
        if self._offset_s is None:
            return 0.0
        return max(0.0, time_s + self._offset_s - now_s)

    def jump(self) -> None:
        """What comes next isn't where the last one ended."""
        self._offset_s = None
