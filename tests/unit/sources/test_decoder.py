"""Real decoders in threads that they share."""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import av
import pytest
from aiortc.codecs import get_decoder
from aiortc.jitterbuffer import JitterFrame
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from orchestrator.logs import Repeated
from orchestrator.media import MAX_FRAME_PIXELS, EncodedFrame, TrackKind
from orchestrator.sources.aiortc.decoding import decoder as decoding
from orchestrator.sources.aiortc.decoding import video_decoders
from orchestrator.sources.aiortc.decoding.concealment import ConcealingDecoder
from orchestrator.sources.aiortc.decoding.decoder import (
    MOST_DECODED,
    MOST_ENCODED,
    Decoder,
    Frame,
    decoder_for,
    size_bytes,
)
from orchestrator.sources.aiortc.video_frame import VideoFrame
from orchestrator.sources.decoder_threads import MAX_THREADS, DecoderThreads
from tests.kit.clocks import HandClock
from tests.kit.signals import codes

VP8 = RTCRtpCodecParameters(mimeType="video/VP8", clockRate=90_000, payloadType=96)
VP9 = RTCRtpCodecParameters(mimeType="video/VP9", clockRate=90_000, payloadType=98)
H264 = RTCRtpCodecParameters(mimeType="video/H264", clockRate=90_000, payloadType=97)
SIZE = {"width": 64, "height": 48}
MOST_PIXELS = 320 * 180


@pytest.fixture
def behind() -> threading.Event:
    return threading.Event()


@pytest.fixture
async def threads() -> AsyncIterator[DecoderThreads]:
    made = DecoderThreads(TrackKind.VIDEO)
    yield made
    await made.close()
    assert not [each for each in threading.enumerate() if "decoder" in each.name]


@pytest.fixture
def decoder(behind: threading.Event, threads: DecoderThreads) -> Decoder:
    return Decoder(TrackKind.VIDEO, behind, threads, MOST_PIXELS)


@pytest.fixture(scope="module")
def frames() -> list[bytes]:
    return [data for data, _ in codes.encoded("vp8", fps=30, seconds=6, **SIZE)]


def put_all(decoder: Decoder, frames: list[bytes]) -> None:
    for number, data in enumerate(frames):
        decoder.put((VP8, JitterFrame(data, 3000 * number)))


def taken(decoder: Decoder, count: int) -> list[Frame]:
    """What it gives; waits until there are so many."""
    found: list[Frame] = []
    deadline = time.monotonic() + 20
    while len(found) < count:
        assert time.monotonic() < deadline, f"{len(found)} of {count}"
        for each in decoder.take():
            assert not isinstance(each.frame, EncodedFrame)
            found.append(each.frame)
        time.sleep(0.001)
    return found


def test_frames_come_in_order_with_their_times(decoder: Decoder, frames: list[bytes]) -> None:
    put_all(decoder, frames[:60])
    found = taken(decoder, 60)
    assert [frame.pts for frame in found] == [3000 * n for n in range(60)]
    numbers = [codes.read_code(codes.luma_of(f)) for f in found if isinstance(f, av.VideoFrame)]
    assert numbers == list(range(60))
    assert decoder.idle


def test_it_waits_for_those_who_take(decoder: Decoder, frames: list[bytes]) -> None:
    put_all(decoder, frames[:40])
    most = MOST_DECODED[TrackKind.VIDEO]
    while (count := len(decoder._decoded)) < most:
        time.sleep(0.001)
    assert count == most
    assert not decoder.idle
    assert len(taken(decoder, 40)) == 40


async def test_what_it_has_no_room_for_is_counted(
    behind: threading.Event, frames: list[bytes]
) -> None:
    decoder = Decoder(TrackKind.VIDEO, behind, await ended(), MOST_PIXELS)
    put_all(decoder, frames[: MOST_ENCODED + 5])
    assert (decoder.skipped, behind.is_set()) == (5, True)


