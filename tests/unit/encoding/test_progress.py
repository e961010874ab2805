"""Reports of two ffmpeg versions, in whatever pieces they come."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.encoding.process.progress import Progress, ProgressParser

NINE = b"""frame=45
fps=0.00
stream_0_0_q=0.0
bitrate= 276.7kbits/s
total_size=51880
out_time_us=1500000
out_time_ms=1500000
out_time=00:00:01.500000
dup_frames=0
drop_frames=3
speed=2.98x
progress=continue
frame=90
fps=88.21
stream_0_0_q=-1.0
bitrate=1340.6kbits/s
total_size=1360175
out_time_us=8116689
out_time_ms=8116689
out_time=00:00:08.116689
dup_frames=1
drop_frames=3
speed=1.32x
progress=end
"""

FIVE_AUDIO_ONLY = b"""bitrate=N/A
total_size=N/A
out_time_us=N/A
out_time_ms=N/A
out_time=N/A
dup_frames=0
drop_frames=0
speed=N/A
progress=continue
"""


def test_blocks_of_version_9() -> None:
    first, last = ProgressParser().feed(NINE)
    assert first == Progress(45, 0.0, 2.98, 276_700.0, 51_880, 1.5, 3, done=False)
    assert last.done
    assert last.out_time_s == 8.116689
    assert last.position > first.position


def test_what_is_not_known_is_none() -> None:
    (block,) = ProgressParser().feed(FIVE_AUDIO_ONLY)
    assert block == Progress(drop_frames=0)
    assert not block.begun


def test_begun_by_a_frame_or_by_time() -> None:
    assert Progress(frame=1).begun
    assert Progress(out_time_s=0.02).begun
    assert not Progress(frame=0, out_time_s=0.0).begun


@given(st.lists(st.integers(0, len(NINE)), max_size=20))
def test_pieces_make_no_difference(cuts: list[int]) -> None:
    parser = ProgressParser()
    edges = [0, *sorted(cuts), len(NINE)]
    pieces = [NINE[a:b] for a, b in pairwise(edges)]
    blocks = [block for piece in pieces for block in parser.feed(piece)]
    assert blocks == ProgressParser().feed(NINE)


@given(st.binary(max_size=4000))
def test_garbage_is_survived_and_not_kept(data: bytes) -> None:
    parser = ProgressParser()
    parser.feed(data)
    parser.feed(b"x" * 100_000)
    assert parser.feed(b"\nframe=7\nprogress=continue\n")[-1].frame == 7
