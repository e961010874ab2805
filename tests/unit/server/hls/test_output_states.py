"""States of outputs of HLS, as the server writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.catalog.outputs.model import OutputRow
from orchestrator.catalog.outputs.table import Outputs
from orchestrator.catalog.store import Catalog
from orchestrator.server.hls.output_states import HlsOutputStates
from orchestrator.server.hls.recordings import HlsRecordings
from orchestrator.worker.outputs.low_latency import LOW_LATENCY_S, fragment_s
from tests.kit.encoded.files import write
from tests.kit.encoded.frames import camera, video_frames, video_packets
from tests.kit.recordings.hls import ID, add_output, add_segment, begin, end


async def _row(catalog: Catalog) -> OutputRow:
    return await Outputs(catalog).get(ID, "o1")


async def test_from_waiting_to_complete(
    hls: HlsRecordings, catalog: Catalog, tmp_path: Path, encoded: Path
) -> None:
    states, path = HlsOutputStates(catalog, hls), tmp_path / "0001.mp4"
    await begin(catalog, tmp_path)
    await add_output(catalog)
    await states.look()
    assert (await _row(catalog)).state == "waiting"
    path.write_bytes(encoded.read_bytes())
    await add_segment(catalog, 1, path)
    await states.look()
    active = await _row(catalog)
    assert active.state == "active"
    assert active.started_at is not None
    await end(catalog, path)
    await states.look()
    complete = await _row(catalog)
    assert (complete.state, complete.figures) == ("complete", {"pieces": 4})
    assert complete.ended_at is not None
    messages = [event.message for event in await catalog.events(ID) if event.kind == "output"]
    assert messages == ["Output hls: waiting -> active", "Output hls: active -> complete"]


async def test_codecs_without_a_place_fail_the_output_only(
    hls: HlsRecordings, catalog: Catalog, tmp_path: Path
) -> None:
    path = tmp_path / "0001.mkv"
    write(path, list(video_packets(camera("vp8"), video_frames("vp8", 300, keyframe_every=60))))
    await begin(catalog, tmp_path, tracks="all")
    await add_segment(catalog, 1, path)
    await add_output(catalog)
    await HlsOutputStates(catalog, hls).look()
    row = await _row(catalog)
    assert (row.state, row.error_code) == ("failed", "hls_impossible")
    assert "VP8" in (row.error or "")
    assert (await catalog.get(ID)).state == "recording"


@pytest.mark.parametrize("state", ["failed", "aborted"])
async def test_it_fails_with_its_recording(
    state: str, hls: HlsRecordings, catalog: Catalog, tmp_path: Path
) -> None:
    await begin(catalog, tmp_path)
    await add_output(catalog)
    await catalog.update(ID, state=state)
    await HlsOutputStates(catalog, hls).look()
    assert (await _row(catalog)).state == "failed"


async def test_fragments_are_short_for_low_latency(catalog: Catalog, tmp_path: Path) -> None:
    await begin(catalog, tmp_path)
    assert await fragment_s(catalog, ID) == 1.0
    await add_output(catalog, low_latency=True)
    assert await fragment_s(catalog, ID) == LOW_LATENCY_S
