"""The commands that look: settings, streams, recordings, pipelines, doctor."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import subprocess
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from orchestrator.catalog.models import File, Recording, Segment
from orchestrator.catalog.store import Catalog
from tests.kit.cli import Here


@pytest.fixture
def place(here: Here) -> Here:
    return here


WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


async def fill(url: str, count: int) -> None:
    catalog = Catalog(url)
    await catalog.open(migrate=True)
    try:
        for number in range(count):
            await catalog.create(recording(number))
        await catalog.add_segment(
            Segment(
                recording_id="id0", number=0, path="/films/0", started_at=WHEN, outcome="finished"
            )
        )
        for part, problem in ((1, None), (2, "It is too short.")):
            await catalog.put_file(
                File(
                    recording_id="id0",
                    number=part,
                    path=f"/films/part{part}",
                    offset_s=30.0 * (part - 1),
                    duration_s=30.0,
                    size_bytes=5_000,
                    integrity="incomplete" if problem else "whole",
                    problem=problem,
                    sha256=None if problem else "f" * 64,
                    made_at=WHEN,
                )
            )
        await catalog.add_event("id0", "started", "The first frame was recorded.")
    finally:
        await catalog.close()


def recording(number: int) -> Recording:
    return Recording(
        id=f"id{number}",
        stream_id=f"room{number}",
        stream={},
        output_format="av1",
        pipeline="av1",
        video_quality="high",
        audio_quality="high",
        video_codec="libaom-av1",
        audio_codec="aac",
        output_path=f"/films/room{number}.av1",
        work_directory=f"/films/.room{number}",
        state="completed" if number else "failed",
        created_at=WHEN,
        duration_s=61.5,
        size_bytes=1_234_567,
        error=None if number else "The disk was full.",
    )


def test_settings_show_value_and_origin(place: Here) -> None:
    place.environment["ORCHESTRATOR_API_KEY"] = "t0p-secret-of-the-server"
    (place.folder / "orchestrator.toml").write_text("port = 9\n")
    done = place.run("settings", "--json")
    shown = {entry["name"]: entry for entry in json.loads(done.stdout)}
    assert (shown["port"]["value"], shown["port"]["origin"]) == ("9", "port in orchestrator.toml")
    assert shown["api_key"]["origin"] == "ORCHESTRATOR_API_KEY in the environment"
    assert shown["host"]["origin"] == "default"
    table = place.run("settings").stdout
    assert "t0p-secret-of-the-server" not in done.stdout + table
    assert "Port of the HTTP API" in table


def test_the_template_is_toml(place: Here) -> None:
    done = place.run("settings", "--template")
    assert tomllib.loads(done.stdout) == {}
    assert "# port = 8000" in done.stdout


def test_streams_lists_the_demo(place: Here) -> None:
    (demo,) = json.loads(place.run("streams", "--json").stdout)
    assert (demo["id"], demo["discovery"]) == ("demo", "demo")
    assert "demo" in place.run("streams").stdout


def test_a_directory_that_fails_is_reported_and_hides_nothing(place: Here) -> None:
    place.environment |= {
        "ORCHESTRATOR_LIVEKIT_URL": "ws://127.0.0.1:9",  # discard: nobody listens
        "ORCHESTRATOR_LIVEKIT_API_KEY": "k",
        "ORCHESTRATOR_LIVEKIT_API_SECRET": "s" * 32,
    }
    done = place.run("streams", "--json")
    assert [stream["id"] for stream in json.loads(done.stdout)] == ["demo"]
    assert done.stderr.startswith("warning: livekit is missing: ")


def test_recordings_of_an_empty_catalog(place: Here) -> None:
    assert place.run("recordings").stdout == "Nothing has been recorded yet.\n"
    assert json.loads(place.run("recordings", "--json").stdout)["recordings"] == []


def test_recordings_list(place: Here) -> None:
    asyncio.run(fill(place.catalog, 3))
    done = place.run("recordings", "list", "--limit", "2", "--json")
    answer = json.loads(done.stdout)
    assert (answer["total"], len(answer["recordings"])) == (3, 2)
    assert answer["recordings"][0]["created_at"] == "2026-01-02T03:04:05+00:00"
    assert answer["recordings"][0]["mint_id"] == "room2", "the column's name, as ever"
    table = place.run("recordings", "--limit", "2").stdout
    assert "2 of 3; --limit shows more." in table
    assert "1:01.5" in table
    assert "1.2 MB" in table
    failed = json.loads(place.run("recordings", "--state", "failed", "--json").stdout)
    assert [row["id"] for row in failed["recordings"]] == ["id0"]


def test_recordings_show(place: Here) -> None:
    asyncio.run(fill(place.catalog, 1))
    shown = place.run("recordings", "show", "id0").stdout
    for part in ("The disk was full.", "/films/room0.av1", "finished", "The first frame was"):
        assert part in shown
    (first, second) = [line for line in shown.splitlines() if "/films/part" in line]
    assert first.split() == [
        "1",
        "0:00.0",
        "0:30.0",
        "5.0",
        "kB",
        "whole",
        "f" * 64,
        "/films/part1",
    ]
    assert second.split()[:2] == ["2", "0:30.0"]
    assert "incomplete It is too short." in second
    whole = json.loads(place.run("recordings", "show", "id0", "--json").stdout)
    assert [file["sha256"] for file in whole["files"]] == ["f" * 64, None]
    assert whole["segments"][0]["path"] == "/films/0"
    assert whole["events"][0]["kind"] == "started"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["recordings", "show", "nope"], "No recording with id nope. `orchestrator recordings`"),
        (["recordings", "--state", "done"], "No such state: done. It is one of starting,"),
        (["pipelines", "show", "nope"], "Unknown pipeline: nope. Use one of: av1"),
        (["record", "nope", "--format", "flv"], "flv"),
    ],
)
def test_what_there_is_not_is_one_line_and_code_1(
    arguments: list[str], said: str, place: Here
) -> None:
    done = place.run(*arguments)
    assert (done.returncode, done.stdout) == (1, "")
    last = done.stderr.splitlines()[-1]
    assert last.startswith("error: ")
    assert said in last


def test_pipelines_list(place: Here) -> None:
    (place.folder / "mine").mkdir()
    (place.folder / "mine" / "broken.py").write_text("EXTENSION = 7\n")
    place.environment["ORCHESTRATOR_PIPELINES_DIRECTORY"] = "mine"
    answer = json.loads(place.run("pipelines", "list", "--json").stdout)
    assert {"av1", "mp4", "webm"} <= {pipeline["name"] for pipeline in answer["pipelines"]}
    assert [failure["name"] for failure in answer["failures"]] == ["broken"]
    (copying,) = (one for one in answer["pipelines"] if one["copies"])
    assert (copying["name"], copying["formats"]) == ("copy", ["mkv", "webm", "mp4"])
    table = place.run("pipelines", "list").stdout
    assert "libaom-av1" in table
    assert "broken failed to load" in table


def test_the_shown_command_runs_as_it_is_pasted(place: Here) -> None:
    shown = place.run("pipelines", "show", "mp4", "--size", "320x180", "--quality", "low").stdout
    ffmpeg = shlex.split(shown)[0]
    frame = ("-f", "lavfi", "-i", "testsrc2=s=320x180:r=30:d=0.5")
    audio = ("-f", "lavfi", "-i", "sine=d=0.5", "-ac", "2", "-ar", "48000")
    raw = ("-pix_fmt", "yuv420p", "-c:v", "rawvideo", "-c:a", "pcm_s16le", "input.nut")
    subprocess.run([ffmpeg, "-v", "error", *frame, *audio, *raw], cwd=place.folder, check=True)
    subprocess.run(["bash", "-c", shown], cwd=place.folder, check=True, capture_output=True)
    assert (place.folder / "mp4.mp4").stat().st_size > 1000
    assert "500000" in shown


def test_one_that_copies_has_no_command(place: Here) -> None:
    shown = place.run("pipelines", "show", "copy")
    assert shown.returncode == 1
    assert "copy copies frames as they come: it has no ffmpeg command" in shown.stderr
    checked = place.run("pipelines", "check", "copy")
    assert checked.stdout == "ok   copy: copies into mkv, webm, mp4; needs no encoder\n"


@pytest.mark.parametrize("size", ["big", "1280x721", "1x1"])
def test_an_odd_size_is_refused(size: str, place: Here) -> None:
    done = place.run("pipelines", "show", "mp4", "--size", size)
    assert done.returncode == 2
    assert "is not a size like 1280x720 with even numbers" in done.stderr


def test_check_encodes_with_the_pipeline(place: Here) -> None:
    done = place.run("pipelines", "check", "mp4")
    assert done.returncode == 0
    assert done.stdout.startswith("ok   mp4: h264 640x360 + aac in ")
    assert re.search(r"; later: \d+ bytes in \d", done.stdout)


def test_check_tries_the_later_profile(place: Here) -> None:
    builtin = (Path(__file__).parents[3] / "pipelines" / "mp4.py").read_text()
    folder = place.folder / "mine"
    folder.mkdir()
    live, later = builtin.split("def build_later")
    thinned = later.replace("job.video,", 'job.video.filter("framestep", 2),', 1)
    (folder / "thinned.py").write_text(f"{live}def build_later{thinned}")
    (folder / "nonsense.py").write_text(builtin.replace('"preset:v": "slow"', '"preset:v": "x"'))
    place.environment["ORCHESTRATOR_PIPELINES_DIRECTORY"] = str(folder)
    done = place.run("pipelines", "check", "thinned")
    assert done.returncode == 1
    assert "FAIL thinned: its later profile: it has 15 of 30 frames" in done.stdout
    done = place.run("pipelines", "check", "nonsense")
    assert done.returncode == 1
    assert "FAIL nonsense: ffmpeg ended with" in done.stdout


def test_check_finds_what_is_broken(place: Here) -> None:
    builtin = (Path(__file__).parents[3] / "pipelines" / "mp4.py").read_text()
    folder = place.folder / "mine"
    folder.mkdir()
    (folder / "unknown.py").write_text(builtin.replace("libx264", "libx999"))
    place.environment["ORCHESTRATOR_PIPELINES_DIRECTORY"] = str(folder)
    done = place.run("pipelines", "check", "unknown")
    assert done.returncode == 1
    assert done.stdout.startswith("FAIL unknown: Pipeline unknown needs libx999")


def test_doctor_finds_everything_in_place(place: Here) -> None:
    done = place.run("doctor", "--json")
    checks = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    assert done.returncode == 0
    assert checks["livekit"]["verdict"] == "warning"
    assert "hybrid_fragmented" in checks["ffmpeg's MP4"]["found"]
    for name in ("platform", "ffmpeg", "pipeline av1", "output directory", "disk", "catalog"):
        assert checks[name]["verdict"] == "ok", checks[name]


def test_doctor_changes_nothing(place: Here) -> None:
    before = sorted(place.folder.rglob("*"))
    place.run("doctor")
    assert sorted(place.folder.rglob("*")) == before


def test_doctor_says_what_is_wrong(place: Here) -> None:
    (place.folder / "films").write_text("a file, not a folder")
    (place.folder / "catalog.db").write_text("no database")
    place.environment |= {
        "ORCHESTRATOR_FFMPEG": "/nowhere/ffmpeg",
        "ORCHESTRATOR_LIVEKIT_URL": "ws://127.0.0.1:9",
        "ORCHESTRATOR_LIVEKIT_API_KEY": "k",
        "ORCHESTRATOR_LIVEKIT_API_SECRET": "s" * 32,
    }
    done = place.run("doctor")
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAIL ")]
    assert done.returncode == 1
    names = {line.removeprefix("FAIL ").partition(":")[0] for line in failed}
    assert names == {"ffmpeg", "livekit", "output directory", "catalog"}
    assert "Traceback" not in done.stdout + done.stderr


def test_doctor_sees_a_folder_that_cannot_be_made(place: Here) -> None:
    (place.folder / "file").write_text("")
    place.environment["ORCHESTRATOR_OUTPUT_DIRECTORY"] = str(place.folder / "file" / "films")
    done = place.run("doctor")
    assert done.returncode == 1
    assert f"FAIL output directory: {place.folder}/file/films can't be created: " in done.stdout
