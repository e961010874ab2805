"""VP9, AV1 and H.265 out of RTP payloads: single ones by hand, and the streams of real encoders."""

from __future__ import annotations

import random

import av
import pytest
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from hypothesis import example, given
from hypothesis import strategies as st

from orchestrator.media import MAX_FRAME_PIXELS
from orchestrator.sources.aiortc.decoding.decoder import decoder_for
from orchestrator.sources.aiortc.jitter_buffer import VideoJitterBuffer
from orchestrator.sources.aiortc.keyframe_start import unpacked
from orchestrator.sources.bitstreams.av1_units import layers
from orchestrator.sources.payloads import av1, h265, vp9
from orchestrator.sources.payloads.av1 import temporal_unit
from orchestrator.sources.payloads.unpacked import KeyframeStart
from orchestrator.sources.rtp_packet import Packet
from orchestrator.stream_copy.bitstreams import nal_units
from tests.kit.clocks import HandClock
from tests.kit.encoded.frames import grey_of, video_frames
from tests.kit.signals.codes import luma_of
from tests.kit.sources.packetizing import LAYERED, TICKS, complete, layered, packets, whole

CODECS = ("VP9", "AV1", "H265")
NONE, SLICE, KEY = KeyframeStart
OPTIONS = {
    "H265": (("forced-idr", "1"), ("x265-params", "log-level=0:repeat-headers=1:scenecut=0"))
}


@pytest.mark.parametrize(
    ("codec", "payload", "data", "start", "begins"),
    [
        ("VP9", "08 82", "82", KEY, True),
        ("VP9", "0c 82 49", "82 49", KEY, True),
        ("VP9", "00 aa", "aa", NONE, False),
        ("VP9", "48 86", "86", NONE, True),  # inter-predicted
        ("VP9", "88 11 82", "82", KEY, True),
        ("VP9", "88 91 22 82", "82", KEY, True),
        ("VP9", "a8 11 00 07 82", "82", KEY, True),  # lowest layer, with TL0PICIDX
        ("VP9", "a8 11 02 07 82", "82", NONE, True),  # second layer
        ("VP9", "b8 11 00 82", "82", KEY, True),  # flexible mode: no TL0PICIDX
        ("VP9", "d8 11 02 86", "86", NONE, True),
        ("VP9", "d8 11 03 02 86", "86", NONE, True),
        ("VP9", "d8 11 03 03 02 86", "86", NONE, True),
        ("VP9", "0a 00 82", "82", KEY, True),
        ("VP9", "0a 30 0280 0168 0500 02d0 82", "82", KEY, True),
        ("VP9", "0a 08 02 04 11 00 82", "82", KEY, True),
        ("VP9", "08", "", NONE, True),
        ("AV1", "18 0a 0b", "18 0a 0b", KEY, True),
        ("AV1", "10 32 00", "10 32 00", NONE, True),
        ("AV1", "10 08 00", "10 08 00", KEY, True),  # a sequence header, no N
        ("AV1", "90 08 00", "90 08 00", NONE, True),  # the rest of an OBU
        ("H265", "40 01 0c", "00000001 40010c", NONE, False),
        ("H265", "48 01", "00000001 4801", NONE, False),  # the end of a sequence
        ("H265", "64 01 4800", "00000001 4801", NONE, False),
        ("H265", "42 01 01", "00000001 420101", KEY, False),
        ("H265", "26 01 af", "00000001 2601af", SLICE, False),
        ("H265", "26 01 2f", "00000001 26012f", NONE, False),  # a later slice
        ("H265", "02 01 d0", "00000001 0201d0", NONE, False),
        ("H265", "60 01 0003 400101 0003 420102", "00000001 400101 00000001 420102", KEY, False),
        ("H265", "62 01 93 af", "00000001 2601af", SLICE, False),
        ("H265", "62 01 13 af", "af", NONE, False),
        ("H265", "62 01 53 af", "af", NONE, False),
        ("H265", "64 01 4210 aa 01", "00000001 4201 01", KEY, False),
    ],
)
def test_what_a_payload_holds(
    codec: str, payload: str, data: str, start: KeyframeStart, begins: bool
) -> None:
    assert unpacked(codec, bytes.fromhex(payload)) == (bytes.fromhex(data), start, begins)


