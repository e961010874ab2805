"""What one receiver keeps of its encoded frames."""

from __future__ import annotations

import pytest
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from orchestrator.media import EncodedFrame, TrackKind
from orchestrator.sources.aiortc.decoding.concealment import AudioPacket
from orchestrator.sources.aiortc.encoded_frames import MOST, MOST_BYTES, EncodedFrames
from orchestrator.sources.aiortc.video_frame import VideoFrame
from orchestrator.sources.stream_times import STREAM_SHIFT
from tests.kit.signals import codes

VP8 = RTCRtpCodecParameters(mimeType="video/VP8", clockRate=90_000, payloadType=96)
OPUS = RTCRtpCodecParameters(mimeType="audio/opus", clockRate=48_000, payloadType=111)
PCMU = RTCRtpCodecParameters(mimeType="audio/PCMU", clockRate=8_000, payloadType=0)


@pytest.fixture(scope="module")
def frames() -> list[bytes]:
    """Two seconds, each of which begins with a keyframe."""
    return [data for data, _ in codes.encoded("vp8", fps=5, seconds=2, width=64, height=48)]


class Listener:
    """Wants everything but what is unwanted."""

    max_frame_pixels = 0
    keyframe_interval_s = 4.0
    injected_trailer = b""

    def __init__(self) -> None:
        self.wanted = True
        self.without_keyframe: list[str] = []
        self.too_large: list[tuple[int, int]] = []

    def wants(self, label: str) -> bool:
        return self.wanted

    def key_ring(self, label: str) -> None: ...

    def undecryptable(self, label: str, why: str | None) -> None: ...

    def no_keyframe(self, label: str) -> None:
        self.without_keyframe.append(label)

    def video_too_large(self, label: str, width: int, height: int) -> None:
        self.too_large.append((width, height))

    def frame_arrived(self, arrived: object) -> None: ...

    def report_arrived(self, arrived: object) -> None: ...


def put(
    kept: EncodedFrames, frames: list[bytes], *, stream: int = 1, after_loss: bool = False
) -> None:
    for number, data in enumerate(frames):
        pts = stream << STREAM_SHIFT | 3000 * number
        kept.put((VP8, VideoFrame(data, pts, 96, after_loss and not number)))


def taken(kept: EncodedFrames) -> list[bytes]:
    found = []
    for each in kept.take():
        assert isinstance(each.frame, EncodedFrame)
        found.append(each.frame.data)
    return found


def test_frames_are_taken_once_with_their_times(frames: list[bytes]) -> None:
    kept = EncodedFrames(TrackKind.VIDEO)
    put(kept, frames, stream=3)
    found = kept.take()
    assert [each.pts for each in found] == [3 << STREAM_SHIFT | 3000 * n for n in range(10)]
    assert [n for n, each in enumerate(found) if each.frame.keyframe] == [0, 5]  # type: ignore[union-attr]
    assert kept.take() == []
    assert kept.undecodable == 0


def test_a_probe_is_no_frame_and_the_end_nothing(frames: list[bytes]) -> None:
    kept = EncodedFrames(TrackKind.VIDEO)
    put(kept, [frames[0], b"", frames[1]])
    kept.put(None)
    assert (taken(kept), kept.undecodable) == (frames[:2], 0)


def test_another_stream_begins_with_a_keyframe(frames: list[bytes]) -> None:
    kept = EncodedFrames(TrackKind.VIDEO)
    put(kept, frames[:3], stream=1)
    put(kept, frames[3:7], stream=2)
    assert (taken(kept), kept.undecodable) == ([*frames[:3], *frames[5:7]], 2)
    put(kept, frames[:2], stream=3)
    assert (taken(kept), kept.undecodable) == (frames[:2], 2), "the counts go on"


def test_after_a_loss_keyframes_are_asked_for(frames: list[bytes]) -> None:
    kept = EncodedFrames(TrackKind.VIDEO)
    put(kept, frames[:3])
    assert not kept.requests.due(waiting=False)
    put(kept, frames[4:5], after_loss=True)
    assert kept.requests.due(waiting=False)
    put(kept, frames[5:])
    assert (taken(kept), kept.undecodable) == ([*frames[:3], *frames[5:]], 1)


def test_what_nobody_wanted_is_nothing_to_build_on(frames: list[bytes]) -> None:
    kept, listener = EncodedFrames(TrackKind.VIDEO), Listener()
    listener.wanted = False
    put(kept, frames[:2])
    kept.take()  # whom it goes to, leaves it out
    kept.report(listener, "camera")
    put(kept, frames[2:3])
    assert not kept.requests.due(waiting=False), "nobody wants one"
    listener.wanted = True
    kept.report(listener, "camera")
    put(kept, frames[3:4])
    assert kept.requests.due(waiting=False)
    put(kept, frames[4:])
    assert taken(kept) == frames[5:]


def test_it_says_when_it_is_full(frames: list[bytes]) -> None:
    audio = EncodedFrames(TrackKind.AUDIO)
    for number in range(MOST):
        assert not audio.full
        audio.put((OPUS, AudioPacket(b"\xf8", 960 * number)))
    assert audio.full
    assert len(audio.take()) == MOST
    assert not audio.full
    video = EncodedFrames(TrackKind.VIDEO)
    put(video, [frames[0].ljust(MOST_BYTES // 2 + 1, b"\0")] * 2)
    assert video.full


def test_audio_has_its_length_and_what_is_none_is_counted() -> None:
    kept = EncodedFrames(TrackKind.AUDIO)
    kept.put((PCMU, AudioPacket(bytes(160), 160)))
    kept.put((OPUS, AudioPacket(b"\xfb\x00", 320)))
    kept.put((OPUS, AudioPacket(b"\xf8\xff\xfe", 480)))
    found = [each.frame for each in kept.take()]
    assert found == [
        EncodedFrame("pcmu", bytes(160), duration_ns=20_000_000),
        EncodedFrame("opus", b"\xf8\xff\xfe", duration_ns=20_000_000),
    ]
    assert kept.undecodable == 1


def test_a_video_that_is_too_large_is_told_once_and_taken_when_it_fits(frames: list[bytes]) -> None:
    kept, listener = EncodedFrames(TrackKind.VIDEO, 64 * 48), Listener()
    large = frames[0][:6] + (16_383).to_bytes(2, "little") * 2 + frames[0][10:]
    for _ in range(2):
        put(kept, [large, frames[1]])
        kept.report(listener, "video")
    assert (taken(kept), kept.undecodable) == ([], 4)
    assert (listener.too_large, listener.without_keyframe) == ([(16_383, 16_383)], [])
    put(kept, frames[:2])
    kept.report(listener, "video")
    assert taken(kept) == frames[:2]
    assert len(listener.too_large) == 1
