"""Where a copy goes on behind a pause."""

from __future__ import annotations

import pytest

from orchestrator.pausing import PauseMode
from orchestrator.stream_copy.packet_pause import EARLY_NS, KEYFRAME_WAIT_NS, NOTHING_WAIT_NS
from orchestrator.stream_copy.packet_timeline import PacketTimeline
from tests.unit.stream_copy.packets import CAMERA, MS, VOICE, audio, video

ASKED = 1_000 * MS
STEP = 20 * MS


class Paused:
    """Paused at 0.2 s, asked to go on at 1 s; audio comes in packets of 20 ms."""

    def __init__(self, *, sound: bool = True) -> None:
        self.timeline = PacketTimeline()
        heard = frozenset({"A"}) if sound else frozenset[str]()
        self.timeline.expect(audio=heard, video=True)
        self._sound, self._heard_ns = sound, 0
        self.timeline.push("V", 0, CAMERA, video(key=True))
        self.timeline.settle("V", 0)
        self.until(200 * MS)
        assert self.timeline.pause(PauseMode.CUT, 200 * MS)
        self.until(ASKED)
        self.timeline.resume(ASKED)

    def until(self, at_ns: int) -> None:
        """Time passes, and audio comes."""
        while self._sound and self._heard_ns + STEP <= at_ns:
            self.timeline.push("A", self._heard_ns, VOICE, audio())
            self._heard_ns += STEP
        self.timeline.tick(at_ns)

    def frame(self, at_ns: int, *, key: bool = False) -> None:
        self.timeline.push("V", at_ns, CAMERA, video(key=key))

    @property
    def ended_ns(self) -> int | None:
        (span,) = self.timeline.pauses.recent
        return span.end_ns


@pytest.mark.parametrize("at_ns", [ASKED - EARLY_NS, ASKED - 1, ASKED, ASKED + 100 * MS])
def test_it_goes_on_with_the_keyframe_that_comes_then(at_ns: int) -> None:
    paused = Paused()
    paused.frame(at_ns, key=True)
    paused.until(ASKED + 200 * MS)
    assert paused.ended_ns is not None
    assert at_ns - STEP < paused.ended_ns <= at_ns, "with the packet of audio of that moment"
    assert not paused.timeline.lacked_keyframe()


def test_a_keyframe_of_the_pause_is_none() -> None:
    paused = Paused()
    paused.frame(ASKED - EARLY_NS - MS, key=True)
    paused.until(ASKED + 100 * MS)
    assert paused.ended_ns is None
    assert paused.timeline.lacked_keyframe(), "one is asked for again"
    assert not paused.timeline.lacked_keyframe()


def test_without_a_keyframe_audio_goes_on_alone_soon() -> None:
    paused = Paused()
    paused.frame(ASKED + 30 * MS)
    paused.until(ASKED + KEYFRAME_WAIT_NS - MS)
    assert paused.ended_ns is None
    paused.until(ASKED + KEYFRAME_WAIT_NS)
    assert paused.ended_ns == ASKED, "with all audio since it was asked for"
    assert paused.timeline.lacked_keyframe()
    before = paused.timeline.statistics().video_received
    paused.frame(ASKED + 300 * MS)
    assert paused.timeline.lacked_keyframe(), "until one comes"
    paused.frame(ASKED + 330 * MS, key=True)
    paused.frame(ASKED + 360 * MS)
    assert not paused.timeline.lacked_keyframe()
    assert paused.timeline.statistics().video_received == before + 2


def test_without_audio_a_keyframe_is_waited_for_longer() -> None:
    paused = Paused(sound=False)
    paused.until(ASKED + NOTHING_WAIT_NS - MS)
    assert paused.ended_ns is None
    paused.until(ASKED + NOTHING_WAIT_NS)
    assert paused.ended_ns == ASKED


def test_in_a_pause_none_is_lacked() -> None:
    timeline = PacketTimeline()
    timeline.expect(audio=frozenset(), video=True)
    timeline.push("V", 0, CAMERA, video(key=True))
    assert timeline.pause(PauseMode.CUT, 50 * MS)
    for ms in range(60, 3_000, 30):
        timeline.push("V", ms * MS, CAMERA, video())
        timeline.tick(ms * MS)
    assert not timeline.lacked_keyframe()
