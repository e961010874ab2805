"""Whole files, encoded again in chunks by the real ffmpeg: each frame once, at its time."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import pytest

from orchestrator.errors import HavenError, InvalidRequest, StillActive
from orchestrator.settings import Settings
from orchestrator.transcoding.request import TranscodingRequest
from orchestrator.transcoding.result import TranscodingProgress, TranscodingResult
from orchestrator.transcoding.transcode import check, transcode
from orchestrator.transcoding.work_folder import WorkFolder, work_folder_of
from tests.kit.mediafiles.numbered import (
    B_FRAMES,
    OPEN_GOP,
    NumberedFilm,
    even_times,
    shown,
    uneven_times,
)
from tests.kit.signals.reading import read

pytestmark = pytest.mark.slow

MS = Fraction(1, 1000)


async def encoded(
    source: Path, settings: Settings, pipeline: str = "mp4", **changes: object
) -> TranscodingResult:
    request = TranscodingRequest(source, pipeline=pipeline, crf=30, **changes)  # type: ignore[arg-type]
    return await transcode(request, settings)


def folders_in(path: Path) -> list[Path]:
    return [each for each in path.iterdir() if each.is_dir()]


@pytest.mark.parametrize("options", [B_FRAMES, OPEN_GOP], ids=["B-frames", "open GOPs"])
@pytest.mark.parametrize("container", ["mp4", "mkv", "ts"])
async def test_every_frame_is_there_once_at_its_time(
    container: str, options: dict[str, str], tmp_path: Path, settings: Settings
) -> None:
    times = uneven_times(4) if container == "mp4" else even_times(4)
    film = NumberedFilm(tmp_path / f"film.{container}", times, options=options).write()
    result = await encoded(film, settings)
    assert result.chunks >= 3
    before, after = shown(film), shown(result.output)
    assert [number for _, number in after] == list(range(120))
    assert [at - after[0][0] for at, _ in after] == [at - before[0][0] for at, _ in before]
    old, new = read(film), read(result.output)
    assert len(new.offsets_s) >= 3
    assert new.offsets_s == pytest.approx(old.offsets_s, abs=0.001)
    assert new.audio_gaps == 0
    assert folders_in(tmp_path) == []
    assert film.exists()


@pytest.mark.parametrize("pipeline", ["av1-svt", "av1", "webm"])
async def test_each_pipeline_has_a_later_profile(
    pipeline: str, tmp_path: Path, settings: Settings
) -> None:
    film = NumberedFilm(tmp_path / "film.mkv", uneven_times(2.5)).write()
    result = await encoded(film, settings, pipeline)
    assert result.chunks >= 2
    before, after = shown(film), shown(result.output)
    assert [number for _, number in after] == list(range(75))
    tolerance = MS if pipeline == "webm" else Fraction(0)
    assert all(abs(a - b) <= tolerance for (a, _), (b, _) in zip(after, before, strict=True))
    beeps = read(film).beeps
    assert read(result.output).beeps == pytest.approx(beeps, abs=0.001)


async def test_the_result_tells_what_came_of_it(tmp_path: Path, settings: Settings) -> None:
    film = NumberedFilm(tmp_path / "film.mkv", even_times(2), tags={"title": "Ö"}).write()
    reports: list[TranscodingProgress] = []
    request = TranscodingRequest(film, pipeline="mp4", vmaf=True, output=tmp_path / "small.mp4")
    result = await transcode(request, settings, reports.append)
    assert result.output == tmp_path / "small.mp4"
    assert (result.frames, result.source_bytes) == (60, film.stat().st_size)
    assert result.output_bytes == result.output.stat().st_size
    assert result.audio == ("aac copied",)
    assert result.vmaf is not None
    assert result.vmaf_least is not None
    assert 50 < result.vmaf_least <= result.vmaf <= 100
    assert result.as_dict()["output"] == str(result.output)
    assert {each.stage for each in reports} == {"reading", "encoding", "joining", "checking"}
    assert max(each.frames for each in reports) == 60
    assert all(0 <= each.share <= 1 for each in reports)
    with av.open(str(result.output)) as made:
        assert made.metadata["title"] == "Ö"


async def test_a_bit_rate_instead_of_a_quality(tmp_path: Path, settings: Settings) -> None:
    film = NumberedFilm(tmp_path / "film.mkv", even_times(4), audio=()).write()
    small = await transcode(
        TranscodingRequest(film, "mp4", bitrate_bps=60_000, output=tmp_path / "a.mp4"), settings
    )
    large = await transcode(
        TranscodingRequest(film, "mp4", bitrate_bps=240_000, output=tmp_path / "b.mp4"), settings
    )
    assert 1.5 * small.output_bytes < large.output_bytes


async def test_replace_removes_the_source_when_all_is_done(
    tmp_path: Path, settings: Settings
) -> None:
    film = NumberedFilm(tmp_path / "film.mkv", even_times(1)).write()
    result = await encoded(film, settings, replace=True)
    assert result.replaced
    assert [each.name for each in tmp_path.iterdir()] == ["film.mp4"]


async def test_a_source_that_changes_meanwhile_is_not_replaced(
    tmp_path: Path, settings: Settings
) -> None:
    film = NumberedFilm(tmp_path / "film.mkv", even_times(1)).write()

    def change(progress: TranscodingProgress) -> None:
        if progress.stage == "joining":
            with film.open("ab") as file:
                file.write(b"more")

    request = TranscodingRequest(film, pipeline="mp4", replace=True)
    with pytest.raises(InvalidRequest, match="changed while it was encoded"):
        await transcode(request, settings, change)
    assert film.exists()
    assert not (tmp_path / "film.mp4").exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"quality": "best of all"}, "Unknown quality"),
        ({"pipeline": "vp10"}, "Unknown pipeline"),
        ({"crf": 52}, "no CRF 52"),
        ({"crf": 20, "bitrate_bps": 500_000}, "exclude each other"),
        ({"bitrate_bps": 3}, "no bit rate"),
        ({"source": Path("/nowhere/film.mkv")}, "can't be read: No such file"),
        ({"output": Path("film.mkv")}, "is the source itself"),
        ({"output": Path("there.mp4")}, "already exists"),
        ({"output": Path("no/folder/film.mp4")}, "does not exist"),
        ({"output": Path("x" * 300 + ".mp4")}, "can't be named"),
    ],
)
async def test_what_is_wrong_is_said_at_once(
    changes: dict[str, object],
    words: str,
    tmp_path: Path,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    film = NumberedFilm(tmp_path / "film.mkv", even_times(0.2)).write()
    (tmp_path / "there.mp4").touch()
    given = {"source": film, "pipeline": "mp4"} | changes
    request = TranscodingRequest(**given)  # type: ignore[arg-type]
    for carried_out in (check, transcode):
        with pytest.raises(HavenError) as raised:
            await carried_out(request, settings)
        assert words in str(raised.value)
    assert {each.name for each in tmp_path.iterdir()} == {"film.mkv", "there.mp4"}


async def test_a_segment_of_a_recording_is_not_replaced(tmp_path: Path, settings: Settings) -> None:
    """Its recording may be in a catalog that isn't ours."""
    work = tmp_path / ".talk.mkv.haven"
    work.mkdir()
    segment = NumberedFilm(work / "0001.mkv", even_times(0.2)).write()
    output = tmp_path / "new.mp4"
    request = TranscodingRequest(segment, pipeline="mp4", output=output, replace=True)
    with pytest.raises(InvalidRequest, match="is a segment in the work folder"):
        await transcode(request, settings)
    assert segment.exists()
    await transcode(replace(request, replace=False), settings)
    assert output.exists()


