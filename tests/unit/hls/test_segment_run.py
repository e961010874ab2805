"""A segment's pieces have all its packets at their times, of every codec that HLS has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import av
import pytest

from orchestrator.fragments.fragment import Container
from orchestrator.fragments.packets import packets
from orchestrator.hls.pieces import Piece
from orchestrator.hls.repackaging import tracks_of
from orchestrator.hls.run import SegmentRun, container_of
from orchestrator.hls.saved import headers, packed, unpacked
from orchestrator.hls.silence import SILENT
from orchestrator.media import SECOND_NS
from orchestrator.stream_copy.packet_muxer import PacketMuxer
from tests.kit.encoded.files import firsts, write
from tests.kit.encoded.frames import (
    audio_frames,
    audio_packets,
    camera,
    in_order,
    microphone,
    video_frames,
    video_packets,
)
from tests.kit.mediafiles.fragmented import VP9, X264, encode


def _run(path: Path, container: Container, *, copied: bool) -> SegmentRun:
    run = SegmentRun(1, path, container, 0.0, copied)
    run.poll(last=True)
    return run


def _media(path: Path) -> list[tuple[str, float, bytes]]:
    with av.open(str(path)) as file:
        return sorted(
            (p.stream.type, round(float((p.pts or 0) * p.time_base), 3), bytes(p))
            for p in file.demux()
            if p.size
        )


def _played(run: SegmentRun) -> list[tuple[str, float, bytes]]:
    return sorted(
        (p.stream.type, round(float((p.pts or 0) * p.time_base), 3), bytes(p))
        for piece in run.pieces
        for p in packets(run.inits[piece.header], run.data(piece), "mp4")
        if bytes(p) != SILENT
    )


def _call(codec: str, path: Path, audio: str = "opus") -> Path:
    spoken = audio_packets(microphone(audio), audio_frames(audio, 300))
    frames = video_frames(codec, 180, keyframe_every=60)
    write(path, in_order(video_packets(camera(codec), frames), spoken))
    return path


def test_mp4_is_served_as_it_is(tmp_path: Path) -> None:
    path = encode(tmp_path / "x.mp4", 7, *X264)
    run = _run(path, "mp4", copied=False)
    assert [info.codec for info in run.codecs] == ["avc1.42c00b", "mp4a.40.2"]
    assert (run.codecs[0].width, run.codecs[0].height) == (192, 108)
    assert _played(run) == _media(path)
    assert len(run.pieces) == 4
    assert all(piece.independent for piece in run.pieces)
    assert run.data(run.pieces[1]) in path.read_bytes()


def test_a_track_that_begins_late_is_late_without_an_edit_list(tmp_path: Path) -> None:
    path = encode(tmp_path / "x.mp4", 5, *X264, "-af", "asetpts=PTS+0.4/TB")
    run = _run(path, "mp4", copied=False)
    audio = next(track for track in tracks_of(run.inits[0]) if not track.is_video)
    assert audio.shift_s <= 0
    assert _played(run) == _media(path)
    begun = min(at_s for kind, at_s, _ in _played(run) if kind == "audio")
    assert begun == pytest.approx(0.4, abs=0.03)


def test_webm_becomes_mp4(tmp_path: Path) -> None:
    path = encode(tmp_path / "x.webm", 7, *VP9, container="webm")
    run = _run(path, "matroska", copied=False)
    assert [info.codec for info in run.codecs] == ["vp09.00.10.08", "opus"]
    assert _played(run) == _media(path)


@pytest.mark.parametrize(
    ("codec", "name"),
    [
        ("h264", "avc1.42c00b"),
        ("vp9", "vp09.00.10.08"),
        ("av1", "av01.0.00M.08"),
        ("h265", "hvc1.1.6.L60.90"),
    ],
)
def test_copied_frames_become_mp4(codec: str, name: str, tmp_path: Path) -> None:
    path = _call(codec, tmp_path / "x.mkv")
    run = _run(path, "matroska", copied=True)
    assert [info.codec for info in run.codecs] == [name, "opus"]
    assert _played(run) == _media(path)
    assert [round(piece.length_s) for piece in run.pieces] == [2, 2, 2]


@pytest.mark.parametrize("audio", ["opus", "pcmu"])
def test_what_hls_has_no_place_for_is_named(audio: str, tmp_path: Path) -> None:
    run = _run(_call("vp8", tmp_path / "x.mkv", audio), "matroska", copied=True)
    assert run.problem is not None
    assert "VP8" in run.problem
    assert run.pieces == []


def test_while_it_is_written_it_gets_the_pieces_of_the_whole_file(tmp_path: Path) -> None:
    whole = encode(tmp_path / "x.mp4", 7, *X264)
    data, path = whole.read_bytes(), tmp_path / "y.mp4"
    run = SegmentRun(1, path, "mp4", 0.0, False)
    assert not run.poll()
    seen = set()
    for length in range(0, len(data), 20_000):
        with path.open("ab") as file:
            file.write(data[file.tell() : length])
        run.poll()
        seen.add(len(run.pieces))
    path.write_bytes(data)
    run.poll(last=True)
    assert run.pieces == _run(whole, "mp4", copied=False).pieces
    assert {0, 1, 2, 3} <= seen


def test_a_piece_of_webm_is_whole_with_the_cluster_that_ends_before_a_keyframe(
    tmp_path: Path,
) -> None:
    whole = encode(tmp_path / "x.webm", 9, *VP9, container="webm")
    data, path, step = whole.read_bytes(), tmp_path / "y.webm", 500
    run = SegmentRun(1, path, "matroska", 0.0, False)
    found: dict[int, int] = {}
    for length in range(0, len(data), step):
        path.write_bytes(data[:length])
        run.poll()
        found.update({piece.number: length for piece in run.pieces[len(found) :]})
    closed = _run(whole, "matroska", copied=False).pieces
    assert run.pieces == closed[: len(run.pieces)]
    assert len(run.pieces) >= len(closed) - 1
    assert all(piece.independent for piece in closed)
    for piece in run.pieces:
        last = piece.fragments[-1]
        assert found[piece.number] - (last.offset + last.length) < step


def test_a_copied_piece_is_whole_when_the_next_keyframe_is_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x.mkv"
    spoken = audio_packets(microphone(), audio_frames("opus", 400))
    frames = video_frames("h264", 240, keyframe_every=60)
    packets_ = list(in_order(video_packets(camera("h264"), frames), spoken))
    muxer = PacketMuxer(path, "matroska", firsts(packets_), zero_ns=0, tags={})
    run = SegmentRun(1, path, "matroska", 0.0, True)
    begun = 0
    for packet in packets_:
        muxer.write(packet)
        begun += packet.track == camera("h264") and packet.frame.keyframe
        assert run.poll() or len(run.pieces) == begun - 1
        assert len(run.pieces) == begun - 1
    muxer.close()
    run.poll(last=True)
    assert run.pieces == _run(path, "matroska", copied=True).pieces
    assert len(run.pieces) == 4


@pytest.mark.parametrize(
    ("beginning", "found"),
    [(b"", None), (b"\x1aE\xdf\xa3abcdef", "matroska"), (b"\0\0\0\x1cftyp", "mp4")],
)
def test_a_container_is_known_by_its_first_bytes(
    beginning: bytes, found: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "x"
    assert container_of(path) is None
    path.write_bytes(beginning)
    assert container_of(path) == found


def _late(path: Path, late: str) -> Iterator[None]:
    """A copy of 12 s one track of which begins 5 s later; steps by a second of it."""
    frames = video_frames("h264", 30 * (7 if late == "video" else 12), keyframe_every=60)
    voice = audio_frames("opus", 50 * (7 if late == "audio" else 12))
    video = list(video_packets(camera("h264"), frames, start_s=5.0 * (late == "video")))
    audio = list(audio_packets(microphone(), voice, start_s=5.0 * (late == "audio")))
    first, second = (audio, video) if late == "video" else (video, audio)
    muxer = PacketMuxer(path, "matroska", firsts(first), zero_ns=0, tags={})
    added, told_ns = False, 0
    for packet in in_order(iter(first), iter(second)):
        if packet.track == second[0].track and not added:
            muxer.add_track(packet.track, packet.frame)
            added = True
        muxer.write(packet)
        if packet.time_ns >= told_ns:
            told_ns += SECOND_NS
            yield
    muxer.close()


@pytest.mark.parametrize(("late", "tracks"), [("video", [1, 2]), ("audio", [2])])
def test_video_that_comes_later_has_a_header_of_its_own(
    late: str, tracks: list[int], tmp_path: Path
) -> None:
    path = tmp_path / "x.mkv"
    run = SegmentRun(1, path, "matroska", 0.0, True)
    for _ in _late(path, late):
        run.poll()
    assert {piece.header for piece in run.pieces} == {*range(len(tracks))}
    run.poll(last=True)
    assert _played(run) == _media(path)
    assert [len(tracks_of(init)) for init in run.inits] == tracks
    again = _run(path, "matroska", copied=True)
    assert again.pieces == run.pieces
    assert again.inits == run.inits
    assert unpacked(packed(run.pieces)) == [replace(p, fragments=()) for p in run.pieces]
    assert headers(b"".join(run.inits)) == run.inits


def _audio_of(run: SegmentRun, piece: Piece) -> list[tuple[float, float, bytes]]:
    """Begin, end and content of each packet."""
    found = []
    for p in packets(run.inits[piece.header], run.data(piece), "mp4"):
        if p.stream.type == "audio":
            begin, length = p.pts or 0, p.duration or 0
            ends = (float(begin * p.time_base), float((begin + length) * p.time_base))
            found.append((*ends, bytes(p)))
    return found


def test_a_muted_microphone_is_silent(tmp_path: Path) -> None:
    path, frames = tmp_path / "x.mkv", video_frames("h264", 420, keyframe_every=60)
    spoken = [
        audio_packets(microphone(), audio_frames("opus", 150), start_s=begin_s)
        for begin_s in (0.5, 8.0)
    ]
    write(path, in_order(video_packets(camera("h264"), frames), *spoken))
    run = _run(path, "matroska", copied=True)
    assert _played(run) == _media(path)
    assert len(run.inits) == 1
    heard = [each for piece in run.pieces for each in _audio_of(run, piece)]
    holes = [after[0] - before[1] for before, after in pairwise(heard)]
    assert all(abs(hole) < 0.003 for hole in holes), holes
    assert heard[0][0] == 0
    assert heard[-1][1] == pytest.approx(14, abs=0.01)
    assert {at_s for at_s, _, data in heard if data == SILENT} > {0.0, 4.0, 12.0}


def test_audio_whose_place_was_known_late_does_not_move_its_piece(tmp_path: Path) -> None:
    path, frames = tmp_path / "x.mkv", video_frames("h264", 240, keyframe_every=60)
    shown = list(video_packets(camera("h264"), frames))
    spoken = list(audio_packets(microphone(), audio_frames("opus", 400)))
    held_ns = 3 * SECOND_NS
    early = [p for packets in (shown, spoken) for p in packets if p.time_ns < held_ns]
    later = in_order(iter(p for p in (*shown, *spoken) if p.time_ns >= held_ns))
    write(path, early + later)
    run = _run(path, "matroska", copied=True)
    assert {piece.header for piece in run.pieces} == {0}
    for piece in run.pieces:
        begins = [at_s for at_s, _, _ in _audio_of(run, piece)]
        assert piece.begin_s - 0.51 < begins[0] <= piece.begin_s + 0.001
        assert begins == sorted(begins)
    spoken_s = [
        at_s for piece in run.pieces for at_s, _, data in _audio_of(run, piece) if data != SILENT
    ]
    assert spoken_s[0] == pytest.approx(1.5, abs=0.03)


def test_audio_that_hls_does_not_have_is_encoded_when_it_comes(tmp_path: Path) -> None:
    path, frames = tmp_path / "x.mkv", video_frames("h264", 240, keyframe_every=60)
    shown = video_packets(camera("h264"), frames)
    spoken = audio_packets(microphone("pcmu"), audio_frames("pcmu", 100), start_s=5.0)
    write(path, in_order(shown, spoken))
    run = _run(path, "matroska", copied=True)
    assert (run.problem, len(run.inits)) == (None, 1)
    assert [piece.mixed for piece in run.pieces] == [False, False, True, True]


def test_tracks_that_hls_does_not_have_are_counted(tmp_path: Path) -> None:
    path = _call("h264", tmp_path / "x.mkv")
    assert _run(path, "matroska", copied=True).left_out == 0
    shown = [video_packets(camera("h264", n), video_frames("h264", 100)) for n in ("a", "b")]
    voices = [audio_packets(microphone(name=n), audio_frames("opus", 100)) for n in ("c", "d")]
    write(path, in_order(*shown, *voices))
    assert _run(path, "matroska", copied=True).left_out == 1, "all audio is in it"


def test_damaged_headers_are_no_headers() -> None:
    with pytest.raises(ValueError, match="damaged"):
        headers(b"x" * 20)
