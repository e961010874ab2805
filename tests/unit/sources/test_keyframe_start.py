"""Keyframes among RTP packets: the bytes of single ones, and real streams that lose some."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

import av
import pytest
from aiortc.codecs import depayload
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from orchestrator.media import MAX_FRAME_PIXELS
from orchestrator.sources.aiortc.decoding.decoder import decoder_for
from orchestrator.sources.aiortc.jitter_buffer import VideoJitterBuffer
from orchestrator.sources.aiortc.keyframe_start import unpacked
from orchestrator.sources.payloads.unpacked import KeyframeStart
from orchestrator.sources.rtp_packet import Packet
from tests.kit.clocks import HandClock
from tests.kit.signals import codes

H264 = RTCRtpCodecParameters(mimeType="video/H264", clockRate=90_000, payloadType=97)
MTU = 200
FPS = 30
SPS, SEI = 7, 6


@pytest.mark.parametrize(
    ("codec", "payload", "expected"),
    [
        ("VP8", "10 00", KeyframeStart.KEYFRAME),
        ("VP8", "10 01", KeyframeStart.NONE),
        ("VP8", "00 00", KeyframeStart.NONE),
        ("VP8", "90 80 85 21 00", KeyframeStart.KEYFRAME),
        ("H264", "65 88", KeyframeStart.SLICE),
        ("H264", "65 08", KeyframeStart.NONE),  # a later slice of the frame
        ("H264", "67 42", KeyframeStart.KEYFRAME),
        ("H264", "41 9a", KeyframeStart.NONE),
        ("H264", "09 10", KeyframeStart.NONE),
        ("H264", "18 0002 6742", KeyframeStart.KEYFRAME),
        ("H264", "18 0002 0910 0002 6742", KeyframeStart.KEYFRAME),
        ("H264", "18 0003 060500 0002 0910 0002 6742 0002 6588", KeyframeStart.KEYFRAME),
        ("H264", "18 0002 0910 0002 6588", KeyframeStart.SLICE),
        ("H264", "18 0002 419a", KeyframeStart.NONE),
        ("H264", "18 0002 0910 0000 0000 0002 6742", KeyframeStart.KEYFRAME),
        ("H264", "7c 85 88", KeyframeStart.SLICE),
        ("H264", "7c 87 42", KeyframeStart.KEYFRAME),
        ("H264", "7c 05 88", KeyframeStart.NONE),
        ("H264", "7c 85", KeyframeStart.NONE),
    ],
)
def test_what_a_payload_begins(codec: str, payload: str, expected: KeyframeStart) -> None:
    assert unpacked(codec, bytes.fromhex(payload))[1] is expected


@pytest.mark.parametrize(
    ("codec", "payload", "data"),
    [
        ("VP8", "10 aa bb", "aa bb"),
        ("VP8", "00 aa", "aa"),
        ("VP8", "80 00 aa", "aa"),
        ("VP8", "90 80 05 aa", "aa"),
        ("VP8", "90 80 85 05 aa", "aa"),
        ("VP8", "90 40 05 aa", "aa"),
        ("VP8", "90 20 05 aa", "aa"),
        ("VP8", "90 10 05 aa", "aa"),
        ("VP8", "90 30 05 aa", "aa"),
        ("VP8", "90 f0 85 05 06 07 aa", "aa"),
        ("VP8", "10", ""),
        ("H264", "65 88 84", "00000001 65 88 84"),
        ("H264", "18 0002 6742 0001 68", "00000001 6742 00000001 68"),
        ("H264", "7c 85 88", "00000001 65 88"),
        ("H264", "7c 05 88", "88"),
        ("OPUS", "fc ff fe", "fc ff fe"),
        ("PCMU", "ff", "ff"),
    ],
)
def test_the_codecs_part_of_a_payload_is_as_aiortc_has_it(
    codec: str, payload: str, data: str
) -> None:
    packet = bytes.fromhex(payload)
    assert unpacked(codec, packet)[0] == bytes.fromhex(data)
    mime_type = f"{'video' if codec in ('VP8', 'H264') else 'audio'}/{codec}"
    theirs = RTCRtpCodecParameters(mimeType=mime_type, clockRate=90_000)
    assert depayload(theirs, packet) == bytes.fromhex(data)


@pytest.mark.parametrize(
    ("codec", "payload"),
    [
        ("VP8", "90"),
        ("VP8", "90 80"),
        ("VP8", "90 80 85"),
        ("VP8", "90 f0 85 05 06"),
        ("H264", "65"),
        ("H264", "18 0002 0910 ffff 67"),
        ("H264", "18"),
        ("H264", "18 00"),
        ("H264", "7c"),
        ("H264", "1d 00 00"),
    ],
)
def test_what_is_cut_or_unknown_is_nothing(codec: str, payload: str) -> None:
    with pytest.raises(ValueError, match=r"cut|short|truncated|not supported"):
        unpacked(codec, bytes.fromhex(payload))


@pytest.mark.parametrize("sei_first", [False, True])
@pytest.mark.parametrize("aggregated", [False, True])
@pytest.mark.parametrize("lost", ["before", "parameters", "slice"])
def test_h264_that_changes_its_size_shows_no_garbled_frame(
    lost: str, aggregated: bool, sei_first: bool
) -> None:
    """The keyframe's first packet carries a delimiter or SEI before its parameter sets.

    The test of a keyframe's first bytes had none of these, since aiortc's and libwebrtc's encoders
    write no delimiter; x264, browsers' hardware encoders and OBS do.
    """
    frames = [*stream(320, 180, 1, first=0), *stream(640, 360, 3, first=FPS)]
    packets = [*packetized(frames, aggregated=aggregated, sei_first=sei_first)]
    key = next(n for n, p in enumerate(packets) if p.timestamp == FPS * 3000)
    gone = {
        "before": {key - 1},
        "parameters": {key if aggregated else key + 1 + sei_first},
        "slice": {next(n for n in range(key, len(packets)) if packets[n].marker)},
    }[lost]
    shown = decoded([packet for n, packet in enumerate(packets) if n not in gone])
    again = FPS if lost == "before" else 2 * FPS
    whole = [*range(FPS - (lost == "before")), *range(again, 4 * FPS)]
    sizes = [(320, 180) if code < FPS else (640, 360) for code in whole]
    assert shown == list(zip(whole, sizes, strict=True))


def test_h264_whose_parameters_came_once_goes_on_at_its_next_keyframe() -> None:
    frames = stream(320, 180, 4, first=0)
    for later in frames[1:]:
        later[:] = [nal for nal in later if nal[0] & 0x1F not in (SPS, 8)]
    packets = [*packetized(frames, aggregated=False, sei_first=False)]
    gone = next(n for n, p in enumerate(packets) if p.timestamp == (FPS + 5) * 3000)
    shown = decoded([packet for n, packet in enumerate(packets) if n != gone])
    assert [code for code, _ in shown] == [*range(FPS + 5), *range(2 * FPS, 4 * FPS)]


def stream(width: int, height: int, seconds: int, *, first: int) -> list[list[bytes]]:
    """NAL units of each frame; each second begins with a keyframe."""
    context = av.CodecContext.create("libx264", "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base, context.gop_size = Fraction(1, FPS), FPS
    context.thread_count = 1
    context.options = {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "x264-params": "aud=1:repeat-headers=1:scenecut=0",
    }
    numbers = range(first, first + seconds * FPS)
    made = []
    for code in numbers:
        frame = codes.draw(code, width=width, height=height, fps=FPS)
        frame.pts = code
        made += [nals(bytes(packet)) for packet in context.encode(frame)]
    assert len(made) == len(numbers)
    return made


def nals(data: bytes) -> list[bytes]:
    """Those of a frame in Annex B form, x264's SEI left where it is."""
    parts = data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")
    return [part for part in parts if part]


