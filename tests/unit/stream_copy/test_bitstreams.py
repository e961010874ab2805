"""Encoded video as it comes over RTP, and as containers want it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.media import EncodedFrame
from orchestrator.stream_copy.bitstreams import nal_units, parameter_sets, stored
from tests.kit.encoded.frames import video_frames

_SPS, _PPS, _SLICE = b"\x67\x42\xc0\x1f", b"\x68\xce\x3c\x80", b"\x65\x88\x80\x10"

_UNIT = st.binary(min_size=1, max_size=40).map(
    # As an encoder writes it: no start code inside, the last bit that is 1 in the last byte.
    lambda data: data.replace(b"\0\0", b"\0\3").rstrip(b"\0") + b"\x80"
)


@given(st.lists(_UNIT, max_size=6), st.lists(st.booleans(), min_size=6, max_size=6))
def test_units_come_back_whole_whatever_their_start_codes(
    units: list[bytes], long: list[bool]
) -> None:
    starts = [b"\0\0\0\1" if each else b"\0\0\1" for each in long]
    stream = b"".join(s + unit for s, unit in zip(starts, units, strict=False))
    assert list(nal_units(stream)) == units


def test_a_keyframe_of_h264_keeps_its_parameter_sets() -> None:
    frame = EncodedFrame("h264", b"".join(b"\0\0\0\1" + unit for unit in (_SPS, _PPS, _SLICE)))
    assert stored(frame) == b"".join(b"\0\0\0\4" + unit for unit in (_SPS, _PPS, _SLICE))
    assert parameter_sets(frame) == b"\0\0\0\1" + _SPS + b"\0\0\0\1" + _PPS


def test_av1_is_without_temporal_delimiters_and_has_its_sequence_header() -> None:
    delimiter, sequence, picture = b"\x12\x00", b"\x0a\x03abc", b"\x32\x82\x01" + bytes(130)
    frame = EncodedFrame("av1", delimiter + sequence + picture)
    assert stored(frame) == sequence + picture
    assert parameter_sets(frame) == sequence


def test_an_obu_without_a_size_is_the_last() -> None:
    frame = EncodedFrame("av1", b"\x0a\x03abc" + b"\x30rest")
    assert stored(frame) == frame.data


@pytest.mark.parametrize("codec", ["vp8", "opus", "h264", "av1"])
def test_nothing_and_nonsense_are_no_error(codec: str) -> None:
    for data in (b"", b"\0", b"\xff" * 20, b"\0\0\1", b"\x0a\xff\xff"):
        parameter_sets(EncodedFrame(codec, data))
        stored(EncodedFrame(codec, data))


def test_what_encoders_give_has_parameter_sets() -> None:
    for codec in ("h264", "h265", "av1"):
        assert parameter_sets(video_frames(codec, 2)[0])
        assert not parameter_sets(video_frames(codec, 2)[1])


def test_what_is_behind_a_thousand_obus_of_av1_is_stored_as_it_is() -> None:
    delimiter, empty = b"\x12\0", b"\x32\0"
    few, many = EncodedFrame("av1", delimiter + empty), delimiter + 2000 * empty + delimiter
    assert stored(few) == empty
    assert stored(EncodedFrame("av1", many)) == many.removeprefix(delimiter)
