"""What is written as NUT is what libavformat reads."""

from __future__ import annotations

import io
from fractions import Fraction

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.pipes import nut

RATES = {nut.VIDEO: 90_000, nut.AUDIO: 48_000}
Written = list[tuple[int, int, bytes]]
"""Stream, PTS and data of each frame."""

STRICT = {"err_detect": "crccheck+explode"}
frames = st.tuples(
    st.sampled_from([nut.VIDEO, nut.AUDIO]),
    st.integers(0, 2**34),
    st.binary(min_size=4, max_size=300).map(lambda data: data[: len(data) // 4 * 4]),
)


def written(frames: Written, *, width: int = 64, height: int = 48) -> io.BytesIO:
    parts = [nut.header(width, height, 30)]
    for stream, pts, data in frames:
        parts += [nut.frame(stream, pts, len(data)), data]
    return io.BytesIO(b"".join(parts))


def read(file: io.BytesIO) -> Written:
    with av.open(file, "r", format="nut", container_options=STRICT) as container:
        packets = ((p.stream.index, p.pts, bytes(p)) for p in container.demux() if p.size)
        return [(index, pts, data) for index, pts, data in packets if pts is not None]


@given(st.lists(frames, min_size=1, max_size=20))
def test_every_frame_is_read_as_it_was_written(frames: Written) -> None:
    assert read(written(frames)) == frames


def test_a_frame_is_larger_than_what_needs_a_checksum() -> None:
    frames = [(nut.VIDEO, 3003 * n, bytes([n]) * (1280 * 720 * 3 // 2)) for n in range(3)]
    assert read(written(frames, width=1280, height=720)) == frames


@pytest.mark.parametrize("size", [(16, 16), (1280, 720), (4096, 4096)])
def test_the_streams_are_what_is_said_of_them(size: tuple[int, int]) -> None:
    width, height = size
    with av.open(written([], width=width, height=height), "r", format="nut") as container:
        (video,), (audio,) = container.streams.video, container.streams.audio
        assert (video.width, video.height, video.pix_fmt) == (*size, "yuv420p")
        assert video.codec.name == "rawvideo"
        assert video.base_rate == 30
        assert (audio.codec.name, audio.rate, audio.channels) == ("pcm_s16le", 48_000, 2)
        found = {stream.index: stream.time_base for stream in container.streams}
        assert found == {index: Fraction(1, rate) for index, rate in RATES.items()}


def test_the_checksum_is_the_one_of_the_format() -> None:
    # CRC-32/CKSUM's polynomial without its end: the check value of "123456789" for init 0, xor 0.
    assert nut._checksum(b"123456789").hex() == "89a1897f"


@pytest.mark.parametrize("fps", [1, 4.97, 29.97, 60, 240])
def test_each_frame_lasts_as_the_rate_before_it_says(fps: float) -> None:
    """What libaom plans its bits with: it was configured for 30 a second, for ever."""
    frame = (nut.frame(nut.VIDEO, 0, 4), b"1234")
    parts = [
        nut.header(2, 2, fps),
        *frame,
        nut.rate(fps / 2),
        *frame,
        *frame,
        nut.rate(fps),
        *frame,
    ]
    with av.open(io.BytesIO(b"".join(parts)), "r", format="nut", container_options=STRICT) as file:
        durations = [packet.duration for packet in file.demux(video=0) if packet.size]
    once, twice = round(90_000 / fps), round(2 * 90_000 / fps)
    assert durations == [once, twice, twice, once]
