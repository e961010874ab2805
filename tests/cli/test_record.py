"""`orchestrator record` for real: the demo stream over WebRTC into a file that plays."""

from __future__ import annotations

import json
import signal
from pathlib import Path

from orchestrator.catalog.probe import Probe, probe
from tests.cli.conftest import Place


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
