"""A user's pipeline that forgets what keeps a recording safe gets it all the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.encoding.pipeline.command import Pipelines, command
from orchestrator.encoding.pipeline.job import Job
from orchestrator.encoding.pipeline.safe_options import SAFE_OPTIONS, completed, safe_options
from tests.kit.documented import FORGETFUL

TAGS = {"title": "Ö", "recording_id": "r1"}
SAFE = safe_options("mp4", "+fragments")
METADATA = {"metadata:g:0": "title=Ö", "metadata:g:1": "recording_id=r1"}


def argv_of(folder: Path, text: str) -> list[str]:
    (folder / "mine.py").write_text(text)
    return command(
        Pipelines.load(folder).get("mine"),
        ffmpeg="ffmpeg",
        source="in.nut",
        output="0001.out",
        width=640,
        height=360,
        video_bitrate_bps=1,
        audio_bitrate_bps=1,
        tags=TAGS,
        aside="aside",
    )


def options_of(argv: list[str], output: str) -> dict[str, str]:
    """The options between the output before and this one, without maps and filters."""
    words = argv[: argv.index(output)]
    begin = max(at for at, word in enumerate(words) if word in {"-map", "-i"}) + 2
    return dict(zip(words[begin::2], words[begin + 1 :: 2], strict=True))


@pytest.mark.parametrize("container", ["mp4", "mov", "webm", "matroska", "mpegts"])
def test_what_is_forgotten_is_added(tmp_path: Path, container: str) -> None:
    options = options_of(
        argv_of(tmp_path, FORGETFUL.format(container=container, more="")), "0001.out"
    )
    assert options["-f"] == container
    for name, value in SAFE_OPTIONS.items():
        assert options[f"-{name}"] == str(value)
    assert {"title=Ö", "recording_id=r1"} <= set(options.values())
    assert ("-movflags" in options) == (container in {"mp4", "mov"})
    assert ("-frag_duration" in options) == (container in {"mp4", "mov"})
    assert ("-cluster_time_limit" in options) == (container in {"webm", "matroska"})


def test_further_outputs_are_left_alone(tmp_path: Path) -> None:
    argv = argv_of(
        tmp_path,
        "import ffmpeg\n"
        "EXTENSION, CONTAINER, VIDEO_CODEC, AUDIO_CODEC = 'mkv', 'matroska', 'libx264', 'aac'\n"
        "def build(job):\n"
        "    a, b = job.video.split()[0], job.video.split()[1]\n"
        "    one = ffmpeg.output(a, job.audio, job.output, acodec='aac')\n"
        "    two = ffmpeg.output(b, job.aside + '.jpg', vcodec='mjpeg')\n"
        "    return ffmpeg.merge_outputs(one, two).global_args('-benchmark')\n",
    )
    assert options_of(argv, "0001.out")["-flush_packets"] == "1"
    assert options_of(argv, "aside.jpg") == {"-vcodec": "mjpeg"}
    assert "-benchmark" in argv


def test_safe_options_are_those_that_are_added() -> None:
    job = Job(None, None, "o", 2, 2, 1, 1, 0, 1, TAGS, container="webm")
    assert completed({}, safe_options("webm", ""), job.metadata) == job.safe_options


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"flush_packets": 0}, "flush_packets"),
        ({"force_key_frames": "0,1"}, "force_key_frames:v"),
        ({"g:v": 30}, "force_key_frames:v"),
        ({"r": 30}, "fps_mode"),
        ({"vsync": "cfr"}, "fps_mode"),
        ({"fps_mode:v": "vfr"}, "fps_mode"),
        ({"frag_size": 5}, "frag_duration"),
        ({"format": "mp4"}, "f"),
    ],
)
def test_what_is_set_is_kept(given: dict[str, Any], kept: str) -> None:
    options = completed(given, SAFE, {})
    assert {option: options[option] for option in given} == given
    assert kept in given or kept not in options
    assert options["max_interleave_delta"] == 0


@pytest.mark.parametrize(
    ("flags", "wanted"),
    [
        ("faststart", "+fragments"),
        ("+faststart+write_colr", "+fragments+write_colr"),
        ("write_colr-rtphint", "+fragments+write_colr-rtphint"),
        ("frag_keyframe+empty_moov", "frag_keyframe+empty_moov"),
    ],
)
def test_an_mp4_that_a_crash_would_cost_is_fragmented(flags: str, wanted: str) -> None:
    assert completed({"movflags": flags}, SAFE, {})["movflags"] == wanted


def test_tags_of_the_pipeline_come_first() -> None:
    options = completed({"metadata:g:0": "title=mine", "metadata": "artist=me"}, SAFE, METADATA)
    tags = [value for option, value in options.items() if option.startswith("metadata")]
    assert sorted(tags) == ["artist=me", "recording_id=r1", "title=mine"]


def test_tags_of_a_stream_are_not_those_of_the_file() -> None:
    given = {"metadata:s:a:0": "title=left", "metadata:g": "Recording_ID=mine"}
    options = completed(given, SAFE, METADATA)
    tags = [value for option, value in options.items() if option.startswith("metadata")]
    assert sorted(tags) == ["Recording_ID=mine", "title=left", "title=Ö"]


@pytest.mark.parametrize("option", ["vcodec", "c:v", "codec:v:0"])
def test_an_encoder_without_a_fine_clock_gets_frames_at_a_rate(option: str) -> None:
    options = completed({option: "mpeg4", "acodec": "aac"}, SAFE, {})
    assert not options.keys() & {"fps_mode", "enc_time_base:v"}
    assert "force_key_frames:v" in options
    assert completed({option: "libx264"}, SAFE, {}).keys() >= {"fps_mode", "enc_time_base:v"}
