"""`orchestrator record` for real: the demo stream over WebRTC into a file that plays."""

from __future__ import annotations

import json
import signal
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from orchestrator.mediafiles.probe import Probe, probe
from tests.kit.cli import Place

pytestmark = pytest.mark.real_time


def only_file(folder: Path) -> Probe:
    """The one thing in the folder: no work folder is left beside the file."""
    (path,) = folder.iterdir()
    return probe(path, count_frames=True)


def test_a_duration_makes_a_file_of_that_length(place: Place) -> None:
    options = ("--format", "mp4", "--duration", "2", "--output", "chosen")
    done = place.run("record", "demo", *options)
    assert done.returncode == 0, done.stderr
    made = only_file(place.folder / "chosen")
    assert made.playable
    assert made.video is not None
    assert made.audio is not None
    assert (made.video.codec, made.audio.codec) == ("h264", "aac")
    assert made.duration_s is not None
    assert 1.5 <= made.duration_s <= 4
    for fact in ("file ", "duration ", "size ", "h264 1280x720", "aac 48000 Hz"):
        assert fact in done.stdout
    assert not (place.folder / "films").exists()


def test_ctrl_c_finishes_the_file(place: Place) -> None:
    with place.start("record", "demo") as process:
        assert process.stderr is not None
        for line in process.stderr:  # bounded by pytest's timeout
            if line.startswith("recording 0:"):
                break
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "Finishing the file" in err
    made = only_file(place.folder / "films")
    assert made.playable
    assert made.video is not None
    assert made.video.codec == "av1"
    assert "libaom-av1" in out
    (row,) = json.loads(place.run("recordings", "--json").stdout)["recordings"]
    assert (row["state"], row["reason"]) == ("completed", "stopped")


def test_a_stream_that_is_not_live_is_refused(place: Place) -> None:
    done = place.run("record", "nobody")
    assert (done.returncode, done.stdout) == (1, "")
    last = done.stderr.splitlines()[-1]
    assert last.startswith("error: Stream not found or not live for mint_id: nobody.")


def test_a_folder_whose_parent_is_missing_is_refused(place: Place) -> None:
    done = place.run("record", "demo", "-o", "no/where")
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert str(place.folder / "no" / "where") in done.stderr


def row_of(place: Place) -> dict[str, Any]:
    """The newest recording's state and figures; empty before there is one."""
    try:
        with closing(sqlite3.connect(place.folder / "catalog.db", timeout=10)) as catalog:
            query = "SELECT state, figures FROM recordings ORDER BY created_at DESC LIMIT 1"
            found = catalog.execute(query).fetchone()
    except sqlite3.OperationalError:  # not made yet
        found = None
    return {"state": found[0], **json.loads(found[1])} if found else {}


def until_recorded_s(place: Place, seconds: float) -> float:
    while True:  # bounded by pytest's timeout
        row = row_of(place)
        if row.get("state") == "recording" and (row.get("duration_s") or 0) >= seconds:
            return float(row["duration_s"])
        time.sleep(0.05)


@pytest.mark.all_only
def test_under_nohup_without_stderr_to_a_named_file(place: Place) -> None:
    """SIGHUP ended it, `2>&-` too, and Y.mp4 became a folder."""
    record = f"exec nohup {sys.executable} -m orchestrator record demo --output Y.mp4 2>&-"
    with place.shell(record) as process:
        recorded_s = until_recorded_s(place, 0.5)
        process.send_signal(signal.SIGHUP)
        until_recorded_s(place, recorded_s + 0.5)
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    made = probe(place.folder / "Y.mp4")
    assert made.playable
    assert made.video is not None
    assert made.video.codec == "h264"
    assert "Y.mp4" in out
    assert not (place.folder / ".Y.mp4.haven").exists()
    again = place.run("record", "demo", "-o", "Y.mp4")
    assert again.returncode == 1
    assert "Y.mp4 already exists" in again.stderr


@pytest.mark.all_only
def test_nobody_reads_what_it_says(place: Place) -> None:
    record = f"{sys.executable} -m orchestrator record demo --duration 1 -o a.mp4 2>&1"
    with place.shell(f"{record} | head -1; exit ${{PIPESTATUS[0]}}") as process:
        process.communicate(timeout=60)
    assert process.returncode == 0
    assert probe(place.folder / "a.mp4").playable