@pytest.mark.parametrize(
    ("codec", "payload"),
    [
        ("VP9", ""),
        ("AV1", ""),
        ("H265", ""),
        ("VP8", ""),
        ("H264", ""),
        ("OPUS", ""),
        ("VP9", "80"),
        ("VP9", "88 91"),
        ("VP9", "a8 11 00"),
        ("VP9", "d8 11 03"),
        ("VP9", "d8 11 03 03 03 86"),
        ("VP9", "0a"),
        ("VP9", "0a 30 0280"),
        ("VP9", "0a 08 02 04"),
        ("AV1", "00 ff"),
        ("AV1", "00 05 32"),
        ("AV1", "20 05 32"),
        ("H265", "26"),
        ("H265", "62 01"),
        ("H265", "60 01 00"),
        ("H265", "60 01 0005 4001"),
        ("H265", "60 01 0001 40"),
        ("H265", "66 01 00"),
        ("H265", "64 01 42"),
        ("H265", "64 01 4210"),
        ("H265", "64 01 6400 4201"),
    ],
)
def test_what_is_cut_or_makes_no_sense_is_a_value_error(codec: str, payload: str) -> None:
    with pytest.raises(ValueError, match=r"cut|longer|missing|more than|supported|another"):
        unpacked(codec, bytes.fromhex(payload))


@pytest.mark.parametrize("codec", CODECS)
def test_a_stream_of_a_real_encoder_is_put_together_as_it_was(codec: str) -> None:
    frames = encoded(codec, 40)
    found = [complete(codec, frame) for frame in whole([*packets(codec, frames)])]
    assert [units(codec, frame.data) for frame in found] == [units(codec, f) for f in frames]


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("seed", range(3))
def test_after_a_loss_it_goes_on_with_the_next_keyframe(codec: str, seed: int) -> None:
    """What is shown has the brightness that was sent."""
    frames = encoded(codec, 60)
    sent = [*packets(codec, frames)]
    lost = random.Random(seed).randrange(20, len(sent) - 20)
    shown = decoded(codec, sent[:lost] + sent[lost + 1 :])
    gone = sent[lost].timestamp // TICKS
    again = gone // 10 * 10 + 10
    assert [*shown] == [*range(gone), *range(again, 60)]
    assert all(abs(level - grey_of(number)) < 4 for number, level in shown.items())


@pytest.mark.parametrize("name", LAYERED)
def test_of_several_layers_the_uppermost_is_shown(name: str) -> None:
    codec = name[:3].upper()
    frames = [complete(codec, frame) for frame in whole(layered(name))]
    assert {len(frame.parts) for frame in frames} == ({1, 3} if "key" in name else {3})
    decoder = decoder_for(parameters(codec), MAX_FRAME_PIXELS)
    for frame in frames:
        (shown,) = decoder.decode(frame)
        assert (shown.width, shown.height) == (960, 540)


@pytest.mark.parametrize("name", LAYERED)
def test_while_a_layer_is_left_out_the_one_below_is_shown_at_once(name: str) -> None:
    codec = name[:3].upper()
    frames = [complete(codec, frame) for frame in whole(layered(name))]
    decoder, sizes = decoder_for(parameters(codec), MAX_FRAME_PIXELS), []
    for number, frame in enumerate(frames):
        upper = number % 4 < 2 if len(frame.parts) == 3 else True
        frame.put(frame.parts if upper else frame.parts[:2])
        sizes += [(shown.width, shown.height) for shown in decoder.decode(frame)]
        if number and not upper:
            break  # what needs the layer that was left out can't be decoded any more
    assert len(sizes) == len(frames) if "key" in name else sizes == 2 * [(960, 540)] + [(480, 270)]


