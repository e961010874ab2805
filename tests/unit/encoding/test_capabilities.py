"""Which ffmpeg is taken, and why another one is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.encoding.pipeline.loading import Pipelines
from orchestrator.encoding.process.capabilities import (
    HYBRID_FRAGMENTED,
    FFmpeg,
    ffmpeg_for,
    find_ffmpeg,
    parse_encoders,
    parse_muxers,
    parse_version,
    usable_ffmpeg,
)
from orchestrator.errors import EncoderMissing, FFmpegNotFound
from orchestrator.settings import Settings
from tests.kit.fakes import REAL

ENCODERS = """Encoders:
 V..... = Video
 A..... = Audio
 ------
 V....D libx264              libx264 H.264 / AVC (codec h264)
 V..... libaom-av1           libaom AV1 (codec av1)
 A....D aac                  AAC (Advanced Audio Coding)
"""
MUXERS = """File formats:
 D. = Demuxing supported
 .E = Muxing supported
 --
  E 3gp             3GP (3GPP file format)
 D  aa              Audible AA format files
  E mov,mp4x        QuickTime
  E mp4             MP4 (MPEG-4 Part 14)
 DE nut             NUT
"""


def fake(path: Path, *, hybrid: bool, version: str = "5.1.9-0+deb12u1") -> Path:
    """A program that answers like an ffmpeg."""
    flag = "hybrid_fragmented" if hybrid else "frag_keyframe"
    path.write_text(
        "#!/bin/sh\n"
        f'case "$*" in\n*-version*) echo "ffmpeg version {version} Copyright";;\n'
        f"*-encoders*) cat <<'END'\n{ENCODERS}END\n;;\n"
        f"*-muxers*) cat <<'END'\n{MUXERS}END\n;;\n"
        f"*) echo ' {flag} ';;\nesac\n"
    )
    path.chmod(0o700)
    return path


def test_lists_are_read() -> None:
    assert parse_encoders(ENCODERS) == {"libx264", "libaom-av1", "aac"}
    assert parse_muxers(MUXERS) == {"3gp", "mov", "mp4x", "mp4", "nut"}
    assert parse_version("ffmpeg version n9.0.2-17-g2a Copyright (c)") == "n9.0.2-17-g2a"
    with pytest.raises(ValueError, match="not an ffmpeg"):
        parse_version("usage: cat")


async def test_path_is_taken_when_it_can_do_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(tmp_path / "ffmpeg", hybrid=True)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    found = await find_ffmpeg(None, frozenset({"libx264", "aac"}))
    assert (found.path, found.origin) == (tmp_path / "ffmpeg", "path")
    assert found.version == "5.1.9-0+deb12u1"


@pytest.mark.parametrize(("hybrid", "needed"), [(False, "libx264"), (True, "libsvtav1")])
async def test_else_the_one_of_the_wheel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hybrid: bool, needed: str
) -> None:
    fake(tmp_path / "ffmpeg", hybrid=hybrid)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    found = await find_ffmpeg(None, frozenset({needed}))
    assert (found.path, found.origin) == (REAL, "wheel")
    assert HYBRID_FRAGMENTED in found.features
    assert {"libaom-av1", "libx264", "libvpx-vp9", "libsvtav1", "aac"} <= found.encoders
    assert {"mp4", "webm", "hls", "image2"} <= found.muxers


async def test_the_setting_is_taken_as_it_is(tmp_path: Path) -> None:
    path = fake(tmp_path / "mine", hybrid=False)
    found = await find_ffmpeg(path, frozenset({"libsvtav1"}))
    assert (found.path, found.origin, found.features) == (path, "setting", frozenset())


@pytest.mark.parametrize("kind", ["missing", "folder", "no program", "not an ffmpeg"])
async def test_a_setting_that_is_no_ffmpeg_is_refused_by_name(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "mine"
    if kind == "folder":
        path.mkdir()
    elif kind == "no program":
        path.write_text("text")
    elif kind == "not an ffmpeg":
        path.write_text("#!/bin/sh\necho hello\n")
        path.chmod(0o700)
    with pytest.raises(FFmpegNotFound) as refused:
        await find_ffmpeg(path, frozenset())
    assert str(path) in refused.value.detail


async def test_a_replaced_program_is_asked_again(tmp_path: Path) -> None:
    path = fake(tmp_path / "mine", hybrid=True)
    assert (await find_ffmpeg(path, frozenset())).version == "5.1.9-0+deb12u1"
    fake(path, hybrid=True, version="10.0")
    assert (await find_ffmpeg(path, frozenset())).version == "10.0"


def test_an_encoder_that_is_missing_is_named() -> None:
    pipelines = Pipelines.load(None)
    ffmpeg = FFmpeg(
        Path("/usr/bin/ffmpeg"), "5.1", frozenset({"aac"}), frozenset({"mp4"}), frozenset(), "path"
    )
    problem = ffmpeg.problem(pipelines.get("av1-svt"))
    assert problem is not None
    assert "libsvtav1, which the ffmpeg at /usr/bin/ffmpeg (5.1) lacks" in problem.error
    problem = ffmpeg.problem(pipelines.get("webm"))
    assert problem is not None
    assert "webm (muxer)" in problem.error
    whole = FFmpeg(
        ffmpeg.path, "9", frozenset({"aac", "libx264"}), frozenset({"mp4"}), frozenset(), "path"
    )
    assert whole.problem(pipelines.get("mp4")) is None


async def test_one_check_for_who_starts_checks_or_shows_a_pipeline(tmp_path: Path) -> None:
    """The ffmpeg of the settings is used as it is, and what it lacks is said."""
    path = fake(tmp_path / "mine", hybrid=True)
    settings = Settings(_env_file=None, ffmpeg=path)
    pipeline = Pipelines.load(None).get("av1-svt")
    assert (await ffmpeg_for(settings, [pipeline])).path == path
    with pytest.raises(EncoderMissing, match="libsvtav1"):
        await usable_ffmpeg(settings, pipeline)
    found = await usable_ffmpeg(Settings(_env_file=None), pipeline)
    assert found.problem(pipeline) is None
