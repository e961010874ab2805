"""The exact commands of the built-in pipelines."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from orchestrator.encoding.pipeline.command import Pipelines, command, paste
from orchestrator.encoding.process.capabilities import FFmpeg
from orchestrator.errors import InvalidRequest
from orchestrator.media import BT601, Colors

PIPELINES = Pipelines.load(None)
KEYS = "expr:if(isnan(prev_forced_t),1,gte(t,prev_forced_t+2))"
HEAD = (
    "ffmpeg -hide_banner -nostdin -nostats -loglevel repeat+level+info -f nut -analyzeduration 0 "
    "-color_primaries:v 6 -color_range:v tv -color_trc:v 6 -colorspace:v 6 "
    "-probesize 65536 -protocol_whitelist file -seek_timestamp 1 -thread_queue_size 16 "
    "-threads 1 -i /p/in.nut -map 0:v -map 0:a"
)
MP4_FLAGS = (
    "-movflags +hybrid_fragmented+frag_keyframe+default_base_moof+delay_moov+use_metadata_tags"
)
GOLDEN = {
    "av1": (
        "-f mp4 -aom-params cpu-used=10:coeff-cost-upd-freq=3:mode-cost-upd-freq=3"
        ":enable-order-hint=0 "
        "-b:a 128000 -b:v 2000000 -bufsize:v 4000000 -c:a aac "
        "-c:v libaom-av1 -cpu-used 8 -enc_time_base:v 1:90000 -flush_packets 1 "
        f"-force_key_frames:v {KEYS} -fps_mode passthrough -frag_duration 1000000 -lag-in-frames 0 "
        f"-max_interleave_delta 0 -maxrate:v 2000000 -metadata:g:0 title=Ö {MP4_FLAGS} -row-mt 1 "
        "-threads:v 1 -tile-columns 0 -usage realtime"
    ),
    "mp4": (
        "-f mp4 -b:a 128000 -b:v 2000000 -bf 0 -bufsize:v 4000000 -c:a aac -c:v libx264 "
        f"-enc_time_base:v 1:90000 -flush_packets 1 -force_key_frames:v {KEYS} "
        "-fps_mode passthrough -frag_duration 1000000 -max_interleave_delta 0 -maxrate:v 2000000 "
        f"-metadata:g:0 title=Ö {MP4_FLAGS} -preset:v veryfast -profile:v high -threads:v 1 "
        "-x264-params rc-lookahead=2:sync-lookahead=0:sliced-threads=1:ref=1:cabac=1"
        ":8x8dct=1:weightp=1:stitchable=1:min-keyint=1"
    ),
    "webm": (
        "-f webm -b:a 128000 -b:v 2000000 -bufsize:v 2000000 -c:a libopus -c:v libvpx-vp9 "
        "-cluster_time_limit 700 -cpu-used 8 -deadline realtime -enc_time_base:v 1:90000 "
        f"-flush_packets 1 -force_key_frames:v {KEYS} -fps_mode passthrough -lag-in-frames 0 "
        "-max_interleave_delta 0 -maxrate:v 2000000 -metadata:g:0 title=Ö -minrate:v 2000000 "
        "-row-mt 1 -threads:v 1 -tile-columns 0"
    ),
    "av1-svt": (
        "-f mp4 -b:a 128000 -b:v 2000000 -bufsize:v 4000000 -c:a aac -c:v libsvtav1 "
        f"-enc_time_base:v 1:90000 -flush_packets 1 -force_key_frames:v {KEYS} "
        "-fps_mode passthrough -frag_duration 1000000 -max_interleave_delta 0 -maxrate:v 2000000 "
        f"-metadata:g:0 title=Ö {MP4_FLAGS} -preset:v 11 -svtav1-params pred-struct=1:rtc=1"
        ":hierarchical-levels=1:buf-initial-sz=1000:buf-optimal-sz=1000:lp=1"
    ),
}


def made(
    name: str,
    ffmpeg: str | FFmpeg = "ffmpeg",
    *,
    speed: int | None = None,
    threads: int = 0,
    width: int = 1280,
    height: int = 720,
    colors: Colors = BT601,
) -> list[str]:
    return command(
        PIPELINES.get(name),
        ffmpeg=ffmpeg,
        source="/p/in.nut",
        output="/w/0001.mp4",
        video_bitrate_bps=2_000_000,
        audio_bitrate_bps=128_000,
        tags={"title": "Ö"},
        speed=speed,
        threads=threads,
        width=width,
        height=height,
        colors=colors,
    )


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_golden(name: str) -> None:
    assert " ".join(made(name)) == f"{HEAD} {GOLDEN[name]} /w/0001.mp4 -y"


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_pasted_into_a_shell_it_is_the_same(name: str) -> None:
    argv = made(name)
    text = paste(argv)
    shell = subprocess.run(
        ["/bin/sh", "-c", text.replace("ffmpeg", r"printf '%s\n'", 1)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert shell.stdout.splitlines() == argv[1:]
    assert "\n    -hide_banner \\\n    -nostdin \\\n" in text


def test_an_older_ffmpeg_gets_flags_that_it_knows() -> None:
    old = FFmpeg(Path("/opt/f"), "5.1", frozenset(), frozenset(), frozenset(), "setting")
    argv = made("mp4", old)
    assert argv[0] == "/opt/f"
    flags = argv[argv.index("-movflags") + 1]
    assert flags == "+frag_keyframe+default_base_moof+delay_moov+use_metadata_tags"


def test_speed_threads_and_size_reach_the_encoder() -> None:
    argv = made("av1", speed=2, threads=4, width=854, height=480)
    assert option(argv, "-aom-params").startswith("cpu-used=9:")
    assert option(argv, "-threads:v") == "4"
    assert option(argv, "-tile-columns") == "0", "too narrow"


def test_what_the_frames_are_is_said_whatever_their_size() -> None:
    """By size players guess BT.709 from 720 lines on, and WebRTC's VP8 is BT.601 everywhere."""
    for width, height in ((640, 360), (1920, 1080)):
        assert option(made("mp4", width=width, height=height), "-colorspace:v") == "6"
    argv = made("mp4", colors=Colors(9, 9, 16, full_range=True))
    options = ("-colorspace:v", "-color_primaries:v", "-color_trc:v", "-color_range:v")
    assert [option(argv, each) for each in options] == ["9", "9", "16", "pc"]