@given(st.binary(max_size=60), st.sampled_from((*CODECS, "VP8", "H264")))
@example(b"", "VP9")
@example(b"", "AV1")
@example(b"", "H265")
def test_whatever_comes_is_unpacked_or_a_value_error(payload: bytes, codec: str) -> None:
    try:
        found = unpacked(codec, payload)
    except ValueError:
        return
    assert len(found.data) <= 2 * len(payload) + 4


@pytest.mark.parametrize("codec", ["vp9", "av1", "h265"])
def test_an_empty_payload_is_a_value_error_of_each_codec(codec: str) -> None:
    with pytest.raises(ValueError, match=r"cut|missing"):
        {"vp9": vp9, "av1": av1, "h265": h265}[codec].unpacked(b"")


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_whatever_comes_of_av1_is_joined_or_a_value_error(payloads: list[bytes]) -> None:
    try:
        unit = temporal_unit(payloads)
        parts = layers(unit)
    except ValueError:
        return
    assert b"".join(parts) == unit
    assert len(unit) <= 2 * sum(map(len, payloads))


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("seed", range(4))
def test_after_damaged_packets_it_recovers_at_a_keyframe(codec: str, seed: int) -> None:
    """Bytes of a second's packets are changed, some are cut or left out, others come twice."""
    frames = encoded(codec, 90)
    chance, sent = random.Random(seed), [*packets(codec, frames)]
    came: list[Packet] = []
    for each in sent:
        if 20 * TICKS <= each.timestamp < 50 * TICKS:
            came += damaged(codec, each, chance)
        else:
            came.append(each)
    shown = decoded(codec, came)
    assert {*range(20), *range(70, 90)} <= shown.keys()
    good = [n for n in shown if n < 20 or n >= 70]
    assert all(abs(shown[number] - grey_of(number)) < 4 for number in good)


def damaged(codec: str, packet: Packet, chance: random.Random) -> list[Packet]:
    payload = bytearray(packet.payload)
    match chance.randrange(8):
        case 0:
            return []
        case 1:
            del payload[chance.randrange(1, len(payload) + 1) :]
        case 2 | 3:
            payload[chance.randrange(len(payload))] ^= 1 << chance.randrange(8)
        case 4:
            return [packet, packet]
    try:
        found = unpacked(codec, bytes(payload))
    except ValueError:
        return []
    number, at, marker = packet.sequence_number, packet.timestamp, packet.marker
    return [Packet(number, at, 1, 97, marker, bytes(payload), *found)]


def encoded(codec: str, count: int) -> list[bytes]:
    options = OPTIONS.get(codec, ())
    made = video_frames(codec.lower(), count, keyframe_every=10, options=options)
    return [frame.data for frame in made]


def units(codec: str, frame: bytes) -> list[bytes]:
    """Without delimiters of AV1, and whatever length start codes of H.265 have."""
    if codec == "H265":
        return [*nal_units(frame)]
    return [frame.removeprefix(b"\x12\x00") if codec == "AV1" else frame]


def parameters(codec: str) -> RTCRtpCodecParameters:
    return RTCRtpCodecParameters(f"video/{codec}", 90_000, payloadType=97)


def decoded(codec: str, came: list[Packet]) -> dict[int, float]:
    """Brightness of the frames that are shown, by their number; packets come in real time."""
    clock, shown = HandClock(), dict[int, float]()
    order, decoder = VideoJitterBuffer(clock), decoder_for(parameters(codec), MAX_FRAME_PIXELS)
    for each in came:
        clock.now = each.timestamp / 90_000 * 1.0001
        _, frame = order.add(each)
        while frame is not None:
            try:
                for image in decoder.decode(complete(codec, frame)):
                    shown[frame.timestamp // TICKS] = float(luma_of(image).mean())
            except ValueError:
                order.leave_out()
            except av.FFmpegError:
                pass
            frame = order.next_frame()
    return shown
