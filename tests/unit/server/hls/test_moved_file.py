"""HLS of a recording whose file is moved to its final name while it is played."""

from __future__ import annotations

import asyncio
from pathlib import Path

from orchestrator.catalog.store import Catalog
from orchestrator.server.hls.recordings import HlsRecordings
from tests.kit.mediafiles.voices import Voice, written
from tests.kit.recordings.hls import ID, add_output, add_segment, begin, end, uris


async def test_what_is_listed_stays_while_the_file_is_moved(
    hls: HlsRecordings, catalog: Catalog, tmp_path: Path
) -> None:
    """The worker moves a lone segment to its final name, and then says so in the catalog."""
    data, path = written(tmp_path / "whole.mkv", Voice(440)).read_bytes(), tmp_path / "0001.mkv"
    path.write_bytes(data[: -len(data) // 8])
    await begin(catalog, tmp_path, tracks="all")
    await add_segment(catalog, 1, path)
    assert uris((await hls.view(ID)).media.plain.decode())[0] == ("1/init.mp4", "1/0.m4s")
    path.write_bytes(data)
    final = path.rename(tmp_path / "final.mkv")
    listed = uris((await hls.view(ID)).media.plain.decode())
    assert await hls.init(ID, "1")
    piece = asyncio.create_task(hls.piece(ID, "1", 0))
    await asyncio.sleep(0)
    await end(catalog, final)
    assert await piece
    assert uris((await hls.view(ID)).media.plain.decode())[: len(listed)] == listed


async def test_parts_are_there_while_their_file_is_moved(
    hls: HlsRecordings, catalog: Catalog, tmp_path: Path, encoded: Path
) -> None:
    data, path = encoded.read_bytes(), tmp_path / "0001.mp4"
    path.write_bytes(data)
    await begin(catalog, tmp_path)
    await add_segment(catalog, 1, path)
    await add_output(catalog, low_latency=True)
    await hls.view(ID)
    parts = [await hls.part(ID, "1", 0, part) for part in (0, 1)]
    final = path.rename(tmp_path / "final.mp4")
    part = asyncio.create_task(hls.part(ID, "1", 0, 0))
    await asyncio.sleep(0)
    await end(catalog, final)
    assert [await part, await hls.part(ID, "1", 0, 1)] == parts


async def test_the_playlist_stays_while_its_file_is_rewritten(
    hls: HlsRecordings, catalog: Catalog, tmp_path: Path, encoded: Path
) -> None:
    data, path = encoded.read_bytes(), tmp_path / "0001.mp4"
    await begin(catalog, tmp_path)
    await add_segment(catalog, 1, path)
    path.write_bytes(data[: len(data) // 2])
    view = await hls.view(ID)
    path.write_bytes(data[: len(data) // 2] + b"no box of MP4")
    assert await hls.view(ID) == view
