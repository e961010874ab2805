"""What a tap gives of frames that aren't decoded: none without those that it needs."""

from __future__ import annotations

import threading

import pytest

from orchestrator.media import SECOND_NS, EncodedFrame
from orchestrator.sources.aiortc.encoded_frames import MOST
from orchestrator.sources.rtp_packet import Packet
from tests.kit.sources.taps import Sent, video_payload


async def test_encoded_frames_come_with_their_label_and_times_and_no_thread() -> None:
    before, sent = threading.active_count(), Sent()
    for number in range(3):
        await sent.frame(number, key=not number)
        sent.owner.now_ns += 1000
    sent.tap.deliver()
    assert threading.active_count() == before
    assert [each.arrival_ns for each in sent.owner.frames] == [
        SECOND_NS + 1000 * n for n in range(3)
    ]
    assert [each.frame for each in sent.owner.frames] == [
        EncodedFrame("vp8", video_payload(key=True)[1:], True, 0, 320, 180),
        EncodedFrame("vp8", b"\x11", False),
        EncodedFrame("vp8", b"\x11", False),
    ]
    assert sent.delivered() == [("camera", 0), ("camera", 1), ("camera", 2)]
    assert (sent.tap.frames, sent.plis, sent.tap.keyframes_requested) == (3, [], 0)
    await sent.connection.close()


async def test_a_stream_that_begins_in_the_middle_is_asked_for_a_keyframe() -> None:
    sent = Sent()
    await sent.frame(5)
    await sent.frame(6)
    assert (sent.plis, sent.tap.keyframes_requested) == ([1], 1)
    await sent.frame(7, key=True)
    assert sent.delivered() == [("camera", 7)]
    assert sent.tap.undecodable == 2
    await sent.connection.close()


async def test_what_came_before_its_label_was_known_is_nothing_to_build_on() -> None:
    sent = Sent()
    sent.owner.labels = {}
    await sent.frame(0, key=True)
    await sent.frame(1)
    assert sent.delivered() == []
    sent.owner.labels = {1: "camera"}
    sent.tap.relabel()
    await sent.frame(2)
    assert sent.delivered() == []
    assert sent.plis == [1]
    await sent.frame(3, key=True)
    assert sent.delivered() == [("camera", 3)]
    await sent.connection.close()


@pytest.mark.parametrize("change", ["label", "ssrc"])
async def test_another_publication_or_stream_begins_with_a_keyframe(change: str) -> None:
    sent = Sent()
    await sent.frame(0, key=True)
    sent.owner.labels = {1: "screen"} if change == "label" else {1: "camera", 7: "screen"}
    sent.tap.relabel()
    ssrc = 1 if change == "label" else 7
    await sent.frame(1, ssrc=ssrc)
    await sent.frame(2, key=True, ssrc=ssrc)
    assert sent.delivered() == [("camera", 0), ("screen", 2)]
    assert (sent.plis, sent.tap.undecodable) == ([ssrc], 1)
    await sent.connection.close()


async def test_while_nobody_wants_a_video_it_is_asked_for_nothing() -> None:
    sent = Sent()
    sent.owner.unwanted = {"camera"}
    await sent.frame(0, key=True)
    sent.tap.deliver()
    await sent.frame(1)
    await sent.tap.request_keyframe("camera")
    assert sent.plis == []
    sent.owner.unwanted, sent.owner.frames = set(), []
    sent.tap.deliver()
    await sent.frame(2)
    assert sent.delivered() == [], "what it needs was left out"
    assert sent.plis == [1]
    await sent.connection.close()


async def test_a_keyframe_that_is_wanted_is_asked_for_at_once_and_not_too_often() -> None:
    sent = Sent()
    await sent.tap.request_keyframe("camera")
    assert sent.plis == [], "there is no stream yet, and its first keyframe is asked for anyway"
    await sent.frame(0, key=True)
    for _ in range(5):
        await sent.tap.request_keyframe("camera")
        await sent.tap.request_keyframe("screen")
        await sent.frame(1)
    assert (sent.plis, sent.tap.keyframes_requested) == ([1], 1)
    await sent.connection.close()
    audio = Sent("audio")
    await audio.put(Packet(0, 0, 1, 111, 1, b"\xf8"))
    await audio.tap.request_keyframe("camera")
    assert audio.plis == []
    await audio.connection.close()


async def test_a_video_without_keyframes_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    sent, now_s = Sent(), 0.0
    monkeypatch.setattr(sent.tap._reassembly.requests, "_clock", lambda: now_s)
    for number in range(1, 400):
        now_s = number / 30
        await sent.frame(number)
        sent.tap.deliver()
    assert sent.owner.without_keyframe == ["camera"]
    await sent.connection.close()


async def test_a_lost_packet_is_asked_for_and_taken_from_its_repetition() -> None:
    sent = Sent()
    await sent.frame(0, key=True)
    await sent.frame(2)
    assert sent.nacks == [[1]]
    again = (1).to_bytes(2) + video_payload(key=False)
    await sent.put(Packet(9, 3000, 2, 97, 1, again))
    assert sent.delivered() == [("camera", 0), ("camera", 1), ("camera", 2)]
    assert sent.tap.packets() == (3, 1)
    await sent.connection.close()


async def test_a_repetition_for_a_stream_of_before_is_nothing() -> None:
    sent = Sent()
    sent.owner.labels[7] = "screen"
    await sent.frame(0, key=True)
    await sent.frame(100, key=True, ssrc=7)
    await sent.put(Packet(9, 3000, 2, 97, 1, (1).to_bytes(2) + video_payload(key=False)))
    await sent.put(Packet(5, 3000, 3, 96, 0, b""))  # a probe of a stream that isn't there
    await sent.frame(101, ssrc=7)
    assert sent.delivered() == [("camera", 0), ("screen", 100), ("screen", 101)]
    await sent.connection.close()


async def test_many_frames_at_once_are_given_at_once() -> None:
    sent = Sent("audio")
    for number in range(MOST + 3):
        await sent.put(Packet(number & 0xFFFF, 960 * number, 1, 111, 1, b"\xf8"))
    assert len(sent.owner.frames) == MOST
    sent.tap.deliver()
    assert len(sent.owner.frames) == MOST + 3
    await sent.connection.close()
