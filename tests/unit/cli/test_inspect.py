"""`orchestrator inspect` as a person or a script uses it."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.kit.cli import Here, Place
from tests.kit.mediafiles.synthetic import AudioTrack, Film, VideoTrack, times, tone

TAGS = {"title": "Room\x1b[31m 7", "stream_id": "room-7", "encoder_settings": "pipeline=mp4"}


@pytest.fixture
def place(here: Here) -> Here:
    return here


@pytest.fixture(scope="module")
def paused(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second of frames, a pause of 2.1 s, another second; 4.1 s of audio that begin late."""
    resumed = times(1)[-1] + round(2.1 * 90_000)
    return Film(
        tmp_path_factory.mktemp("inspect") / "paused.mkv",
        "matroska",
        VideoTrack([*times(1), *times(1, start=resumed)]),
        AudioTrack([(9600, tone(4.1))]),
        tags=TAGS,
    ).write()


def rows(printed: str) -> dict[str, str]:
    """What stands behind each name."""
    pairs = (line.strip().partition("  ") for line in printed.splitlines())
    return {name: value.strip() for name, _, value in pairs if value}


def test_the_report(place: Here, paused: Path) -> None:
    done = place.run("inspect", str(paused))
    assert (done.returncode, done.stderr) == (0, "")
    shown = rows(done.stdout)
    assert shown["file"] == str(paused)
    assert shown["container"].startswith(f"matroska,webm, {paused.stat().st_size / 1000:.1f} kB, ")
    assert shown["STREAM_ID"] == "room-7"
    assert shown["title"] == "Room [31m 7"  # nothing that steers a terminal
    assert shown["video 0"].startswith("h264 ")
    assert "160x96 yuv420p" in shown["video 0"]
    assert shown["rate"] == "14.63 fps mean, 30.30 fps median"
    assert "2100.0 ms" in shown["intervals"]
    assert shown["offset"].startswith("audio begins +200 ms, ends +23")
    assert shown["level"] == "-6.0 dBFS peak, -9.0 dBFS RMS, 0 samples at full scale"
    assert done.stdout.splitlines()[-3:] == [
        "warn The video pauses 2.1 s at 0:01.0.",
        "ok   The audio has no gap.",
        "warn The audio begins 0.2 s after the video.",
    ]


def test_it_fits_on_a_screen(place: Here, paused: Path) -> None:
    assert len(place.run("inspect", str(paused)).stdout.splitlines()) <= 35


def test_json_is_the_documented_structure(place: Here, paused: Path) -> None:
    done = place.run("inspect", str(paused), "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 0
    assert list(found) == [
        "path",
        "size_bytes",
        "container",
        "duration_s",
        "measured_duration_s",
        "bitrate_bps",
        "tags",
        "decoded",
        "error",
        "video",
        "audio",
        "other",
        "start_offset_s",
        "end_offset_s",
        "schema_version",
        "findings",
    ]
    (gap,) = found["video"][0]["times"]["gaps"]["longest"]
    assert gap["duration_s"] == pytest.approx(2.1, abs=0.002)
    assert found["start_offset_s"] == pytest.approx(0.2, abs=0.002)
    assert {"verdict": "ok", "stream": 1, "text": "The audio has no gap."} in found["findings"]


def test_fast_says_what_it_did_not_measure(place: Here, paused: Path) -> None:
    shown = rows(place.run("inspect", str(paused), "--fast").stdout)
    assert shown["read"] == "packets only (--fast); only the first frame of each video was decoded"
    assert (shown["still"], shown["black"], shown["level"]) == ("not measured",) * 3
    found = json.loads(place.run("inspect", str(paused), "--fast", "--json").stdout)
    assert (found["decoded"], found["video"][0]["still"]) == (False, None)
    assert found["video"][0]["times"]["gaps"]["count"] == 1


def test_what_cannot_be_read_is_one_line_and_code_1(place: Here) -> None:
    (place.folder / "empty.mp4").touch()
    (place.folder / "text.mp4").write_text("hello")
    for name, said in {
        "nope.mp4": "nope.mp4 can't be read: No such file or directory. Check the path",
        ".": ". is a folder. Give the path of a file in it.",
        "empty.mp4": "empty.mp4 is empty.",
        "text.mp4": "text.mp4 is not a media file, or is incomplete: ",
    }.items():
        for options in ([], ["--json"], ["--fast"]):
            done = place.run("inspect", name, *options)
            assert (done.returncode, done.stdout) == (1, "")
            (line,) = done.stderr.splitlines()
            assert line.startswith(f"error: {said}")


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_file_cut_short_is_reported_and_code_1(place: Here, options: list[str]) -> None:
    whole = Film(place.folder / "x.mkv", "matroska", VideoTrack(times(6))).write()
    (place.folder / "cut.mkv").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    done = place.run("inspect", "cut.mkv", *options)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert re.match(
        r"error: cut\.mkv: The file is damaged: It is cut off at [23]\.\d s of the 6\.0 s", line
    )
    if options:
        assert json.loads(done.stdout)["error"].startswith("It is cut off at ")
    else:
        assert "FAIL The file is damaged: It is cut off at " in done.stdout


def long_wave(path: Path) -> Path:
    """Five hours of silence that take no room: a sparse WAV."""
    size = 5 * 3600 * 48_000 * 2
    audio = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 48_000, 96_000, 2, 16)
    head = struct.pack("<4sI4s", b"RIFF", 36 + size, b"WAVE") + audio
    path.write_bytes(head + struct.pack("<4sI", b"data", size))
    os.truncate(path, len(head) + 8 + size)
    return path


def wait_until_reading(pid: int, path: Path, timeout_s: float = 60) -> None:
    end_s = time.monotonic() + timeout_s
    while time.monotonic() < end_s:
        if str(path) in {file.path for file in psutil.Process(pid).open_files()}:
            return
        time.sleep(0.01)
    pytest.fail(f"{path} was not opened within {timeout_s} s")


def test_ctrl_c_ends_it_quietly(place: Here) -> None:
    path = long_wave(place.folder / "long.wav")
    with Place(place.folder, place.environment).start("inspect", str(path)) as process:
        wait_until_reading(process.pid, path)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "")


def test_a_terminal_shows_how_far_it_is(place: Here) -> None:
    path = long_wave(place.folder / "long.wav")
    screen, theirs = pty.openpty()
    command = [sys.executable, "-m", "orchestrator", "inspect", str(path)]
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        cwd=place.folder,
        env=place.environment | {"TERM": "xterm"},
    ) as process:
        os.close(theirs)
        shown = b""
        while not re.search(rb"[1-9]\d? %", shown):
            shown += os.read(screen, 65_536)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    os.close(screen)
