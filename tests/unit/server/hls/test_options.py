"""Windows and low latency."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from orchestrator.catalog.store import Catalog
from orchestrator.errors import HlsNotReady, InvalidRequest, NotFound
from orchestrator.server.hls import recording_hls
from orchestrator.server.hls.recordings import HlsRecordings
from tests.kit.recordings.hls import ID, add_output, add_segment, begin, uris


async def test_a_window_slides_and_counts_what_it_dropped(
    hls: HlsRecordings, catalog: Catalog, tmp_path: Path, encoded: Path
) -> None:
    await begin(catalog, tmp_path)
    for number in range(1, 5):
        outcome = "finished" if number < 4 else None
        await add_segment(catalog, number, encoded, offset_s=7.0 * number, outcome=outcome)
    await add_output(catalog, window_s=12)
    lines = ((await hls.view(ID)).media.plain.decode()).splitlines()
    assert "#EXT-X-MEDIA-SEQUENCE:8" in lines
    assert "#EXT-X-DISCONTINUITY-SEQUENCE:2" in lines
    assert not any(line.startswith("#EXT-X-PLAYLIST-TYPE") for line in lines)
    first = next(line for line in lines if line.startswith("#EXT-X-MAP"))
    assert first == '#EXT-X-MAP:URI="3/init.mp4"'
    assert lines.index(first) < lines.index("#EXT-X-DISCONTINUITY")
    assert len(uris("\n".join(lines))) == 8


async def test_parts_of_a_low_latency_recording(
    hls: HlsRecordings, catalog: Catalog, tmp_path: Path, encoded: Path
) -> None:
    data, path = encoded.read_bytes(), tmp_path / "0001.mp4"
    await begin(catalog, tmp_path)
    await add_segment(catalog, 1, path)
    await add_output(catalog, low_latency=True)
    path.write_bytes(data[: len(data) // 2])
    view = await hls.view(ID)
    lines = view.media.plain.decode().splitlines()
    assert '#EXT-X-PART:DURATION=1.00000,URI="1/0.0.m4s",INDEPENDENT=YES' in lines
    hint = f'#EXT-X-PRELOAD-HINT:TYPE=PART,URI="1/{view.pieces}.{view.parts}.m4s"'
    assert lines[-1] == hint
    whole = await hls.piece(ID, 1, 0)
    assert whole == b"".join([await hls.part(ID, 1, 0, part) for part in (0, 1)])
    with pytest.raises(NotFound):
        await hls.part(ID, 1, 0, 2)
    with pytest.raises(InvalidRequest):
        await hls.view(ID, view.pieces + 3)
    waiting = asyncio.create_task(hls.view(ID, view.pieces + 1, 0))
    hinted = asyncio.create_task(hls.part(ID, 1, view.pieces, view.parts))
    await asyncio.sleep(0)
    path.write_bytes(data)
    assert len(await hinted) > 0
    reloaded = await waiting
    assert reloaded.pieces > view.pieces
    assert "#EXT-X-PRELOAD-HINT" not in reloaded.media.plain.decode()


async def test_a_reload_that_waits_too_long_is_told_to_try_again(
    hls: HlsRecordings,
    catalog: Catalog,
    tmp_path: Path,
    encoded: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data, path = encoded.read_bytes(), tmp_path / "0001.mp4"
    await begin(catalog, tmp_path)
    await add_segment(catalog, 1, path)
    await add_output(catalog, low_latency=True)
    path.write_bytes(data[: len(data) // 2])
    monkeypatch.setattr(recording_hls, "RELOAD_TARGETS", 0.01)
    view = await hls.view(ID)
    with pytest.raises(HlsNotReady):
        await hls.view(ID, view.pieces + 1)
