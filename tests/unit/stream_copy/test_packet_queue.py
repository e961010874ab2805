"""The queue of packets is bounded, and leaves no frame in it that can't be decoded."""

from __future__ import annotations

from orchestrator.stream_copy.packet_queue import AUDIO_LIMIT_BYTES, PacketQueue
from orchestrator.stream_copy.track import Packet
from tests.unit.stream_copy.packets import CAMERA, MS, SCREEN, VOICE, audio, heard, shot


def test_in_order_and_back() -> None:
    queue = PacketQueue()
    first, second = shot(0, key=True), heard(10)
    assert queue.put_nowait(first)
    assert queue.put_nowait(second)
    assert queue.get(0) is first
    queue.put_back(first)
    assert queue.get(0) is first
    queue.close()
    assert not queue.drained
    assert queue.get(0) is second
    assert queue.drained
    assert queue.get(10) is None, "at once: none will come"
    assert not queue.put_nowait(heard(30))
    assert queue.statistics().audio_dropped_ns == 20 * MS


def test_video_that_does_not_fit_is_left_out_up_to_a_keyframe() -> None:
    queue = PacketQueue(1000)
    assert queue.put_nowait(shot(0, key=True, size=600))
    assert not queue.put_nowait(shot(33, size=600))
    assert not queue.put_nowait(shot(66, size=10)), "it needs the one before"
    assert queue.put_nowait(shot(70, key=True, track=SCREEN, size=10)), "another video"
    assert queue.put_nowait(heard(80))
    assert queue.put_nowait(shot(99, key=True, size=10))
    assert queue.put_nowait(shot(120, size=10))
    statistics = queue.statistics()
    assert (statistics.video_dropped, statistics.audio_dropped_ns) == (2, 0)
    assert statistics.peak_bytes == statistics.waiting_bytes == 600 + 10 + 10 + 10 + 10


def test_one_larger_than_the_limit_is_taken() -> None:
    queue = PacketQueue(1000)
    assert queue.put_nowait(shot(0, key=True, size=5000))
    assert not queue.put_nowait(shot(33, key=True, track=CAMERA, size=10))


def test_audio_has_a_limit_of_its_own() -> None:
    queue = PacketQueue(1000)
    large = Packet(VOICE, 0, audio(size=AUDIO_LIMIT_BYTES))
    assert queue.put_nowait(large)
    assert not queue.put_nowait(heard(20))
    assert queue.put_nowait(shot(0, key=True))
