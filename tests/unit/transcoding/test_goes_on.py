"""What a stop or a failure leaves behind, and how the next run goes on from it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from orchestrator.errors import EncodingFailed, NotEnoughDisk
from orchestrator.settings import Settings
from orchestrator.transcoding import preparation
from orchestrator.transcoding.chunks import plan
from orchestrator.transcoding.chunks.plan import Chunk, Cut
from orchestrator.transcoding.chunks.record import ChunkRecord
from orchestrator.transcoding.chunks.run import ChunkEncoder, OnFrames
from orchestrator.transcoding.frames import KeyFrame
from orchestrator.transcoding.request import TranscodingRequest
from orchestrator.transcoding.result import TranscodingProgress
from orchestrator.transcoding.transcode import transcode
from orchestrator.transcoding.work_folder import finished_chunks, work_folder_of
from tests.kit.mediafiles.numbered import OPEN_GOP, NumberedFilm, even_times, shown
from tests.kit.recordings.disk import mounted

pytestmark = pytest.mark.slow


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return NumberedFilm(tmp_path / "film.mkv", even_times(6)).write()


def request_for(film: Path, **changes: object) -> TranscodingRequest:
    return TranscodingRequest(film, pipeline="mp4", **changes)  # type: ignore[arg-type]


Children = Callable[[], list[psutil.Process]]


@pytest.fixture
def children() -> Children:
    """Processes that the test has started; other tests of the same run may have a server."""
    before = set(psutil.Process().children(recursive=True))

    def now() -> list[psutil.Process]:
        own = set(psutil.Process().children(recursive=True)) - before
        return [process for process in own if process.status() != "zombie"]

    return now


async def stopped_after(chunks: int, request: TranscodingRequest, settings: Settings) -> None:
    """Cancels it as soon as so many chunks are finished."""
    output = request.source.with_suffix(".mp4")
    running = asyncio.ensure_future(transcode(request, settings))
    async with asyncio.timeout(60):
        while finished_chunks(output) < chunks:
            assert not running.done()
            await asyncio.sleep(0.002)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_stopped_run_leaves_finished_chunks_and_the_next_one_goes_on(
    film: Path, settings: Settings, children: Children
) -> None:
    before = film.read_bytes()
    await stopped_after(1, request_for(film), settings)
    folder = work_folder_of(film.with_suffix(".mp4"))
    kept = {path.name: path.stat().st_mtime_ns for path in folder.glob("chunk*.nut")}
    assert kept
    assert not list(folder.glob("*.part"))
    assert film.read_bytes() == before
    assert {each.name for each in film.parent.iterdir()} == {film.name, folder.name}
    assert children() == []

    reports: list[TranscodingProgress] = []

    def look(progress: TranscodingProgress) -> None:
        reports.append(progress)
        if progress.stage == "joining":
            for name, written in kept.items():
                assert (folder / name).stat().st_mtime_ns == written

    result = await transcode(request_for(film), settings, look)
    assert [number for _, number in shown(result.output)] == list(range(180))
    first = next(each for each in reports if each.stage == "encoding")
    assert first.frames >= 30
    assert not folder.exists()


@pytest.mark.parametrize("change", ["request", "source"])
async def test_another_request_or_source_begins_anew(
    change: str, film: Path, settings: Settings
) -> None:
    await stopped_after(1, request_for(film), settings)
    folder = work_folder_of(film.with_suffix(".mp4"))
    written = max(path.stat().st_mtime_ns for path in folder.glob("chunk*.json"))
    if change == "source":
        os.utime(film)
    looked: list[bool] = []

    def look(progress: TranscodingProgress) -> None:
        if progress.stage == "joining":
            looked.extend(p.stat().st_mtime_ns > written for p in folder.glob("chunk*.json"))

    request = request_for(film, quality="low" if change == "request" else "high")
    result = await transcode(request, settings, look)
    assert result.frames == 180
    assert len(looked) == result.chunks
    assert all(looked)


async def test_a_stop_before_the_first_chunk_leaves_nothing(
    film: Path, settings: Settings, children: Children
) -> None:
    running = asyncio.ensure_future(transcode(request_for(film), settings))
    async with asyncio.timeout(60):
        while not children():
            await asyncio.sleep(0.002)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert children() == []
    if not finished_chunks(film.with_suffix(".mp4")):
        assert [each.name for each in film.parent.iterdir()] == [film.name]


async def test_a_chunk_that_is_cut_off_is_made_again(film: Path, settings: Settings) -> None:
    await stopped_after(2, request_for(film), settings)
    folder = work_folder_of(film.with_suffix(".mp4"))
    broken = sorted(folder.glob("chunk*.nut"))[0]
    broken.write_bytes(broken.read_bytes()[:-100])
    result = await transcode(request_for(film), settings)
    assert [number for _, number in shown(result.output)] == list(range(180))


async def test_an_encoder_that_fails_leaves_the_source(
    film: Path, settings: Settings, tmp_path: Path
) -> None:
    pipelines = tmp_path / "pipelines"
    pipelines.mkdir()
    (pipelines / "mine.py").write_text(
        'import ffmpeg\nEXTENSION = CONTAINER = "mp4"\nVIDEO_CODEC = "libx264"\n'
        'AUDIO_CODEC = "aac"\nLATER_CRFS = {"low": 1, "medium": 1, "high": 1}\n'
        "def build(job): pass\n"
        "def build_later(job):\n"
        "    options = {**job.safe_options, 'c:v': 'libx264', 'preset:v': 'nonsense'}\n"
        "    return ffmpeg.output(job.video, job.output, **options)\n"
    )
    own = settings.model_copy(update={"pipelines_directory": pipelines})
    request = TranscodingRequest(film, pipeline="mine")
    with pytest.raises(EncodingFailed, match="can't be encoded") as raised:
        await transcode(request, own)
    assert any("nonsense" in line for line in raised.value.context["stderr"])
    assert {each.name for each in tmp_path.iterdir()} == {film.name, "pipelines"}


async def test_a_full_disk_is_said_beforehand(
    film: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparation, "has_headroom", lambda folder: False)
    with pytest.raises(NotEnoughDisk, match=r"encoding film\.mkv may take"):
        await transcode(request_for(film), settings)
    assert [each.name for each in film.parent.iterdir()] == [film.name]


@pytest.mark.parametrize("stage", ["encoding", "joining"])
async def test_a_disk_that_fills_up(stage: str, tmp_path: Path, settings: Settings) -> None:
    times = even_times(6)
    film = NumberedFilm(tmp_path / "film.mkv", times, sizes=((640, 384),)).write()
    with mounted(tmp_path / "disk", 4) as disk:
        if disk is None:
            pytest.skip("a disk can't be mounted here")
        request = request_for(film, output=disk.path / "small.mp4", crf=1)

        def fill(progress: TranscodingProgress) -> None:
            if progress.stage == stage:
                disk.fill(65_536)

        with pytest.raises(NotEnoughDisk, match=r"[Nn]o space is left"):
            await transcode(request, settings, fill)
        assert film.exists()
        kept = {path.suffix for path in disk.path.rglob("*") if path.is_file()}
        assert kept <= {".nut", ".json", "", ".m4a", ".mp4"}
        assert not list(disk.path.rglob("joined*"))
        disk.make_room()
        result = await transcode(request, settings)
        assert [number for _, number in shown(result.output)] == list(range(180))


async def test_keyframes_that_do_not_hold_what_they_promise(
    tmp_path: Path, settings: Settings
) -> None:
    """Periodic intra refresh: where decoding may begin, a frame takes a second to be whole."""
    params = "intra-refresh=1:keyint=25:bframes=0:scenecut=0"
    film = NumberedFilm(
        tmp_path / "film.mkv",
        even_times(4),
        options={"preset": "veryfast", "x264-params": params},
        audio=(),
    ).write()
    result = await transcode(request_for(film), settings)
    assert result.chunks >= 2
    assert [number for _, number in shown(result.output)] == list(range(120))


async def test_a_chunk_whose_run_in_is_too_short_is_encoded_again_from_further_back(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def from_the_cut_itself(keyframes: list[KeyFrame], cut: Cut) -> tuple[int, ...]:
        return (cut.key.pts, keyframes[cut.before].pts)

    tried: list[tuple[int, int]] = []
    encode = ChunkEncoder.encode

    async def counted(
        self: ChunkEncoder, chunk: Chunk, on_frames: OnFrames, *, further: int = 0
    ) -> ChunkRecord:
        tried.append((chunk.number, further))
        return await encode(self, chunk, on_frames, further=further)

    monkeypatch.setattr(plan, "_run_in", from_the_cut_itself)
    monkeypatch.setattr(ChunkEncoder, "encode", counted)
    film = NumberedFilm(tmp_path / "film.mp4", even_times(3), options=OPEN_GOP, audio=()).write()
    result = await transcode(request_for(film), settings)
    assert [number for _, number in shown(result.output)] == list(range(90))
    again = [number for number, further in tried if further]
    assert again == list(range(1, result.chunks))
