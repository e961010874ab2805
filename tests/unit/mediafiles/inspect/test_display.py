"""How players show a file: turned, with pixels that aren't square, cut by an edit list."""

from __future__ import annotations

import subprocess
from fractions import Fraction
from pathlib import Path

import pytest

from orchestrator.cli.inspection_table import rows
from orchestrator.mediafiles.inspect.findings import findings
from orchestrator.mediafiles.inspect.read import inspect
from orchestrator.mediafiles.inspect.report import Display
from orchestrator.mediafiles.inspect.video_meter import display_of
from tests.kit.fakes import REAL
from tests.kit.mediafiles.measured import FRAME_S, video_of
from tests.kit.mediafiles.synthetic import RATE, AudioTrack, Film, VideoTrack, times, tone


def copied(source: Path, *options: str, before: tuple[str, ...] = ()) -> Path:
    """`source` by ffmpeg's stream copy, with options for the input (`before`) and the output."""
    made = source.with_name("copied.mp4")
    command = [str(REAL), "-v", "error", *before, "-i", str(source), "-c", "copy", *options]
    subprocess.run([*command, str(made)], check=True, timeout=60)
    return made


@pytest.mark.parametrize("decode", [True, False])
@pytest.mark.parametrize(("degrees", "size"), [(90, (96, 160)), (-90, (96, 160)), (180, (160, 96))])
def test_a_turned_video(
    steady: Path, degrees: int, size: tuple[int, int], decode: bool, tmp_path: Path
) -> None:
    # A folder of its own: `steady` is shared.
    source = tmp_path / "steady.mp4"
    source.write_bytes(steady.read_bytes())
    path = copied(source, before=("-display_rotation", str(degrees)))
    found = inspect(path, decode=decode)
    (video,) = found.video
    assert (video.header.width, video.header.height) == (160, 96)
    assert video.display is not None
    assert (video.display.width, video.display.height) == size
    assert abs(video.display.rotation_deg) == abs(degrees)
    texts = [finding.text for finding in findings(found)]
    assert any(f"show it as {size[0]}x{size[1]}" in text for text in texts), texts
    assert "rotation" in {name.strip() for name, _ in rows(found)}


@pytest.mark.parametrize("decode", [True, False])
def test_pixels_that_are_not_square(decode: bool, tmp_path: Path) -> None:
    source = Film(tmp_path / "x.mp4", "mp4", VideoTrack(times(1))).write()
    path = copied(source, "-bsf:v", "h264_metadata=sample_aspect_ratio=4/3")
    found = inspect(path, decode=decode)
    (video,) = found.video
    assert video.header.sample_aspect_ratio == "4:3"
    assert video.display == Display(213, 96, 0)
    shown = dict((name.strip(), value) for name, value in rows(found))
    assert "shown as 213x96" in shown["video 0"]
    assert shown["pixels"] == "sample aspect ratio 4:3"


def test_a_plain_video_says_nothing_of_its_display(steady: Path) -> None:
    found = inspect(steady)
    assert found.video[0].display == Display(160, 96, 0)
    assert "rotation" not in {name.strip() for name, _ in rows(found)}


@pytest.mark.parametrize(
    ("aspect", "degrees", "shown"),
    [(Fraction(1), 0, (160, 90)), (Fraction(4, 3), 90, (90, 213)), (Fraction(1), -180, (160, 90))],
)
def test_the_size_that_is_shown(aspect: Fraction, degrees: int, shown: tuple[int, int]) -> None:
    assert display_of(160, 90, aspect, degrees) == Display(*shown, degrees)


@pytest.mark.parametrize("decode", [True, False])
def test_what_an_edit_list_hides_is_not_counted(decode: bool, tmp_path: Path) -> None:
    """Cut by copy at 1.5 s: the packets from the keyframe at 0 s on are there, but not shown."""
    frames = VideoTrack(times(3), key_every=60)
    audio_track = AudioTrack([(0, tone(3))], "aac")
    source = Film(tmp_path / "x.mp4", "mp4", frames, audio_track).write()
    path = copied(source, before=("-ss", "1.5"))
    found = inspect(path, decode=decode)
    (video,), (audio,) = found.video, found.audio
    assert video.traffic.packets == 90
    assert video.traffic.hidden_packets == 45
    assert (video.start_s, video.end_s) == pytest.approx((0, 1.5), abs=FRAME_S / 2)
    assert audio.start_s == pytest.approx(0, abs=1024 / RATE)
    assert found.measured_duration_s == pytest.approx(1.5, abs=0.03)
    assert found.start_offset_s == pytest.approx(0, abs=1024 / RATE)
    assert not [one for one in findings(found) if one.verdict != "ok"]
    shown_bytes = video.traffic.bitrate_bps or 0
    assert 0 < shown_bytes * 1.5 / 8 < video.traffic.size_bytes


def test_both_ways_of_reading_agree_on_the_bit_rate(steady: Path) -> None:
    fast, whole = video_of(steady, decode=False), video_of(steady)
    assert fast.traffic.bitrate_bps == pytest.approx(whole.traffic.bitrate_bps, rel=0.01)