def option(argv: list[str], name: str) -> str:
    return argv[argv.index(name) + 1]


@pytest.mark.parametrize(
    ("width", "height", "threads", "tile_columns"),
    [(1280, 720, "1", "0"), (1920, 1080, "2", "1"), (3840, 2160, "6", "2")],
)
def test_as_few_threads_as_keep_pace(
    width: int, height: int, threads: str, tile_columns: str
) -> None:
    argv = made("av1", width=width, height=height)
    assert (option(argv, "-threads:v"), option(argv, "-tile-columns")) == (threads, tile_columns)
    svt = option(made("av1-svt", threads=9, width=width, height=height), "-svtav1-params")
    assert svt.endswith(":lp=6"), "it has no more levels"


@pytest.mark.parametrize(
    ("name", "width", "height", "step"),
    [
        ("av1", 1280, 720, "cpu-used=11:"),
        ("av1", 854, 480, "cpu-used=9:"),
        ("av1", 320, 180, "cpu-used=8:"),
        ("av1-svt", 854, 480, "11"),
    ],
)
def test_small_frames_use_no_step_that_leaves_something_out(
    name: str, width: int, height: int, step: str
) -> None:
    fastest = len(PIPELINES.get(name).speeds) - 1
    argv = made(name, speed=fastest, width=width, height=height)
    assert option(argv, "-aom-params" if name == "av1" else "-preset:v").startswith(step)


@pytest.mark.parametrize("speed", [-1, 5])
def test_a_speed_that_is_not_there(speed: int) -> None:
    with pytest.raises(InvalidRequest, match="has no speed"):
        made("av1", speed=speed)
