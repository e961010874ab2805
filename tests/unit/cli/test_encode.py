"""`orchestrator encode` as a person or a script uses it."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import psutil
import pytest

from orchestrator.catalog.models import File
from orchestrator.catalog.store import Catalog
from orchestrator.recordings.checksums import sha256_of
from tests.kit.catalog.rows import NOON, recording
from tests.kit.cli import Here, Place
from tests.kit.mediafiles.numbered import NumberedFilm, even_times, shown

pytestmark = pytest.mark.slow

_T = TypeVar("_T")


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return NumberedFilm(tmp_path / "film.mkv", even_times(1)).write()


def in_catalog(place: Place, work: Callable[[Catalog], Awaitable[_T]]) -> _T:
    async def carry_out() -> _T:
        catalog = Catalog(place.catalog)
        await catalog.open(migrate=True)
        try:
            return await work(catalog)
        finally:
            await catalog.close()

    return asyncio.run(carry_out())


def recorded(place: Place, id: str, *paths: Path, state: str = "completed") -> None:
    """Puts a recording with these final files into the catalog."""
    folder = place.folder

    async def put(catalog: Catalog) -> None:
        await catalog.create(
            recording(
                id,
                state=state,
                output_path=str(folder / f"{id}.mkv"),
                work_directory=str(folder / f".{id}.mkv.haven"),
            )
        )
        for number, path in enumerate(paths, 1):
            await catalog.put_file(
                File(
                    recording_id=id,
                    number=number,
                    path=str(path),
                    offset_s=0.0,
                    duration_s=1.0,
                    size_bytes=path.stat().st_size,
                    sha256="old",
                    made_at=NOON,
                )
            )

    in_catalog(place, put)


def test_a_file(here: Here, film: Path) -> None:
    done = here.run("encode", str(film), "--pipeline", "mp4", "--quality", "low")
    assert done.returncode == 0, done.stderr
    made = film.with_suffix(".mp4")
    assert str(made) in done.stdout
    assert re.search(r"frames +30 in 1 chunk\s", done.stdout)
    assert re.search(rf"source +{film} kept", done.stdout)
    assert [number for _, number in shown(made)] == list(range(30))
    assert "encoding film.mkv | " in done.stderr
    assert "checking film.mkv | 100%" in done.stderr
    again = here.run("encode", str(film), "--pipeline", "mp4")
    assert again.returncode == 1
    assert "already exists; files are never overwritten" in again.stderr


def test_json(here: Here, film: Path) -> None:
    done = here.run(
        "encode", str(film), "--pipeline", "mp4", "--crf", "33", "--replace", "--vmaf", "--json"
    )
    assert done.returncode == 0, done.stderr
    (result,) = json.loads(done.stdout)
    assert result["output"] == str(film.with_suffix(".mp4"))
    assert (result["frames"], result["replaced"]) == (30, True)
    assert 0 < result["vmaf_least"] <= result["vmaf"] <= 100
    assert not film.exists()


def test_help_has_an_example(here: Here) -> None:
    said = here.run("encode", "--help").stdout
    assert "Example: orchestrator encode talk.mp4" in " ".join(said.split())
    for option in ("--pipeline", "--quality", "--crf", "--bitrate", "--output", "--replace"):
        assert option in said


def test_whether_the_source_stays_is_a_setting_that_an_option_outweighs(
    here: Here, film: Path
) -> None:
    here.environment["ORCHESTRATOR_ENCODE_REPLACE"] = "true"
    quick = ("--pipeline", "mp4", "--quality", "low")
    assert here.run("encode", str(film), *quick, "--keep").returncode == 0
    assert film.exists()
    film.with_suffix(".mp4").unlink()
    assert here.run("encode", str(film), *quick).returncode == 0
    assert not film.exists()


@pytest.mark.parametrize("rate", ["fast", "2G", ""])
def test_a_bit_rate_that_is_none(here: Here, film: Path, rate: str) -> None:
    said = here.run("encode", str(film), "--bitrate", rate)
    assert said.returncode == 2
    assert "is no bit rate like 800k or 1.5M" in said.stderr


def test_neither_a_file_nor_a_recording(here: Here) -> None:
    missing = here.run("encode", "./no.mkv")
    assert missing.returncode == 1
    assert "no.mkv can't be read: No such file" in missing.stderr
    unknown = here.run("encode", "abc")
    assert unknown.returncode == 1
    assert "No recording with id abc" in unknown.stderr


def test_all_parts_of_a_recording_and_what_the_catalog_then_says(here: Here, film: Path) -> None:
    second = NumberedFilm(film.with_name("film_part2.mkv"), even_times(0.5)).write()
    recorded(here, "r1", film, second)
    one = here.run("encode", "r1", "--pipeline", "mp4", "--output", str(film.with_name("x.mp4")))
    assert one.returncode == 1
    assert "has 2 parts, and --output names one file" in one.stderr
    done = here.run("encode", "r1", "--pipeline", "mp4", "--replace")
    assert done.returncode == 0, done.stderr
    made = [film.with_suffix(".mp4"), second.with_suffix(".mp4")]
    assert [len(shown(path)) for path in made] == [30, 15]
    files = in_catalog(here, lambda catalog: catalog.files("r1"))
    assert [file.path for file in files] == [str(path) for path in made]
    for file, path in zip(files, made, strict=True):
        assert file.size_bytes == path.stat().st_size
        assert file.sha256 == asyncio.run(sha256_of(path))
        assert file.probe is not None
        assert file.probe["video"]["codec"] == "h264"
    of = in_catalog(here, lambda catalog: catalog.get("r1"))
    assert (of.output_path, of.probe) == (str(made[0]), files[0].probe)
    assert of.size_bytes == sum(path.stat().st_size for path in made)
    assert (of.pipeline, of.output_format, of.video_codec) == ("mp4", "mp4", "libx264")
    assert (of.tracks, of.encode_id) == (None, ""), "what /start asked for isn't done once more"
    shown_now = here.run("recordings", "show", "r1").stdout
    assert "libx264 + aac (mp4)" in shown_now


def test_what_is_being_recorded_is_left_alone(here: Here, film: Path) -> None:
    recorded(here, "film", state="recording")
    work = here.folder / ".film.mkv.haven"
    work.mkdir()
    segment = NumberedFilm(work / "0001.mkv", even_times(0.2)).write()
    for given in ("film", str(film), str(segment)):
        said = here.run("encode", given, "--pipeline", "mp4")
        assert said.returncode == 1
        assert re.search("is still running|is being recorded", said.stderr), given
    assert {each.name for each in work.iterdir()} == {"0001.mkv"}


def test_a_recording_without_a_file(here: Here) -> None:
    recorded(here, "r1", state="failed")
    said = here.run("encode", "r1")
    assert said.returncode == 1
    assert "Recording r1 has no file" in said.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it(place: Place, tmp_path: Path, number: signal.Signals) -> None:
    film = NumberedFilm(tmp_path / "film.mkv", even_times(20), audio=()).write()
    before = film.read_bytes()
    with place.start("encode", str(film), "--pipeline", "av1", "--crf", "5") as process:
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob(".film.av1.haven/chunk*.part")):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.send_signal(number)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Stopped. The source is as it was. Nothing was left behind." in err
    assert film.read_bytes() == before
    assert not list(tmp_path.glob("*.av1"))
    assert not list(tmp_path.glob(".*.haven"))


def test_a_killed_command_leaves_no_ffmpeg_and_the_next_one_goes_on(
    place: Place, tmp_path: Path
) -> None:
    film = NumberedFilm(tmp_path / "film.mkv", even_times(12), audio=()).write()
    command = ("encode", str(film), "--pipeline", "mp4", "--crf", "1")
    with place.start(*command) as process:
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob(".film.mp4.haven/chunk*.part")):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.005)
        children = psutil.Process(process.pid).children(recursive=True)
        process.kill()
    gone, alive = psutil.wait_procs(children, timeout=10)
    assert gone
    assert alive == []
    assert film.exists()
    done = place.run(*command)
    assert done.returncode == 0, done.stderr
    assert [number for _, number in shown(film.with_suffix(".mp4"))] == list(range(360))
    assert not list(tmp_path.glob(".*.haven"))
