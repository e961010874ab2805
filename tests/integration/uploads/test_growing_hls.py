"""A segment that grows, as a recording's does, played by ffmpeg from a real S3 server meanwhile."""

from __future__ import annotations

import asyncio
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from orchestrator.catalog.outputs.model import OutputRow
from orchestrator.catalog.store import Catalog
from orchestrator.errors import UploadedFileNotFound, UploadError
from orchestrator.server.outputs.recording_uploads import RecordingUploads
from orchestrator.settings import Settings
from orchestrator.uploads.process.job import UploaderJob
from orchestrator.uploads.upload import Upload
from tests.kit.catalog.rows import url_of
from tests.kit.encoded.files import write
from tests.kit.encoded.frames import (
    audio_frames,
    audio_packets,
    camera,
    in_order,
    microphone,
    video_frames,
    video_packets,
)
from tests.kit.mediafiles.fragmented import X264, encode
from tests.kit.recordings.hls import ID, add_segment, begin, end, uris
from tests.kit.recordings.waits import eventually
from tests.kit.uploads.hls import missing, wrong_sums
from tests.kit.uploads.playing import decoded
from tests.kit.uploads.rows import put_upload, row_of
from tests.kit.uploads.versitygw import VersityGw, binary

pytestmark = [
    pytest.mark.all_only,
    pytest.mark.skipif(binary() is None, reason="no versitygw: run scripts/versitygw"),
    pytest.mark.timeout(180),
]


def recorded(folder: Path, suffix: str) -> bytes:
    """A whole segment: encoded, or copied."""
    path = folder / f"whole{suffix}"
    if suffix == ".mp4":
        return encode(path, 12, *X264).read_bytes()
    spoken = audio_packets(microphone(), audio_frames("opus", 600))
    frames = video_frames("h264", 360, keyframe_every=60)
    write(path, in_order(video_packets(camera("h264"), frames), spoken))
    return path.read_bytes()


async def one_pass(catalog: Catalog, row: OutputRow) -> OutputRow:
    async with asyncio.timeout(60):
        await Upload(catalog, await row_of(catalog, row), "private").run()
    return await row_of(catalog, row)