def packetized(
    frames: Sequence[list[bytes]], *, aggregated: bool, sei_first: bool
) -> Iterator[Packet]:
    number = 0
    before = [bytes((SEI, 5, 1, 0, 0x80))] if sei_first else []
    for at, frame in enumerate(frames):
        units = [*before, *frame]
        small = [unit for unit in units if len(unit) < 100 or unit[0] & 0x1F == SEI]
        head = [_stap(small)] if aggregated and len(small) > 1 else small
        rest = [piece for unit in units if unit not in small for piece in _fragments(unit)]
        payloads = [*head, *rest]
        for payload in payloads:
            last = payload is payloads[-1]
            data, begins, _ = unpacked("H264", payload)
            yield Packet(number & 0xFFFF, at * 3000, 1, 97, int(last), payload, data, begins)
            number += 1


def _stap(units: Sequence[bytes]) -> bytes:
    return bytes((24,)) + b"".join(len(unit).to_bytes(2) + unit for unit in units)


def _fragments(unit: bytes) -> list[bytes]:
    pieces = [unit[at : at + MTU] for at in range(1, len(unit), MTU)]
    head, kind = unit[0] & 0xE0 | 28, unit[0] & 0x1F
    flags = [0x80 * (n == 0) | 0x40 * (n == len(pieces) - 1) for n in range(len(pieces))]
    return [bytes((head, flag | kind)) + piece for flag, piece in zip(flags, pieces, strict=True)]


def decoded(packets: Sequence[Packet]) -> list[tuple[int | None, tuple[int, int]]]:
    """Number and size of the frames that come out, packets coming in real time."""
    clock = HandClock()
    order, decoder = (
        VideoJitterBuffer(clock),
        decoder_for(H264, MAX_FRAME_PIXELS),
    )
    shown = []
    for packet in packets:
        clock.now = packet.timestamp / 90_000 * 1.0001
        _, frame = order.add(packet)
        while frame is not None:
            for shown_frame in decoder.decode(frame):
                size = (shown_frame.width, shown_frame.height)
                shown.append((codes.read_code(codes.luma_of(shown_frame)), size))
            frame = order.next_frame()
    return shown
