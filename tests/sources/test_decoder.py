"""A real decoder in a thread of its own, as aiortc runs it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import av
import pytest
from aiortc.codecs import get_decoder
from aiortc.jitterbuffer import JitterFrame
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from orchestrator.media import TrackKind
from orchestrator.sources.decoder import MOST_DECODED, MOST_ENCODED, Decoder, Frame, decoder_for
from tests import codes

VP8 = RTCRtpCodecParameters(mimeType="video/VP8", clockRate=90_000, payloadType=96)
SIZE = {"width": 64, "height": 48}


@pytest.fixture
def behind() -> threading.Event:
    return threading.Event()


@pytest.fixture
def decoder(behind: threading.Event) -> Iterator[Decoder]:
    made = Decoder(TrackKind.VIDEO, behind)
    thread = threading.Thread(target=made.get)
    thread.start()
    yield made
    made.put(None)
    thread.join(10)
    assert not thread.is_alive(), "put(None) ends it"


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
        found += decoder.take()
        time.sleep(0.001)
    return found


def test_frames_come_in_order_with_their_times(decoder: Decoder, frames: list[bytes]) -> None:
    put_all(decoder, frames[:60])
    found = taken(decoder, 60)
    assert [frame.pts for frame in found] == [3000 * n for n in range(60)]
    pictures = [codes.read_code(codes.luma_of(f)) for f in found if isinstance(f, av.VideoFrame)]
    assert pictures == list(range(60))
    assert decoder.idle


def test_it_waits_for_those_who_take(decoder: Decoder, frames: list[bytes]) -> None:
    put_all(decoder, frames[:40])
    most = MOST_DECODED[TrackKind.VIDEO]
    while (count := len(decoder._decoded)) < most:
        time.sleep(0.001)
    assert count == most
    assert not decoder.idle
    assert len(taken(decoder, 40)) == 40


def test_what_it_has_no_room_for_is_counted(behind: threading.Event, frames: list[bytes]) -> None:
    decoder = Decoder(TrackKind.VIDEO, behind)
    put_all(decoder, frames[: MOST_ENCODED + 5])
    assert (decoder.skipped, behind.is_set()) == (5, True)


def test_an_empty_payload_is_left_out(decoder: Decoder, frames: list[bytes]) -> None:
    put_all(decoder, [frames[0], b"", frames[1]])
    assert [frame.pts for frame in taken(decoder, 2)] == [0, 6000]


def test_after_a_broken_frame_it_goes_on(
    decoder: Decoder, behind: threading.Event, frames: list[bytes]
) -> None:
    put_all(decoder, [frames[0], b"\x00broken", frames[1]])
    assert [frame.pts for frame in taken(decoder, 2)] == [0, 6000]
    assert behind.is_set(), "a key frame is asked for"


def test_its_end_waits_for_nothing_that_is_still_to_decode(frames: list[bytes]) -> None:
    decoder = Decoder(TrackKind.VIDEO, threading.Event())
    put_all(decoder, frames[:100])
    decoder.put(None)
    decoder.get()
    put_all(decoder, frames[:1])
    assert decoder.take() == []
    assert decoder.idle, "what comes after the end is not waited for"


def test_pictures_are_those_of_libvpx(frames: list[bytes]) -> None:
    ours: Any = decoder_for(VP8)
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


def test_h264_gets_one_thread_and_sound_its_own_decoder() -> None:
    def codec(mime: str, rate: int) -> RTCRtpCodecParameters:
        return RTCRtpCodecParameters(mimeType=mime, clockRate=rate, channels=2, payloadType=97)

    assert decoder_for(codec("video/H264", 90_000)).codec.thread_count == 1
    assert decoder_for(codec("audio/opus", 48_000)).codec.name == "libopus"
    assert decoder_for(codec("audio/PCMU", 8_000)).decode(JitterFrame(b"\xff" * 160, 0))
