"""Names of new files, whether they are made already, and how far that is."""

from __future__ import annotations

import os
from pathlib import Path

from orchestrator.encoding.pipeline.loading import Pipelines
from orchestrator.settings import Settings
from orchestrator.transcoding.process.outputs import free_output, is_made
from orchestrator.transcoding.process.progress import Parts
from orchestrator.transcoding.result import TranscodingProgress
from orchestrator.transcoding.work_folder import work_folder_of
from tests.kit.mediafiles.numbered import NumberedFilm, even_times


def test_names_that_are_taken(out: Path, settings: Settings) -> None:
    pipeline = Pipelines.load(None).get("mp4")
    source = out / "a.mp4"
    assert free_output(out / "a.mkv", pipeline, "av1") == source
    source.touch()
    assert free_output(source, pipeline, "av1") == out / "a_mp4.mp4"
    os.mkdir(work_folder_of(out / "a_mp4.mp4"))
    assert free_output(source, pipeline, "av1") == out / "a_mp4_2.mp4"
    av1 = Pipelines.load(None).get("av1")
    assert free_output(source, av1, "av1") == out / "a.av1"
    assert free_output(out / "b.mkv", av1, "mp4") == out / "b.mp4", "as a recording would have it"


def test_half_a_file_is_not_made(film: Path, out: Path) -> None:
    output = out / "a.mp4"
    assert not is_made(film, output, replace=True)
    NumberedFilm(output, even_times(1)).write()
    assert not is_made(film, output, replace=True)
    output.write_bytes(b"")
    film.unlink()
    assert not is_made(film, output, replace=True)


def test_progress_of_several_files() -> None:
    parts = Parts((10.0, 30.0, 60.0), done=1)
    of_file = TranscodingProgress("encoding", 15.0, 30.0, 450, 30.0, 20.0)
    values = parts.progress(of_file)
    assert (values["part"], values["parts"], values["share"]) == (2, 3, 0.25)
    assert values["left_s"] == 100.0
    reading = TranscodingProgress("reading", 0.0, 0.0, 0, None, None)
    assert Parts((0.0,), done=0).progress(reading)["share"] == 0.0


def test_what_is_read_is_not_done() -> None:
    reading = TranscodingProgress("reading", 20.0, 30.0, 0, None, None)
    assert Parts([30.0, 30.0], 1).progress(reading)["share"] == 0.5