@asynccontextmanager
async def uploading(catalog: Catalog) -> AsyncIterator[Process]:
    """The uploader's process; killed at the end."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "orchestrator.uploads.process"), stdin=PIPE
    )
    assert process.stdin is not None
    settings = Settings(database_url=url_of(catalog.path), allow_private_targets=True)
    process.stdin.write(UploaderJob(settings).line().encode() + b"\n")
    process.stdin.close()
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def until_row(
    catalog: Catalog, row: OutputRow, reached: Callable[[OutputRow], bool]
) -> OutputRow:
    now = row
    try:
        async with asyncio.timeout(60):
            while not reached(now := await row_of(catalog, row)):
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError((now.state, now.error, now.figures)) from None
    return now


async def test_an_outage_and_a_killed_uploader_lose_nothing_and_send_nothing_twice(
    catalog: Catalog, tmp_path: Path, s3: VersityGw
) -> None:
    path, folder = tmp_path / "0001.mp4", s3.bucket / "talks" / f"final-{ID}" / "hls"
    data = (await asyncio.to_thread(encode, tmp_path / "whole.mp4", 60, *X264)).read_bytes()
    path.write_bytes(data[: len(data) // 6])
    await begin(catalog, tmp_path)
    await add_segment(catalog, 1, path)
    row = await put_upload(catalog, "s3://recordings/talks", of=ID, hls=True, options=s3.options)
    async with uploading(catalog):
        await until_row(catalog, row, lambda now: now.figures.get("pieces_uploaded", 0) >= 4)
        await eventually((folder / "master.m3u8").exists, s3.objects, within_s=10)
        sent = {one: one.stat().st_mtime_ns for one in folder.glob("*/*")}
        await s3.stop()
        went_s = time.monotonic()
        path.write_bytes(data[: len(data) // 2])
        failed = await until_row(catalog, row, lambda now: now.state == "retrying")
        assert failed.error_code == "upload_unreachable"
    assert missing(folder) == []
    path.write_bytes(data)
    async with uploading(catalog):  # the one before was killed
        away_s = 15.0
        behind = await until_row(
            catalog,
            row,
            lambda now: now.figures["pieces"] >= 28 and time.monotonic() - went_s > away_s,
        )
        assert behind.figures["pieces_behind_s"] > 30
        await s3.start()
        back_s = time.monotonic()
        await until_row(catalog, row, lambda now: now.figures["pieces_uploaded"] >= 28)
        print(f"caught up {time.monotonic() - back_s:.1f} s after the store's return")
        assert missing(folder) == []
        await add_segment(catalog, 1, path, outcome="finished")
        final = path.rename(tmp_path / "final.mp4")
        await end(catalog, final, duration_s=60.0)
        await until_row(catalog, row, lambda now: now.state in ("complete", "failed"))
    done = await row_of(catalog, row)
    assert (done.state, done.error) == ("complete", None)
    assert {one: one.stat().st_mtime_ns for one in sent} == sent
    assert (missing(folder), wrong_sums(folder), s3.unfinished()) == ([], [], [])
    assert await decoded(folder / "video.m3u8") == await decoded(final)


async def _is_led_to(catalog: Catalog, row: OutputRow, folder: Path) -> None:
    """By the recorder, with an address for each that is signed."""
    uploads = RecordingUploads(catalog)
    async with asyncio.timeout(10):
        while "playlist" not in (await row_of(catalog, row)).figures:
            await asyncio.sleep(0.05)
    for name in ("hls/master.m3u8", "hls/video.m3u8"):
        assert (await uploads.playlist(ID, name)).startswith(b"#EXTM3U")
    address = await uploads.place(ID, "hls/1/0.m4s")
    assert "X-Amz-Signature=" in str(address)
    async with httpx.AsyncClient() as player:
        got = await player.get(str(address))
    assert got.content == (folder / "1" / "0.m4s").read_bytes()
    for name in ("hls/1/99.m4s", "hls/../../x", "hls/1/99.m3u8"):
        with pytest.raises((UploadedFileNotFound, UploadError)):
            await (uploads.playlist if name.endswith("m3u8") else uploads.place)(ID, name)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
async def test_what_is_played_while_it_grows_is_the_final_file(
    catalog: Catalog, tmp_path: Path, s3: VersityGw, suffix: str
) -> None:
    base = await s3.allow_reading()
    data = await asyncio.to_thread(recorded, tmp_path, suffix)
    path, folder = tmp_path / f"0001{suffix}", s3.bucket / "talks" / f"final-{ID}" / "hls"
    path.write_bytes(data[: len(data) // 2])
    tracks = "all" if suffix == ".mkv" else None
    output_path = str(tmp_path / f"final{suffix}")
    await begin(catalog, tmp_path, tracks=tracks, output_path=output_path)
    await add_segment(catalog, 1, path)
    row = await put_upload(catalog, "s3://recordings/talks", of=ID, hls=True, options=s3.options)
    following = asyncio.create_task(one_pass(catalog, row))
    await eventually((folder / "master.m3u8").exists, s3.objects, within_s=30)
    address = f"{base}/talks/final-{ID}/hls/master.m3u8"
    playing = asyncio.create_task(decoded(address))
    async with httpx.AsyncClient() as player:
        playlist = await player.get(address.replace("master", "video"))
        piece = await player.head(f"{base}/talks/final-{ID}/hls/1/0.m4s")
    assert playlist.headers["content-type"] == "application/vnd.apple.mpegurl"
    assert playlist.headers["cache-control"] == "no-cache"
    assert piece.headers["content-type"] == "video/iso.segment"
    assert "immutable" in piece.headers["cache-control"]
    assert "#EXT-X-PLAYLIST-TYPE:EVENT" in playlist.text
    await _is_led_to(catalog, row, folder)
    before = len(uris(playlist.text))
    with path.open("ab") as file:
        file.write(data[len(data) // 2 :])
    await add_segment(catalog, 1, path, outcome="finished")
    await eventually(
        lambda: len(uris((folder / "video.m3u8").read_text())) > before, s3.objects, within_s=30
    )
    assert not playing.done(), "it is followed while it grows"
    final = path.rename(output_path)
    await end(catalog, final)
    await following
    done = await one_pass(catalog, row)
    assert (done.state, done.error) == ("complete", None)
    live, again, file_ = await playing, await decoded(address), await decoded(final)
    assert len(file_) > 200
    assert live == file_
    assert again == file_
    assert (missing(folder), wrong_sums(folder), s3.unfinished()) == ([], [], [])
