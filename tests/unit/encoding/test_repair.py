"""Fragmented MP4 that is cut at every place near its end."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest

from orchestrator.encoding.joining.repair import trim_cut_fragment

FPS = 10


def fragmented(path: Path, seconds: int = 3) -> None:
    """An MP4 with a fragment for each second."""
    with av.open(str(path), "w", options={"movflags": "frag_keyframe+empty_moov"}) as file:
        stream = file.add_stream("libx264", rate=FPS, options={"g": str(FPS), "bf": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(FPS * seconds):
            frame = av.VideoFrame(64, 48, "yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))


def head_of_last(data: bytes) -> range:
    """Where the head of the last fragment lies."""
    begins = data.rindex(b"moof") - 4
    return range(begins, begins + int.from_bytes(data[begins : begins + 4], "big"))


def frames(path: Path) -> int:
    with av.open(str(path)) as file:
        return sum(1 for _ in file.decode(video=0))


def test_cut_in_a_head_it_plays_up_to_there(tmp_path: Path) -> None:
    path = tmp_path / "x.mp4"
    fragmented(path)
    whole = path.read_bytes()
    head = head_of_last(whole)
    with av.open(str(path)) as file:
        before = [p for p in file.demux(video=0) if p.pos is not None and p.pos < head.start]
    assert len(before) > FPS
    for end in head[8:]:
        path.write_bytes(whole[:end])
        assert trim_cut_fragment(path)
        assert path.stat().st_size == head.start
        assert not trim_cut_fragment(path)
    assert frames(path) == len(before)


def test_without_that_nothing_could_be_read(tmp_path: Path) -> None:
    path = tmp_path / "x.mp4"
    fragmented(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: head_of_last(whole)[40]])
    with pytest.raises(av.FFmpegError):
        frames(path)


@pytest.mark.parametrize("what", ["whole", "cut", "another", "empty"])
def test_what_is_not_so_is_left_alone(tmp_path: Path, what: str) -> None:
    path = tmp_path / "x.mp4"
    fragmented(path)
    whole = path.read_bytes()
    cut = whole[: head_of_last(whole).stop + 20]
    data = {"whole": whole, "cut": cut, "another": b"\x1a\x45\xdf\xa3" * 9, "empty": b""}[what]
    path.write_bytes(data)
    assert not trim_cut_fragment(path)
    assert path.read_bytes() == data
