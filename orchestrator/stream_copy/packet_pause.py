"""What a copy leaves out in a pause, and where it goes on: video with a keyframe. Pure.

Nothing that was captured in a pause is given to a decoder, so a video goes on with its first
keyframe that comes after the end was asked for, and everything else at the moment of its capture.
Packets of audio stay whole: the pause begins at the end of one and ends at the beginning of one, so
that they follow each other without a gap.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import Final

from orchestrator.media import SECOND_NS, EncodedFrame, TrackKind
from orchestrator.pausing import EarlierPauses, FrameTimes, PauseMode, PauseSpans
from orchestrator.stream_copy.track import Track

EARLY_NS: Final = 100_000_000
"""So long before the end was asked for a keyframe may have been captured that comes behind it:
encoders are at work on a frame when they are asked for one, and begin with that."""

KEYFRAME_WAIT_NS: Final = 250_000_000
"""How long a keyframe is waited for; then audio goes on alone, from when that was asked for."""

NOTHING_WAIT_NS: Final = SECOND_NS
"""The same where no audio comes."""

AUDIO_WAIT_NS: Final = 250_000_000
"""How long behind a keyframe audio of the same moment is waited for."""

RECENT_NS: Final = 1_500_000_000
"""Audio of so long before is kept in a pause: a keyframe may come later than its audio."""

MOST: Final = 4096
"""Packets of audio that are kept, and frames of video that wait, at most."""


@dataclass(frozen=True, slots=True)
class Came:
    """A packet, and the moment that it stands at."""

    sid: str
    at_ns: int
    track: Track
    frame: EncodedFrame

    @property
    def end_ns(self) -> int:
        """Where audio ends."""
        return self.at_ns + self.frame.duration_ns


@dataclass(slots=True)
class _Ending:
    """A pause whose end was asked for."""

    asked_ns: int
    video: list[Came] = field(default_factory=list)
    """From the keyframe on."""


@dataclass(frozen=True, slots=True)
class Resumption:
    """Where a recording goes on."""

    from_ns: int
    track: Track | None
    """The audio whose packets follow each other."""
    packets: list[Came]
    """What was captured from then on and has come."""


class PacketPause:
    """Takes what belongs to a pause; knows when it is over."""

    def __init__(self, earlier: EarlierPauses | None) -> None:
        self.spans = PauseSpans(earlier)
        self.frames = FrameTimes()
        self.reorders = False
        """Whether frames are shown in another order than they come in."""
        self._audio_ns = 0
        self._recent: deque[Came] = deque(maxlen=MOST)
        self._ending: _Ending | None = None
        self._broken: set[str] = set()
        """Videos of which a frame was left out, until a keyframe comes."""
        self._lacked = False
        """Whether a frame was left out since `lacked_keyframe` that a keyframe would have saved."""

    def begin(self, mode: PauseMode, now_ns: int) -> None:
        """Behind what came, as far as what comes needs nothing that is left out."""
        at_ns = self.frames.boundary(now_ns, self._audio_ns)
        newest = self.frames.newest_ns
        if self.reorders and newest is not None:
            # A frame that is shown before others of which it needs one is among those that came.
            at_ns = self.frames.boundary(newest, newest)
        self._recent.clear()
        self.spans.open(mode, at_ns)

    def ask_to_end(self, now_ns: int) -> None:
        """To go on as soon as possible."""
        current = self.spans.current
        if current is not None and self._ending is None:
            self._ending = _Ending(max(now_ns, current.begin_ns))

    def lasts_on(self, mode: PauseMode) -> bool:
        """It is to last after all, and in this mode; False if its end wasn't asked for."""
        current, ending = self.spans.current, self._ending
        if current is None or ending is None:
            return False
        current.mode, self._ending = mode, None
        self._broken.update(came.track.name for came in ending.video)
        return True

    def move(self, by_ns: int) -> None:
        """All times so far should have been `by_ns` later, of video and of pauses."""
        self.spans.move(by_ns)
        if self.frames.newest_ns is not None:
            self.frames.newest_ns += by_ns
        if self._ending is not None:
            moved = [replace(each, at_ns=each.at_ns + by_ns) for each in self._ending.video]
            self._ending.video = moved

    def takes(self, came: Came) -> bool:
        """Whether a packet is not to be recorded now."""
        if came.track.kind is TrackKind.AUDIO:
            return self._takes_audio(came)
        newest = self.frames.newest_ns
        self.reorders = self.reorders or (newest is not None and came.at_ns < newest)
        self.frames.saw(came.at_ns)
        current = self.spans.current
        if current is None:
            return self._needs_keyframe(came) or self.spans.holds(came.at_ns)
        if came.at_ns < current.begin_ns:
            return False
        self._take_video(came)
        return True

    def lacked_keyframe(self) -> bool:
        """Whether frames came since the last call that could be recorded behind a keyframe."""
        lacked, self._lacked = self._lacked, False
        return lacked

    def resumed(self, now_ns: int | None, *, expects_video: bool, held: bool) -> Resumption | None:
        """Where it goes on, once that is known. `held`: audio has no place yet."""
        ending, current = self._ending, self.spans.current
        if ending is None or current is None:
            return None
        asked_ns = ending.asked_ns
        if ending.video:
            key_ns = ending.video[0].at_ns
            came = any(each.end_ns > key_ns for each in self._recent)
            late = now_ns is not None and now_ns - key_ns > AUDIO_WAIT_NS
            if not (held or came or late or len(ending.video) >= MOST):
                return None
        else:
            later = [each.at_ns for each in self._recent if each.at_ns >= asked_ns]
            wait_ns = KEYFRAME_WAIT_NS if later else NOTHING_WAIT_NS
            if expects_video and (now_ns is None or now_ns - asked_ns < wait_ns):
                return None
            key_ns = min(later, default=asked_ns)
        return self._resumption(key_ns, ending)

    def _resumption(self, key_ns: int, ending: _Ending) -> Resumption:
        current = self.spans.current
        assert current is not None
        around = (
            each for each in self._recent if current.begin_ns <= each.at_ns <= key_ns < each.end_ns
        )
        first = next(around, None)
        from_ns = key_ns if first is None else first.at_ns
        audio = [each for each in self._recent if each.at_ns >= from_ns]
        self._recent.clear()
        self._ending = None
        return Resumption(from_ns, None if first is None else first.track, [*audio, *ending.video])

    def _takes_audio(self, came: Came) -> bool:
        self._audio_ns = max(self._audio_ns, came.at_ns + 1)
        current = self.spans.current
        if current is None:
            return self.spans.holds(came.at_ns)
        if came.at_ns < current.begin_ns:
            return False
        self._recent.append(came)
        while self._ending is None and self._recent[0].at_ns < came.at_ns - RECENT_NS:
            self._recent.popleft()
        return True

    def _take_video(self, came: Came) -> None:
        ending = self._ending
        if ending is None:
            self._broken.add(came.track.name)
            return
        early = came.at_ns < ending.asked_ns - EARLY_NS
        if not ending.video and (early or not came.frame.keyframe):
            self._broken.add(came.track.name)
            self._lacked = True
        elif not self._needs_keyframe(came):
            ending.video.append(came)

    def _needs_keyframe(self, came: Came) -> bool:
        if came.frame.keyframe:
            self._broken.discard(came.track.name)
            self._lacked = False  # another video says so again with its next frame
        needs = came.track.name in self._broken
        self._lacked = self._lacked or needs
        return needs
