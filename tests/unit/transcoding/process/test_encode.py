"""How a process ends, what it takes over, and what it leaves; real files."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.catalog.models import File
from orchestrator.mediafiles import paths
from orchestrator.transcoding import transcode as transcoding
from orchestrator.transcoding.result import TranscodingProgress
from orchestrator.transcoding.work_folder import WorkFolder, work_folder_of
from tests.kit.encode_bench import Bench
from tests.kit.mediafiles.numbered import NumberedFilm, even_times, shown

pytestmark = pytest.mark.slow


def numbers(path: Path) -> list[int | None]:
    return [number for _, number in shown(path)]


async def last_event(bench: Bench) -> str:
    return (await bench.catalog.events("r1"))[-1].message


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


async def test_a_replaced_file_is_the_recordings(bench: Bench, film: Path, out: Path) -> None:
    await bench.put(film, replace=True)
    row = await bench.run()
    assert (row.state, row.error) == ("completed", None)
    output = out / "a.mp4"
    assert names(out) == {"a.mp4"}
    assert numbers(output) == list(range(90))
    (file,) = await bench.catalog.files("r1")
    assert (file.path, file.size_bytes) == (str(output), output.stat().st_size)
    assert file.sha256
    of = await bench.catalog.get("r1")
    assert (of.output_path, of.size_bytes) == (str(output), output.stat().st_size)
    assert (of.pipeline, of.output_format, of.speed_step) == ("mp4", "mp4", None)
    assert (of.video_codec, of.audio_codec, of.video_quality) == ("libx264", "aac", "high")
    assert of.duration_s == file.duration_s == pytest.approx(3, abs=0.1)
    assert of.probe is not None
    assert of.probe["video"]["codec"] == "h264"
    assert await bench.table.made_files("r1") == []
    said = f"a.mp4, {file.size_bytes} bytes instead of "
    assert said in await last_event(bench)
    assert "in place of" in await last_event(bench)


async def test_progress_is_in_the_row(bench: Bench, film: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("orchestrator.transcoding.process.encode.TELL_S", 0.01)
    await bench.put(film)
    reports: list[dict[str, Any]] = []
    change = bench.table.change

    async def noted(id: str, *states: Any, **columns: Any) -> bool:
        if columns.get("progress"):
            reports.append(columns["progress"])
        return await change(id, *states, **columns)

    process = await bench.process()
    monkeypatch.setattr(process._encodes, "change", noted)
    await process.run()
    shares = [each["share"] for each in reports]
    assert shares
    assert shares == sorted(shares)
    assert {each["stage"] for each in reports} <= {"reading", "encoding", "joining", "checking"}
    assert [made.path.name for made in await bench.table.made_files("r1")] == ["a.mp4"]
    assert (await bench.table.get("e1")).progress is None, "it has ended"


async def made_unsaid(bench: Bench, film: Path, out: Path) -> Path:
    """A new file that has its name, though its row doesn't say so, and half a work folder."""
    output = out / "a.mp4"
    NumberedFilm(output, even_times(3)).write()
    work_folder_of(output).mkdir()
    (work_folder_of(output) / "lock").touch()
    await bench.table.change("e1", outputs={"1": str(output)})
    return output


@pytest.mark.parametrize("source", ["there", "gone"])
async def test_a_replacement_that_was_made_and_not_said_is_taken(
    source: str, bench: Bench, film: Path, out: Path
) -> None:
    await bench.put(film, replace=True)
    output = await made_unsaid(bench, film, out)
    if source == "gone":
        film.unlink()
    written = output.stat().st_mtime_ns
    row = await bench.run()
    assert (row.state, row.error) == ("completed", None)
    assert names(out) == {"a.mp4"}
    assert output.stat().st_mtime_ns == written
    assert (await bench.catalog.files("r1"))[0].path == str(output)
    assert (row.result["1"]["replaced"], row.result["1"]["frames"]) == (True, None)


async def test_another_file_with_the_name_is_not_touched(
    bench: Bench, film: Path, out: Path
) -> None:
    """Whoever put it there while nothing ran."""
    await bench.put(film, replace=True)
    await bench.table.change("e1", outputs={"1": str(out / "a.mp4")})
    (out / "a.mp4").write_text("somebody's")
    row = await bench.run()
    assert (row.state, row.error_code) == ("failed", "invalid_request")
    assert "already exists" in str(row.error)
    assert names(out) == {"a.mkv", "a.mp4"}
    assert (out / "a.mp4").read_text() == "somebody's"


