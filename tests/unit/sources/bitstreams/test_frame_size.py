"""Sizes that real encoders write into their headers, and headers that nobody wrote."""

from __future__ import annotations

from fractions import Fraction

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.sources.bitstreams.frame_size import (
    MAX_PARAMETER_SETS,
    UNREADABLE,
    decoder_options,
    frame_size,
)
from tests.kit.signals import codes

CODECS = ("vp8", "vp9", "av1", "h264", "h265")
BEGINNINGS = [
    b"",
    b"\0\0\1\x67",
    b"\0\0\1\x42\x01",
    b"\x10\0\0\x9d\x01\x2a",
    b"\x82\x49\x83\x42",
    b"\x0a\x0b\0\0\0",
]
SIZES = [(16, 16), (160, 90), (638, 358), (1280, 720), (1920, 1080), (1080, 1920)]


def keyframe(codec: str, width: int, height: int, **options: str) -> bytes:
    context = av.CodecContext.create(codes.Encoder.NAMES[codec], "w")
    assert isinstance(context, av.VideoCodecContext)
    formats = {"high444": "yuv444p", "high422": "yuv422p"}
    context.pix_fmt = formats.get(options.get("profile", ""), "yuv420p")
    context.width, context.height, context.time_base = width, height, Fraction(1, 30)
    context.options = options
    frame = codes.draw(0, width=width, height=height, fps=30).reformat(format=context.pix_fmt)
    frame.pts = 0
    return bytes([*context.encode(frame), *context.encode(None)][0])


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("codec", CODECS)
def test_the_size_is_the_one_that_was_encoded(codec: str, width: int, height: int) -> None:
    assert frame_size(codec, keyframe(codec, width, height)) == (width, height)


@pytest.mark.parametrize(
    "options",
    [
        {"profile": "baseline"},
        {"profile": "high444"},
        {"profile": "high422"},
        {"x264-params": "interlaced=1"},
        {"x264-params": "cqm=jvt"},
        {"x264-params": "aud=1"},
    ],
)
def test_h264_of_every_kind(options: dict[str, str]) -> None:
    assert frame_size("h264", keyframe("h264", 1280, 720, **options)) == (1280, 720)


def test_frames_that_bring_no_size_tell_none() -> None:
    for codec in CODECS:
        first, second, *_ = codes.second(codec, width=64, height=64, fps=10, first=0)
        assert frame_size(codec, first[0]) == (64, 64)
        assert frame_size(codec, second[0]) is None
    assert frame_size("av2", b"whatever") is None


def test_the_largest_vp8_there_is() -> None:
    tag, start = b"\x10\x00\x00", b"\x9d\x01\x2a"
    assert frame_size("VP8", tag + start + b"\xff\xff\xff\xff") == (16383, 16383)
    assert frame_size("VP8", tag + start + b"\xff\xff\xff") is None


def test_what_is_cropped_away_takes_memory_all_the_same() -> None:
    """A parameter set of 4096x4096 that crops all but 16x16: bits written by hand."""
    numbers = [255, 255]  # pic_width_in_mbs_minus1, pic_height_in_map_units_minus1
    crop = [0, (4096 - 16) // 2, 0, (4096 - 16) // 2]
    head = "1" + "1" + "1" + "1" + "010" + "0"  # ids, orders 0, one reference, no gaps
    body = "".join(map(ue, numbers)) + "1" + "1" + "1" + "".join(map(ue, crop)) + "0" + "1"
    bits = f"{66:08b}{0:08b}{40:08b}" + head + body
    bits += "0" * (-len(bits) % 8)
    sps = b"\0\0\0\1\x67" + int(bits, 2).to_bytes(len(bits) // 8)
    assert frame_size("H264", sps) == (4096 - 15, 4096 - 15)


def ue(number: int) -> str:
    """Exp-Golomb."""
    digits = f"{number + 1:b}"
    return "0" * (len(digits) - 1) + digits


@given(st.binary(max_size=80), st.sampled_from([codec.upper() for codec in CODECS]))
def test_whatever_comes_is_a_size_or_none(data: bytes, codec: str) -> None:
    for beginning in BEGINNINGS:
        size = frame_size(codec, beginning + data)
        assert size is None or min(size) >= 0


def test_ffmpeg_lets_through_what_is_within_the_limit_before_cropping() -> None:
    assert int(decoder_options(1920 * 1080)["max_pixels"]) > 1920 * 1088


def test_more_parameter_sets_than_there_are_ids_are_not_read() -> None:
    one = keyframe("h264", 64, 64)
    (sps,) = [b"\0\0\1" + nal for nal in one.split(b"\0\0\1") if nal and nal[0] & 0x1F == 7]
    assert frame_size("h264", MAX_PARAMETER_SETS * sps) == (64, 64)
    assert frame_size("h264", (MAX_PARAMETER_SETS + 1) * sps) == UNREADABLE
