"""Packets of containers as encoded frames: parameter sets, lengths, ADTS, open GOPs."""

from __future__ import annotations

import pytest

from orchestrator.media import EncodedFrame, TrackKind
from orchestrator.sources.url.packets import EncodedTrack, TrackFormat, word_of

START = b"\0\0\0\1"
SPS, PPS = b"\x67\x42\0\x0a\x8c\x8d\x40", b"\x68\xce\x3c\x80"
AVCC = b"\1\x42\0\x0a\xff\xe1" + b"\0\7" + SPS + b"\1" + b"\0\4" + PPS
SLICE = b"\x65slice"
VPS, HSPS, HPPS = b"\x40\1vps", b"\x42\1sps", b"\x44\1pps"
HVCC = (
    b"\1"
    + bytes(20)
    + b"\xff"
    + b"\3"
    + b"".join(
        bytes((unit[0] >> 1,)) + b"\0\1\0" + bytes((len(unit),)) + unit
        for unit in (VPS, HSPS, HPPS)
    )
)


def video(codec: str, extradata: bytes = b"") -> EncodedTrack:
    return EncodedTrack(TrackFormat(TrackKind.VIDEO, codec, extradata, 640, 360))


def audio(codec: str, extradata: bytes = b"") -> EncodedTrack:
    track = TrackFormat(TrackKind.AUDIO, codec, extradata, rate=48_000, channels=2)
    return EncodedTrack(track)


def frame(track: EncodedTrack, data: bytes, *, keyframe: bool = True) -> EncodedFrame:
    made = track.frame(data, keyframe=keyframe, duration_ns=21_333_333)
    assert made is not None
    return made


def test_lengths_become_start_codes_and_a_keyframe_gets_its_parameter_sets() -> None:
    made = frame(video("h264", AVCC), len(SLICE).to_bytes(4) + SLICE)
    assert made.data == START + SPS + START + PPS + START + SLICE
    delta = frame(video("h264", AVCC), b"\0\0\0\3\x41ab", keyframe=False)
    assert (delta.data, delta.keyframe) == (START + b"\x41ab", False)


def test_parameter_sets_come_after_a_delimiter_and_only_where_there_are_none() -> None:
    track = video("h264", START + SPS + START + PPS)
    delimiter = START + b"\x09\xf0"
    bare = delimiter + START + SLICE
    made = frame(track, bare)
    assert made.data == delimiter + START + SPS + START + PPS + START + SLICE
    assert frame(track, made.data).data == made.data


def test_h265_likewise() -> None:
    made = frame(video("h265", HVCC), b"\0\0\0\5\x26\1idr")
    assert made.data == b"".join(START + unit for unit in (VPS, HSPS, HPPS, b"\x26\1idr"))


def test_av1_gets_its_sequence_header() -> None:
    header = b"\x0a\x03abc"
    made = frame(video("av1", b"\x81\0\0\0" + header), b"\x32\x01x")
    assert made.data == header + b"\x32\x01x"


@pytest.mark.parametrize("extradata", [b"\1", b"\1\2\3\4\5\6\7", b"\1" + b"\xff" * 40, b"\0"])
@pytest.mark.parametrize("codec", ["h264", "h265", "av1", "vp9"])
def test_damaged_descriptions_do_no_harm(codec: str, extradata: bytes) -> None:
    track = video(codec, extradata)
    for data in (b"", b"\0", b"\0\0\0\1", b"\xff" * 9):
        track.frame(data, keyframe=True, duration_ns=0)


def test_nothing_is_taken_before_a_keyframe_nor_what_is_shown_before_it() -> None:
    track = video("h265")
    assert track.waits_for_keyframe
    shown = ((10, False), (40, True), (20, False), (30, False), (70, False), (50, False))
    assert [track.takes(at, keyframe=key) for at, key in shown] == [
        *(False, True, False, False),
        *(True, True),
    ]
    assert (track.left_out, track.waits_for_keyframe) == (3, False)
    assert audio("aac").takes(0, keyframe=True)


def test_aac_of_mpeg_ts_loses_its_header_and_is_described() -> None:
    adts = b"\xff\xf1\x4c\x80\x24\x9f\xfc"  # LC, 48 kHz, 2 channels
    made = frame(audio("aac"), adts + b"raw")
    assert (made.data, made.private) == (b"raw", b"\x11\x90")
    assert (made.rate, made.channels, made.duration_ns) == (48_000, 2, 21_333_333)


def test_aac_of_rtmp_is_as_it_came() -> None:
    made = frame(audio("aac", b"\x12\x10\x56"), b"raw")
    assert (made.data, made.private) == (b"raw", b"\x12\x10\x56")


def test_aac_that_nothing_describes_is_left_out() -> None:
    assert audio("aac").frame(b"raw", keyframe=True, duration_ns=1) is None


def test_opus_says_how_long_it_is() -> None:
    assert frame(audio("opus"), b"\xf8\xff\xfe").duration_ns == 20_000_000


def test_names_of_codecs() -> None:
    assert word_of("hevc", rate=0, channels=0) == "h265"
    assert word_of("pcm_mulaw", rate=8000, channels=1) == "pcmu"
    assert word_of("pcm_mulaw", rate=16_000, channels=1) == "pcm_mulaw"
    assert word_of("mp3", rate=44_100, channels=2) == "mp3"
