"""What a timeline knows of time, zero, pauses and places in the recording; its counts. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from orchestrator.media import AUDIO_RATE, SECOND_NS
from orchestrator.pausing import EarlierPauses, PauseMode, PauseSpans
from orchestrator.pipes.mixer import MixerStatistics, samples_at
from orchestrator.pipes.timeline_items import Samples


@dataclass(frozen=True, slots=True)
class TimelineStatistics:
    """Counts since the beginning."""

    audio: MixerStatistics
    video_received: int
    video_filled: int
    """Repeated or black frames put in."""
    video_late: int
    """Frames that came after a later one was given out, or are that one again."""


class TimelineClock:
    """Knows where zero is, and what is paused."""

    def __init__(self, origin_ns: int | None, earlier: EarlierPauses | None) -> None:
        self.origin_ns = origin_ns
        """The moment of zero; None before the first frame."""
        self.begun = False
        """Whether a first frame has come, and zero is fixed."""
        self.pauses = PauseSpans(earlier)

    def _offset(self, time_ns: int) -> int:
        """Place in the recording; that of a moment which is cut out is where its pause began."""
        assert self.origin_ns is not None
        return time_ns - self.origin_ns - self.pauses.cut_before(time_ns)

    def _kept(self, time_ns: int, samples: Samples) -> Iterator[tuple[int, Samples]]:
        """What of audio isn't in a pause, each with its position."""
        for first, end in self.pauses.kept(time_ns, len(samples)):
            at_ns = time_ns + first * SECOND_NS // AUDIO_RATE
            yield samples_at(self._offset(at_ns)), samples[first:end]

    @property
    def _stands_still(self) -> bool:
        """Whether the last frame stands, even if its publisher turns the video off."""
        current = self.pauses.current
        return current is not None and current.mode is PauseMode.STILL
