"""How late frames may come before something else takes their place, and where they stand. Pure."""

from __future__ import annotations

from typing import Final

from orchestrator.media import SECOND_NS
from orchestrator.pausing import FrameTimes

LAG_NS: Final = 700_000_000
"""How late a frame may come. Audio that comes later is lost; until then its place stays open.

- The recorder: 0.1 s between deliveries of decoded frames (`peer.DELIVER_S`), and what its
  jitter buffer waits behind a lost packet: 0.1 s and until the next packet comes. That is 0.17 s at
  most with packets of 20 ms, 0.25 s with 60 ms and 0.35 s with 120 ms, at 3 % loss and 40 ms of
  jitter (`tests/unit/sources/test_jitter_buffer.py`). In a real room whose network drops packets
  the latest of all frames was 0.24 s late at 3 % loss and 0.27 s at 10 %
  (`python -m tests.kit.sources.lossy_tone --loss 10 --seconds 15`).
- The network's: in simulated rooms a pause of the network costs no audio up to 0.1 s less than
  this, and what is longer beyond.
- A microphone whose RTP clock stood still: its frames are late until that is noticed. Below
  `arrival_delays.LOSSY_NS` that takes 0.4 s, so this has to be that and the 0.1 s of a delivery:
  with 0.55 s a stall of 0.58 s costs 0.12 s of audio, with 0.6 s and more nothing
  (`tests/unit/sources/clock/test_faults.py`).

A longer one costs nothing while frames come: what is complete goes on at once.
"""

IDLE_LAG_NS: Final = 100_000_000
"""The same while nothing is expected: everything is muted or gone."""

USUAL_LATE_NS: Final = 300_000_000
"""Video frames are usually this late at most: `LAG_NS` includes it. A lost packet of theirs is
waited for up to 0.25 s (`jitter_buffer.GIVE_UP_S`)."""

MAX_LATE_NS: Final = 4 * SECOND_NS
"""Video that comes later than usual, as that of a congested uplink does, is waited for up to this.
It is forgotten at a twentieth of the time that passes."""

RESIDUAL_FAR_NS: Final = 80_000_000
RESIDUAL_SLEW: Final = {True: 0.25, False: 0.1}
"""How fast a video that can't be moved at once is moved, in seconds per second: far off, and near
(sources.clock.participant_clock has the same)."""


class VideoLateness:
    """How late video frames have come lately, in nanoseconds."""

    def __init__(self) -> None:
        self._late_ns = 0

    def add(self, late_ns: int, passed_ns: int) -> None:
        """A frame came `late_ns` after its capture, `passed_ns` after the one before."""
        self._late_ns = min(max(late_ns, self._late_ns - passed_ns // 20, 0), MAX_LATE_NS)

    def moved(self, by_ns: int) -> None:
        """The frames' times should have been `by_ns` later."""
        self._late_ns = min(max(self._late_ns - by_ns, 0), MAX_LATE_NS)

    @property
    def unusual_ns(self) -> int:
        """By how much a filler has to wait longer than `LAG_NS`."""
        return max(self._late_ns - USUAL_LATE_NS, 0)


class VideoTimes:
    """Takes the capture time of each frame that comes, gives the moment that it stands at."""

    def __init__(self) -> None:
        self.frames = FrameTimes()
        self._last_ns: int | None = None
        """Capture time of the newest frame."""
        self._lateness = VideoLateness()
        self._residual_ns = 0
        """How far video is still off its place, to be slewed away."""

    @property
    def unusual_ns(self) -> int:
        """By how much a filler has to wait longer than usual."""
        return self._lateness.unusual_ns

    def place(self, time_ns: int, came_ns: int) -> int:
        """The moment that a frame stands at."""
        passed_ns = 0 if self._last_ns is None else max(time_ns - self._last_ns, 0)
        self._last_ns = time_ns
        self._lateness.add(came_ns - time_ns, passed_ns)
        slew = passed_ns * RESIDUAL_SLEW[abs(self._residual_ns) > RESIDUAL_FAR_NS]
        self._residual_ns -= max(-int(slew), min(int(slew), self._residual_ns))
        self.frames.saw(time_ns + self._residual_ns)
        return time_ns + self._residual_ns

    def settle(self, by_ns: int) -> None:
        """Times so far should have been `by_ns` later."""
        self._lateness.moved(by_ns)
        if self._last_ns is not None:
            self._last_ns += by_ns

    def move(self, by_ns: int) -> None:
        """What stands already stands `by_ns` later, as zero does."""
        if self.frames.newest_ns is not None:
            self.frames.newest_ns += by_ns

    def slew(self, by_ns: int) -> None:
        """What stands already stays; what comes is moved to its place little by little."""
        self._residual_ns = -by_ns

    def change(self) -> None:
        """Frames are another publication's from now on, with times of its own."""
        self._residual_ns = 0