async def test_what_is_no_media_file(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "text.mp4").write_text("nothing to see")
    with pytest.raises(InvalidRequest, match="is not a media file"):
        await encoded(tmp_path / "text.mp4", settings)
    with pytest.raises(InvalidRequest, match="is a folder"):
        await encoded(tmp_path, settings)


async def test_a_pipeline_without_a_later_profile_names_those_that_have_one(
    tmp_path: Path, settings: Settings
) -> None:
    folder = tmp_path / "pipelines"
    folder.mkdir()
    (folder / "mine.py").write_text(
        'EXTENSION = CONTAINER = "mp4"\nVIDEO_CODEC = "libx264"\nAUDIO_CODEC = "aac"\n'
        "def build(job): pass\n"
    )
    film = NumberedFilm(tmp_path / "film.mkv", even_times(0.2)).write()
    own = settings.model_copy(update={"pipelines_directory": folder})
    with pytest.raises(InvalidRequest, match="no later profile") as raised:
        await encoded(film, own, "mine")
    assert "av1, av1-svt, mp4, webm" in raised.value.detail


async def test_two_runs_for_one_file_exclude_each_other(tmp_path: Path, settings: Settings) -> None:
    film = NumberedFilm(tmp_path / "film.mkv", even_times(0.2)).write()
    other = WorkFolder(tmp_path / "film.mp4", {})
    with pytest.raises(StillActive, match="made by another process"):
        await encoded(film, settings)
    other.close()
    await encoded(film, settings)


async def test_the_work_folder_of_a_recording_is_left_alone(
    tmp_path: Path, settings: Settings
) -> None:
    film = NumberedFilm(tmp_path / "film.mkv", even_times(0.2)).write()
    folder = work_folder_of(tmp_path / "film.mp4")
    folder.mkdir()
    (folder / "0001.mp4").touch()
    with pytest.raises(StillActive, match="is being recorded"):
        await encoded(film, settings)
    assert (folder / "0001.mp4").exists()
