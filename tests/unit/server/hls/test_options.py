"""Windows and low latency."""

from __future__ import annotations

import asyncio
import gzip
from pathlib import Path

import pytest

from orchestrator.catalog.store import Catalog
from orchestrator.errors import HlsNotReady, InvalidRequest, NotFound
from orchestrator.hls.playlist import PART_TARGET_S
from orchestrator.server.hls import recording_hls
from orchestrator.server.hls.recordings import HlsRecordings
from orchestrator.worker.outputs.low_latency import LOW_LATENCY_S
from tests.kit.mediafiles.fragmented import X264, encode
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


def test_parts_are_as_long_as_the_playlist_promises() -> None:
    """rfc8216bis §4.4.4.9: 85 % of the target at least, and no more than it."""
    assert 0.85 * PART_TARGET_S <= LOW_LATENCY_S <= PART_TARGET_S


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
    whole = await hls.piece(ID, "1", 0)
    assert whole == b"".join([await hls.part(ID, "1", 0, part) for part in (0, 1)])
    with pytest.raises(NotFound):
        await hls.part(ID, "1", 0, 2)
    with pytest.raises(InvalidRequest):
        await hls.view(ID, view.pieces + 3)
    waiting = asyncio.create_task(hls.view(ID, view.pieces + 1, 0))
    hinted = asyncio.create_task(hls.part(ID, "1", view.pieces, view.parts))
    await asyncio.sleep(0)
    path.write_bytes(data)
    assert len(await hinted) > 0
    reloaded = await waiting
    assert reloaded.pieces > view.pieces
    assert "#EXT-X-PRELOAD-HINT" not in reloaded.media.plain.decode()


async def test_who_waits_is_woken_by_what_another_request_has_found(
    hls: HlsRecordings, catalog: Catalog, tmp_path: Path, encoded: Path
) -> None:
    data, path = encoded.read_bytes(), tmp_path / "0001.mp4"
    await begin(catalog, tmp_path)
    await add_segment(catalog, 1, path)
    await add_output(catalog, low_latency=True)
    path.write_bytes(data[: len(data) // 2])
    view = await hls.view(ID)
    waiting = asyncio.create_task(hls.view(ID, view.pieces, view.parts))
    while not hls._recordings[ID]._waiting:
        await asyncio.sleep(0)
    path.write_bytes(data)
    found = await hls.view(ID)
    assert found.pieces > view.pieces
    async with asyncio.timeout(5):
        assert await waiting == found


@pytest.fixture
async def half(
    catalog: Catalog, tmp_path: Path, encoded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A low-latency recording that grows no more, and reloads that don't wait for long."""
    data, path = encoded.read_bytes(), tmp_path / "0001.mp4"
    await begin(catalog, tmp_path)
    await add_segment(catalog, 1, path)
    await add_output(catalog, low_latency=True)
    path.write_bytes(data[: len(data) // 2])
    monkeypatch.setattr(recording_hls, "RELOAD_TARGETS", 0.01)


@pytest.mark.usefixtures("half")
async def test_a_reload_that_waits_too_long_is_told_to_try_again(hls: HlsRecordings) -> None:
    view = await hls.view(ID)
    with pytest.raises(HlsNotReady, match=f"has no piece {view.pieces + 1} yet"):
        await hls.view(ID, view.pieces + 1)


@pytest.mark.usefixtures("half")
@pytest.mark.parametrize("state", ["paused", "reconnecting"])
async def test_a_reload_while_nothing_is_recorded_is_told_what_there_is(
    state: str, hls: HlsRecordings, catalog: Catalog
) -> None:
    view = await hls.view(ID)
    await catalog.update(ID, state=state)
    again = await hls.view(ID, view.pieces + 1)
    assert (again.pieces, again.media.etag) == (view.pieces, view.media.etag)


async def test_only_where_all_pieces_begin_with_keyframes_they_are_said_to(
    hls: HlsRecordings, catalog: Catalog, tmp_path: Path, encoded: Path
) -> None:
    await begin(catalog, tmp_path)
    await add_segment(catalog, 1, encoded, outcome="finished")
    tag = "#EXT-X-INDEPENDENT-SEGMENTS"
    assert tag in (await hls.view(ID)).media.plain.decode()
    rare = encode(tmp_path / "0002.mp4", 7, *X264, "-force_key_frames", "0", "-g", "999")
    await add_segment(catalog, 2, rare, offset_s=7.0)
    assert tag not in (await hls.view(ID)).media.plain.decode()


async def test_a_playlist_is_compressed_once_for_all(
    hls: HlsRecordings, catalog: Catalog, tmp_path: Path, encoded: Path
) -> None:
    await begin(catalog, tmp_path)
    await add_segment(catalog, 1, encoded)
    text = (await hls.view(ID)).media
    first = asyncio.create_task(text.compressed())
    await asyncio.sleep(0)
    first.cancel()
    one, other = await asyncio.gather(text.compressed(), text.compressed())
    assert one is other
    assert gzip.decompress(one) == text.plain
