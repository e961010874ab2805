"""Pieces for HLS of recordings in a catalog, uploaded to a folder while they run and afterwards."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from orchestrator.catalog.encodes import Encodes, Replacement
from orchestrator.catalog.models import File
from orchestrator.catalog.outputs.model import OutputRow
from orchestrator.catalog.outputs.table import Outputs
from orchestrator.catalog.store import Catalog
from orchestrator.catalog.uploads.pieces import UploadedPieces
from orchestrator.errors import UploadBusy
from orchestrator.uploads.pieces.far_end import FarEnd
from orchestrator.uploads.upload import Upload
from tests.kit.catalog.rows import NOON
from tests.kit.encoded.files import write
from tests.kit.encoded.frames import camera, video_frames, video_packets
from tests.kit.mediafiles.fragmented import packets_of
from tests.kit.recordings.hls import ID, add_segment, begin, end, uris
from tests.kit.recordings.waits import eventually
from tests.kit.uploads.hls import played, wrong_sums
from tests.kit.uploads.rows import put_upload, row_of


async def add(catalog: Catalog, away: Path, **how: Any) -> OutputRow:
    return await put_upload(catalog, away.as_uri(), of=ID, hls=True, **how)


async def run(catalog: Catalog, row: OutputRow) -> OutputRow:
    async with asyncio.timeout(30):
        await Upload(catalog, await row_of(catalog, row), "private").run()
    return await row_of(catalog, row)


@asynccontextmanager
async def running(catalog: Catalog, row: OutputRow) -> AsyncIterator[asyncio.Task[OutputRow]]:
    """A pass that follows the recording; killed at the end if it still runs."""
    task = asyncio.create_task(run(catalog, row))
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def text_of(hls: Path) -> str:
    playlist = hls / "video.m3u8"
    return playlist.read_text() if playlist.exists() else ""


async def until_named(hls: Path, pieces: int) -> str:
    """The playlist once it names so many."""
    await eventually(lambda: len(uris(text_of(hls))) >= pieces, lambda: text_of(hls), within_s=20)
    return text_of(hls)


async def until_told(catalog: Catalog, row: OutputRow, figure: str) -> OutputRow:
    """The row once it has this figure."""
    async with asyncio.timeout(20):
        while figure not in (now := await row_of(catalog, row)).figures:
            await asyncio.sleep(0.02)
    return now


async def test_a_running_recording_can_be_played_there_and_ends_there(
    catalog: Catalog, tmp_path: Path, encoded: Path, away: Path, hls: Path, puts: Counter[str]
) -> None:
    data, path = encoded.read_bytes(), tmp_path / "0001.mp4"
    path.write_bytes(data[: len(data) // 2])
    await begin(catalog, tmp_path)
    await add_segment(catalog, 1, path)
    row = await add(catalog, away)
    async with running(catalog, row) as task:
        before = await until_named(hls, 1)
        assert "#EXT-X-PLAYLIST-TYPE:EVENT" in before
        assert "#EXT-X-ENDLIST" not in before
        assert (hls / "master.m3u8").read_text().endswith("\nvideo.m3u8\n")
        active = await until_told(catalog, row, "playlist")
        assert active.state == "active"
        assert active.figures["playlist"] == f"{away.as_uri()}/final-{ID}/hls/master.m3u8"
        with path.open("ab") as file:
            file.write(data[len(data) // 2 :])
        await add_segment(catalog, 1, path, outcome="finished")
        during = await until_named(hls, 4)
        assert uris(during)[: len(uris(before))] == uris(before)
        final = path.rename(tmp_path / "final.mp4")
        await end(catalog, final)
        assert (await task).state == "active", "files are for the next pass"
        assert text_of(hls).endswith("#EXT-X-ENDLIST\n")
    done = await run(catalog, row)
    assert (done.state, done.error) == ("complete", None)
    assert done.figures["pieces"] == done.figures["pieces_uploaded"] == 4
    assert done.figures["pieces_behind_s"] == 0
    assert played(hls) == packets_of(final)
    assert wrong_sums(hls) == []
    pieces = {name: times for name, times in puts.items() if not name.endswith(".m3u8")}
    assert pieces == {"1/init.mp4": 1, **{f"1/{number}.m4s": 1 for number in range(4)}}
    described = json.loads((hls.parent / "manifest.json").read_text())
    assert described["hls"] == {
        "playlist": "hls/master.m3u8",
        "pieces": 4,
        "size_bytes": done.figures["piece_bytes_uploaded"],
        "sha256_sums": "hls/sha256sums.txt",
    }
    kinds = {one["name"]: one["kind"] for one in described["files"]}
    assert kinds["hls/video.m3u8"] == "hls"
    assert any("HLS can be played at" in one.message for one in await catalog.events(ID))


async def test_an_uploader_that_ends_is_gone_on_from_and_names_no_less(
    catalog: Catalog, tmp_path: Path, encoded: Path, away: Path, hls: Path, puts: Counter[str]
) -> None:
    data, path = encoded.read_bytes(), tmp_path / "0001.mp4"
    path.write_bytes(data[: 2 * len(data) // 3])
    await begin(catalog, tmp_path)
    await add_segment(catalog, 1, path)
    row = await add(catalog, away)
    async with running(catalog, row):
        before = await until_named(hls, 2)
    (hls / "video.m3u8").unlink()  # so that the next one is a new one
    async with running(catalog, row):
        again = await until_named(hls, 1)
        assert uris(again)[:2] == uris(before)[:2]
        path.write_bytes(data)
        await until_named(hls, 3)
    assert {times for name, times in puts.items() if name.endswith((".m4s", ".mp4"))} == {1}


async def test_what_was_missed_in_an_outage_comes_in_order(
    catalog: Catalog,
    tmp_path: Path,
    encoded: Path,
    away: Path,
    hls: Path,
    puts: Counter[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await begin(catalog, tmp_path)
    await add_segment(catalog, 1, encoded)
    row = await add(catalog, away)
    with monkeypatch.context() as patched:
        patched.setattr(FarEnd, "put", _fails)
        failed = await run(catalog, row)
    assert (failed.state, failed.error_code) == ("retrying", "upload_busy")
    assert failed.next_try_at is not None
    assert not hls.exists()
    async with running(catalog, row):
        await until_named(hls, 3)
        assert (await row_of(catalog, row)).error is None
    order = [name for name in puts if name.endswith(".m4s")]
    assert order == [f"1/{number}.m4s" for number in range(len(order))]


async def test_the_second_target_gets_all_of_them(
    catalog: Catalog, tmp_path: Path, encoded: Path, away: Path, hls: Path
) -> None:
    first = tmp_path / "first"
    first.mkdir()
    data, path = encoded.read_bytes(), tmp_path / "0001.mp4"
    path.write_bytes(data[: len(data) // 2])
    await begin(catalog, tmp_path)
    await add_segment(catalog, 1, path)
    row = await add(catalog, first, fallback_url=away.as_uri())
    async with running(catalog, row) as task:
        there = first / f"final-{ID}" / "hls"
        await until_named(there, 1)
        first.rename(tmp_path / "unmounted")
        path.write_bytes(data)
        assert (await task).figures["fallback_used"]
    async with running(catalog, row):
        await until_named(hls, 3)
    await add_segment(catalog, 1, path, outcome="finished")
    final = path.rename(tmp_path / "final.mp4")
    await end(catalog, final)
    assert (await run(catalog, row)).state == "complete"
    assert played(hls) == packets_of(final)
    assert wrong_sums(hls) == []


async def test_what_has_no_place_in_hls_is_uploaded_without(
    catalog: Catalog, tmp_path: Path, away: Path, hls: Path
) -> None:
    path = tmp_path / "0001.mkv"
    frames = video_frames("vp8", 90, keyframe_every=30)
    write(path, list(video_packets(camera("vp8"), frames)))
    await begin(catalog, tmp_path, tracks="all", output_path=str(tmp_path / "final.mkv"))
    await add_segment(catalog, 1, path, outcome="finished")
    row = await add(catalog, away)
    await end(catalog, path.rename(tmp_path / "final.mkv"))
    done = await run(catalog, row)
    assert (done.state, done.figures["pieces"]) == ("complete", 0)
    assert "No HLS of it" in done.figures["warning"]
    assert not hls.exists()
    assert json.loads((hls.parent / "manifest.json").read_text())["hls"] is None


async def test_pieces_of_a_file_that_is_encoded_again_before_all_are_there_take_their_place(
    catalog: Catalog, tmp_path: Path, encoded: Path, away: Path, hls: Path, puts: Counter[str]
) -> None:
    data, path = encoded.read_bytes(), tmp_path / "0001.mp4"
    path.write_bytes(data[: 2 * len(data) // 3])
    await begin(catalog, tmp_path)
    await add_segment(catalog, 1, path)
    row = await add(catalog, away)
    async with running(catalog, row):
        await until_named(hls, 2)
    path.unlink()
    final = tmp_path / "final.mp4"
    final.write_bytes(data)
    await end(catalog, final)
    values = {"recording_id": ID, "number": 1, "path": str(final), "offset_s": 0.0}
    new = File(**values, duration_s=7.0, size_bytes=len(data), made_at=NOON)
    await Encodes(catalog).put_replaced(Replacement(new, {}))
    assert (await run(catalog, row)).state == "complete"
    assert {init for init, _ in uris(text_of(hls))} == {"1-1/init.mp4"}
    assert not list(hls.glob("1/*.m4s")), "of the file that was replaced"
    assert wrong_sums(hls) == []
    sizes = await UploadedPieces(catalog).sizes(row.id, fallback=False)
    assert {name.partition("/")[0] for name in sizes} == {"1-1"}


async def test_files_that_are_final_while_it_runs_are_sent_beside(
    catalog: Catalog, tmp_path: Path, encoded: Path, away: Path, hls: Path
) -> None:
    await begin(catalog, tmp_path)
    await add_segment(catalog, 1, encoded, outcome="finished")
    first = tmp_path / "final-1.mp4"
    first.write_bytes(encoded.read_bytes())
    values = {"recording_id": ID, "number": 1, "path": str(first), "offset_s": 0.0}
    size = first.stat().st_size
    await catalog.put_file(File(**values, duration_s=7.0, size_bytes=size, made_at=NOON))
    second = tmp_path / "0002.mp4"
    second.write_bytes(encoded.read_bytes()[:100_000])
    await add_segment(catalog, 2, second, offset_s=7.0, part=2)
    row = await add(catalog, away)
    async with running(catalog, row) as task:
        there = hls.parent / first.name
        await eventually(there.exists, lambda: list(hls.parent.iterdir()), within_s=20)
        await until_named(hls, 4)
        assert not task.done()


async def test_one_that_is_removed_ends(
    catalog: Catalog, tmp_path: Path, encoded: Path, away: Path, hls: Path
) -> None:
    await begin(catalog, tmp_path)
    await add_segment(catalog, 1, encoded)
    row = await add(catalog, away)
    async with running(catalog, row):
        await until_named(hls, 3)
    await Outputs(catalog).change(row.id, wanted="remove")
    assert (await run(catalog, row)).state == "removed"
    assert played(hls)


async def _fails(_self: FarEnd, _one: object) -> None:
    raise UploadBusy("file:///away can't take the upload now.", "It is tried again.")
