"""Files with tracks that begin late and stop early: what a probe says of them."""

from __future__ import annotations

from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path

import pytest

from orchestrator.mediafiles.probe import TrackProbe, probe
from orchestrator.stream_copy.packet_join import join_packets
from orchestrator.stream_copy.track import Packet
from tests.kit.encoded.files import write
from tests.kit.encoded.frames import (
    audio_frames,
    audio_packets,
    camera,
    in_order,
    microphone,
    video_frames,
    video_packets,
)


def _video(start_s: float, end_s: float) -> list[Packet]:
    frames = tuple(islice(cycle(video_frames("h264", 30)), round((end_s - start_s) * 10)))
    return [*video_packets(camera("h264"), frames, start_s=start_s, fps=10)]


def _audio(start_s: float, end_s: float, name: str = "alice microphone") -> list[Packet]:
    frames = tuple(islice(cycle(audio_frames("opus", 40)), round((end_s - start_s) * 50)))
    return [*audio_packets(microphone(name=name), frames, start_s=start_s)]


@pytest.mark.parametrize("container", ["live", "matroska", "mp4"])
@pytest.mark.parametrize(
    "tracks",
    [
        [_video(0, 20), _audio(0, 3)],
        [_video(0, 20), _audio(17, 20)],
        [_video(0, 3), _audio(0, 20)],
        [_video(12, 20), _audio(0, 4), _audio(8, 11, "bob microphone")],
        [_audio(0, 20), _audio(3, 5, "bob microphone")],
        [_video(0, 20), _audio(0, 20), _audio(9, 11, "bob microphone")],
    ],
    ids=["mutes", "comes late", "camera off", "camera late", "audio alone", "a visitor"],
)
def test_it_plays_and_has_all_tracks(
    tmp_path: Path, tracks: list[list[Packet]], container: str
) -> None:
    path = tmp_path / "live.mkv"
    write(path, in_order(*map(iter, tracks)))
    if container != "live":
        join_packets([(path, 0.0)], tmp_path / "joined", container, tags={})
        path = tmp_path / "joined"
    found = probe(path)
    assert found.problem is None
    assert found.duration_s == pytest.approx(20, abs=0.15)
    declared = [track[0].track for track in tracks]
    kinds = sorted(declared, key=lambda track: track.kind, reverse=True)
    assert found.tracks == tuple(TrackProbe(each.kind, each.codec, each.name) for each in kinds)


def test_how_long_a_track_is_that_does_not_last_to_the_end(tmp_path: Path) -> None:
    path = tmp_path / "live.mkv"
    write(path, in_order(iter(_video(0, 20)), iter(_audio(1, 3))))
    for container, lasts_s in (("matroska", 2.0), ("mp4", 2.0)):
        join_packets([(path, 0.0)], tmp_path / "joined", container, tags={})
        audio = probe(tmp_path / "joined").audio
        assert audio is not None
        assert audio.duration_s == pytest.approx(lasts_s, abs=0.002)


@pytest.mark.parametrize("which", [0, 1])
def test_a_second_camera_is_decoded_too(tmp_path: Path, which: int) -> None:
    path, frames = tmp_path / "live.mkv", video_frames("vp8", 30)
    noise = tuple(replace(frame, data=b"\xff" * 50) for frame in frames)
    tracks = [
        video_packets(camera("vp8", f"camera {number}"), noise if number == which else frames)
        for number in range(2)
    ]
    write(path, in_order(*tracks))
    problem = probe(path).problem
    assert problem is not None
    assert "video" in problem


@pytest.mark.parametrize("container", ["live", "matroska", "mp4"])
def test_videos_whose_keyframes_are_at_other_moments_play(tmp_path: Path, container: str) -> None:
    path = tmp_path / "live.mkv"
    codec = "h264" if container == "mp4" else "vp8"  # a decoder of VP8 refuses what needs another
    frames = video_frames(codec, 90, keyframe_every=30)
    first, other = camera(codec), camera(codec, "bob camera")
    videos = [video_packets(first, frames), video_packets(other, frames[:83], start_s=0.25)]
    write(path, in_order(*videos))
    if container != "live":
        join_packets([(path, 0.0)], tmp_path / "joined", container, tags={})
        path = tmp_path / "joined"
    assert probe(path).problem is None