def test_what_waits_is_bounded_in_bytes(
    decoder: Decoder, frames: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    put_all(decoder, frames[:1])
    frame_bytes = size_bytes(taken(decoder, 1)[0])
    monkeypatch.setattr(decoding, "MOST_DECODED_BYTES", 4 * frame_bytes)
    put_all(decoder, frames[1:20])
    wait_for(lambda: len(decoder._decoded) == 4)
    waiting = sum(len(item[1].data) for item in decoder._encoded)
    assert (decoder._decoded_bytes, decoder._encoded_bytes) == (4 * frame_bytes, waiting)
    monkeypatch.setattr(decoding, "MOST_ENCODED_BYTES", waiting + len(frames[20]))
    put_all(decoder, frames[20:22])
    assert decoder.skipped == 1
    assert len(taken(decoder, 20)) == 20
    assert (decoder._decoded_bytes, decoder._encoded_bytes) == (0, 0)


@pytest.mark.parametrize(("codec", "name"), [(VP8, "vp8"), (H264, "h264")])
def test_nothing_of_a_video_that_is_too_large_is_decoded_until_it_fits(
    decoder: Decoder, codec: RTCRtpCodecParameters, name: str
) -> None:
    """The limit of pixels was nowhere tested, as there was none."""
    sizes = [(320, 180), (640, 360), (320, 180)]
    for second, (width, height) in enumerate(sizes):
        how = {"width": width, "height": height, "fps": 10, "first": 10 * second}
        for number, (data, _) in enumerate(codes.second(name, **how)):
            decoder.put((codec, JitterFrame(data, 3000 * (10 * second + number))))
            if second == 1:
                wait_for(lambda: not decoder._encoded and not decoder._decoding)
                assert decoder.too_large == (640, 360)
    found = taken(decoder, 20)
    assert [frame.pts for frame in found] == [3000 * n for n in (*range(10), *range(20, 30))]
    assert {(f.width, f.height) for f in found if isinstance(f, av.VideoFrame)} == {(320, 180)}
    assert decoder.too_large is None


def test_what_lies_about_its_size_is_not_decoded_either(
    decoder: Decoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FFmpeg's own limit, for codecs and headers that aren't read here."""
    monkeypatch.setattr(decoding, "frame_size", lambda codec, data, parts: None)
    monkeypatch.setattr(video_decoders, "decoder_options", lambda most: {"max_pixels": str(most)})
    for data, _ in codes.second("vp8", width=640, height=360, fps=10, first=0):
        decoder.put((VP8, JitterFrame(data, 0)))
    wait_for(lambda: not decoder._encoded and not decoder._decoding)
    assert decoder.take() == []


def test_broken_frames_are_one_line_a_second(decoder: Decoder) -> None:
    lines: list[dict[str, object]] = []
    clock = HandClock()
    decoder._undecodable = Repeated(lambda event, **values: lines.append(values), clock)
    for number in range(300):
        decoder.put((VP8, JitterFrame(b"\x00broken", number)))
        wait_for(lambda: decoder.idle)
        clock.now += 1 / 128
    assert [line.get("and_more") for line in lines] == [None, 127, 127]


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.0005)


def test_an_empty_payload_is_left_out(decoder: Decoder, frames: list[bytes]) -> None:
    put_all(decoder, [frames[0], b"", frames[1]])
    assert [frame.pts for frame in taken(decoder, 2)] == [0, 6000]


def test_after_a_broken_frame_it_goes_on(
    decoder: Decoder, behind: threading.Event, frames: list[bytes]
) -> None:
    put_all(decoder, [frames[0], b"\x00broken", frames[1]])
    assert [frame.pts for frame in taken(decoder, 2)] == [0, 6000]
    assert behind.is_set(), "a key frame is asked for"


def test_a_frame_with_an_empty_part_ends_no_decoder(decoder: Decoder) -> None:
    """A packet of VP9 may be a descriptor alone; FFmpeg takes nothing for the end."""
    sent = [data for data, _ in codes.encoded("vp9", fps=10, seconds=2, **SIZE)]
    for number, data in enumerate(sent):
        frame = VideoFrame(data, 3000 * number)
        frame.put((data, b"") if number == 3 else (data,))
        decoder.put((VP9, frame))
    assert [frame.pts for frame in taken(decoder, 20)] == [3000 * n for n in range(20)]


def test_a_decoder_at_its_end_is_replaced(decoder: Decoder, behind: threading.Event) -> None:
    sent = [data for data, _ in codes.encoded("vp9", fps=10, seconds=2, **SIZE)]
    for number, data in enumerate(sent):
        frame = VideoFrame(data, 3000 * number)
        if number == 3:
            frame.parts = (data, b"")
        decoder.put((VP9, frame))
    assert [frame.pts for frame in taken(decoder, 14)][-10:] == [3000 * n for n in range(10, 20)]
    assert behind.is_set()


async def ended() -> DecoderThreads:
    """Threads that decode nothing."""
    threads = DecoderThreads(TrackKind.VIDEO)
    await threads.close()
    return threads


async def test_its_end_waits_for_nothing_that_is_still_to_decode(frames: list[bytes]) -> None:
    decoder = Decoder(TrackKind.VIDEO, threading.Event(), await ended(), MOST_PIXELS)
    put_all(decoder, frames[:100])
    decoder.put(None)
    put_all(decoder, frames[:1])
    assert decoder.take() == []
    assert decoder.idle, "what comes after the end is not waited for"


def test_after_a_rest_it_begins_with_a_new_decoder(decoder: Decoder, frames: list[bytes]) -> None:
    put_all(decoder, frames[:3])
    decoder.release_codec()
    decoder.release_codec()
    assert len(taken(decoder, 3)) == 3, "what came before it is decoded"
    until(lambda: decoder._codec == ("", None), "it is forgotten")
    assert decoder.idle
    put_all(decoder, frames[:2])
    assert len(taken(decoder, 2)) == 2


async def test_many_share_a_few_threads_and_one_that_fails_costs_the_others_nothing(
    frames: list[bytes], threads: DecoderThreads, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = [Decoder(TrackKind.VIDEO, threading.Event(), threads, MOST_PIXELS) for _ in range(30)]
    used = {each.name for each in threading.enumerate() if "decoder" in each.name}
    assert len(used) == MAX_THREADS[TrackKind.VIDEO]

    def fail(*_: object) -> None:
        raise RuntimeError("nobody foresaw it")

    monkeypatch.setattr(many[0], "_decode", fail)
    for each in many:
        put_all(each, frames[:10])
    assert [len(taken(each, 10)) for each in many[1:]] == [10] * 29
    until(lambda: many[0].idle, "it takes what it can't decode")


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.001)


def test_frames_are_those_of_libvpx(frames: list[bytes]) -> None:
    ours: Any = decoder_for(VP8, MAX_FRAME_PIXELS)
    libvpx: Any = get_decoder(VP8)
    assert (ours.codec.name, ours.codec.thread_count) == ("vp8", 1)
    assert libvpx.codec.name == "libvpx", "the attribute that is replaced is the one it uses"
    for number, data in enumerate(frames[:20]):
        encoded = JitterFrame(data, 3000 * number)
        (mine,), (theirs,) = ours.decode(encoded), libvpx.decode(encoded)
        assert isinstance(mine, av.VideoFrame)
        assert isinstance(theirs, av.VideoFrame)
        assert mine.pts == theirs.pts
        assert (mine.to_ndarray() == theirs.to_ndarray()).all()


def test_h264_gets_one_thread_and_audio_its_own_decoder() -> None:
    def codec(mime: str, rate: int) -> RTCRtpCodecParameters:
        return RTCRtpCodecParameters(mimeType=mime, clockRate=rate, channels=2, payloadType=97)

    assert decoder_for(H264, MAX_FRAME_PIXELS).codec.thread_count == 1
    assert isinstance(decoder_for(codec("audio/opus", 48_000), 1), ConcealingDecoder)
    assert decoder_for(codec("audio/PCMU", 8_000), 1).decode(JitterFrame(b"\xff" * 160, 0))