@pytest.mark.parametrize("stage", ["encoding", "joining", "checking"])
async def test_cancelled_at_any_stage_leaves_nothing(
    stage: str, bench: Bench, film: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.put(film, replace=True)
    before = film.read_bytes()
    process = await bench.process(wanted="cancel")
    process._stopping = False  # as it was when it began
    tell = process._on_progress

    def stop_there(latest: TranscodingProgress) -> None:
        tell(latest)
        if latest.stage == stage:
            process.stop()

    monkeypatch.setattr(process, "_on_progress", stop_there)
    await process.run()
    row = await bench.table.get("e1")
    assert (row.state, row.result) == ("cancelled", {})
    assert await last_event(bench) == "Encoding again with mp4 was cancelled."
    assert names(out) == {"a.mkv"}
    assert film.read_bytes() == before


async def test_cancelled_too_late_it_is_completed(
    bench: Bench, film: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the new file gets its name, and the source is removed."""
    await bench.put(film, replace=True)
    process = await bench.process(wanted="cancel")
    process._stopping = False
    loop, publish = asyncio.get_running_loop(), paths.publish

    def stop_and_publish(*given: Any) -> Path:
        asyncio.run_coroutine_threadsafe(_call(process.stop), loop).result()
        return publish(*given)

    monkeypatch.setattr(transcoding, "publish", stop_and_publish)
    await process.run()
    row = await bench.table.get("e1")
    assert (row.state, row.result["1"]["replaced"]) == ("completed", True)
    assert names(out) == {"a.mp4"}
    assert (await bench.catalog.files("r1"))[0].path == str(out / "a.mp4")


async def _call(action: Callable[[], None]) -> None:
    action()


async def test_a_stop_for_a_pause_keeps_what_is_finished(
    bench: Bench, film: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.put(film)
    process = await bench.process()
    tell = process._on_progress

    def stop_there(latest: TranscodingProgress) -> None:
        tell(latest)
        if latest.stage == "joining":
            process.stop()

    monkeypatch.setattr(process, "_on_progress", stop_there)
    await process.run()
    assert (await bench.table.get("e1")).state == "paused"
    assert names(out) == {"a.mkv", ".a.mp4.haven"}
    row = await bench.run()
    assert (row.state, row.starts) == ("completed", 2)
    assert names(out) == {"a.mkv", "a.mp4"}


async def test_a_damaged_file_is_left_as_it_is(bench: Bench, film: Path, out: Path) -> None:
    film.write_bytes(film.read_bytes()[: film.stat().st_size // 2])
    damaged = film.read_bytes()
    await bench.put(film, replace=True)
    row = await bench.run()
    assert (row.state, row.error_code) == ("failed", "source_damaged"), row.error
    assert row.detail
    assert await last_event(bench) == f"Not encoded again with mp4: {row.error}"
    assert names(out) == {"a.mkv"}
    assert film.read_bytes() == damaged


async def test_a_file_that_goes_missing_fails_it(bench: Bench, film: Path, out: Path) -> None:
    await bench.put(film)
    film.unlink()
    row = await bench.run()
    assert (row.state, row.error_code) == ("failed", "invalid_request")
    assert names(out) == set()


async def test_a_part_that_fails_takes_those_before_it_along(
    bench: Bench, film: Path, out: Path
) -> None:
    bad = out / "b.mkv"
    bad.write_text("no film")
    await bench.put(film, bad)
    row = await bench.run()
    assert (row.state, row.result) == ("failed", {})
    assert names(out) == {"a.mkv", "b.mkv"}


async def test_parts_that_are_done_are_not_done_again(bench: Bench, film: Path, out: Path) -> None:
    second = out / "b.mkv"
    shutil.copy(film, second)
    await bench.put(film, second)
    process = await bench.process()
    put = process._put

    async def put_and_stop(file: File, values: dict[str, Any]) -> None:
        await put(file, values)
        process.stop()

    process._put = put_and_stop  # type: ignore[method-assign]
    await process.run()
    row = await bench.table.get("e1")
    assert (row.state, list(row.result)) == ("paused", ["1"])
    written = (out / "a.mp4").stat().st_mtime_ns
    row = await bench.run()
    assert (row.state, sorted(row.result)) == ("completed", ["1", "2"])
    assert (out / "a.mp4").stat().st_mtime_ns == written


async def test_another_process_at_the_same_file_is_left_alone(
    bench: Bench, film: Path, out: Path
) -> None:
    await bench.put(film)
    output = out / "a.mp4"
    await bench.table.change("e1", outputs={"1": str(output)})
    folder = WorkFolder(output, {"of": "another"})
    folder.put_plan({})
    row = await bench.run()
    assert (row.state, row.error_code) == ("failed", "still_active")
    assert folder.path.exists()
    folder.remove()
    folder.close()


async def test_a_newer_process_has_the_row(bench: Bench, film: Path) -> None:
    await bench.put(film)
    older = await bench.process()
    await bench.process()
    await older.run()
    row = await bench.table.get("e1")
    assert (row.state, row.starts) == ("running", 2)
