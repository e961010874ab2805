"""HLS of recordings in a catalog: while they run, after they have ended, with a server anew."""

from __future__ import annotations

import asyncio
import os
import time
from datetime import timedelta
from pathlib import Path

import pytest

from orchestrator.catalog.hls_runs.table import HlsRuns
from orchestrator.catalog.models import Segment
from orchestrator.catalog.pauses.model import Pause
from orchestrator.catalog.store import Catalog
from orchestrator.errors import (
    HlsImpossible,
    HlsNotReady,
    NotFound,
    RecordingNotFound,
)
from orchestrator.server.hls.recordings import HlsRecordings
from orchestrator.stream_copy.packet_join import join_packets
from orchestrator.worker.finishing.hls_runs import _runs
from tests.kit.catalog.rows import NOON
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
from tests.kit.mediafiles.fragmented import packets_of
from tests.kit.recordings.hls import ID, add_segment, begin, end, played, uris


async def _playlist(hls: HlsRecordings) -> str:
    return (await hls.view(ID)).media.plain.decode()


def _copy(folder: Path, number: int, seconds: int = 6) -> Path:
    path = folder / f"{number:04d}.mkv"
    frames = video_frames("h264", 30 * seconds, keyframe_every=60)
    sound = audio_packets(microphone(), audio_frames("opus", 50 * seconds))
    write(path, in_order(video_packets(camera("h264"), frames), sound))
    return path


async def test_a_running_recording_grows_and_ends(
    hls: HlsRecordings, catalog: Catalog, tmp_path: Path, encoded: Path
) -> None:
    data, path = encoded.read_bytes(), tmp_path / "0001.mp4"
    await begin(catalog, tmp_path)
    await add_segment(catalog, 1, path)
    with pytest.raises(HlsNotReady):
        await hls.view(ID)
    path.write_bytes(data[: len(data) // 2])
    before = await _playlist(hls)
    assert "#EXT-X-PLAYLIST-TYPE:EVENT" in before
    assert "#EXT-X-ENDLIST" not in before
    assert 0 < len(uris(before)) < 4
    with path.open("ab") as file:
        file.write(data[len(data) // 2 :])
    await add_segment(catalog, 1, path, outcome="finished")
    during = await _playlist(hls)
    assert uris(during)[: len(uris(before))] == uris(before)
    assert len(uris(during)) == 4
    final = path.rename(tmp_path / "final.mp4")
    await end(catalog, final)
    after = await _playlist(hls)
    assert after.endswith("#EXT-X-ENDLIST\n")
    assert uris(after) == uris(during)
    assert len(await played(hls)) == len(packets_of(final))
    assert await _playlist(HlsRecordings(catalog)) == after
    assert sorted(await played(HlsRecordings(catalog))) == sorted(await played(hls))


async def test_the_master_playlist_names_codecs_and_size(
    hls: HlsRecordings, catalog: Catalog, tmp_path: Path, encoded: Path
) -> None:
    await begin(catalog, tmp_path)
    await add_segment(catalog, 1, encoded)
    master = (await hls.view(ID)).master.plain.decode()
    assert 'CODECS="avc1.42c00b,mp4a.40.2"' in master
    assert "RESOLUTION=192x108" in master
    assert master.splitlines()[-1] == "video.m3u8"


async def test_another_run_of_ffmpeg_is_a_discontinuity_with_a_header_of_its_own(
    hls: HlsRecordings, catalog: Catalog, tmp_path: Path, encoded: Path
) -> None:
    await begin(catalog, tmp_path)
    await add_segment(catalog, 1, encoded, outcome="killed")
    await add_segment(catalog, 2, encoded, offset_s=20.0)
    lines = (await _playlist(hls)).splitlines()
    at = lines.index("#EXT-X-DISCONTINUITY")
    assert lines[at + 1] == '#EXT-X-MAP:URI="2/init.mp4"'
    captured = (NOON + timedelta(seconds=20)).isoformat(timespec="milliseconds")
    assert lines[at + 2] == f"#EXT-X-PROGRAM-DATE-TIME:{captured}"
    assert lines.count("#EXT-X-DISCONTINUITY") == 1
    assert len(await played(hls)) == 2 * len(packets_of(encoded))


async def test_a_later_segment_is_listed_when_it_is_known_where_it_begins(
    hls: HlsRecordings, catalog: Catalog, tmp_path: Path, encoded: Path
) -> None:
    await begin(catalog, tmp_path)
    await add_segment(catalog, 1, encoded, outcome="killed")
    await add_segment(catalog, 2, encoded, end_s=None)
    assert {init for init, _ in uris(await _playlist(hls))} == {"1/init.mp4"}
    await add_segment(catalog, 2, encoded, offset_s=20.0)
    lines = (await _playlist(hls)).splitlines()
    captured = (NOON + timedelta(seconds=20)).isoformat(timespec="milliseconds")
    at = lines.index('#EXT-X-MAP:URI="2/init.mp4"')
    assert lines[at + 1] == f"#EXT-X-PROGRAM-DATE-TIME:{captured}"


async def test_what_follows_a_segment_waits_until_that_is_whole(
    hls: HlsRecordings, catalog: Catalog, tmp_path: Path, encoded: Path
) -> None:
    data, first = encoded.read_bytes(), tmp_path / "0001.mp4"
    first.write_bytes(data[: len(data) // 2])
    await begin(catalog, tmp_path)
    await add_segment(catalog, 1, first)
    await add_segment(catalog, 2, encoded, offset_s=7.0)
    assert {init for init, _ in uris(await _playlist(hls))} == {"1/init.mp4"}
    first.write_bytes(data)
    assert {init for init, _ in uris(await _playlist(hls))} == {"1/init.mp4", "2/init.mp4"}


async def test_a_segment_that_nobody_ended_has_ended_when_it_grows_no_more(
    hls: HlsRecordings,
    catalog: Catalog,
    tmp_path: Path,
    encoded: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data, first = encoded.read_bytes(), tmp_path / "0001.mp4"
    first.write_bytes(data[: len(data) // 2])
    await begin(catalog, tmp_path)
    await add_segment(catalog, 1, first)
    await add_segment(catalog, 2, encoded, offset_s=7.0)
    monkeypatch.setattr("orchestrator.recordings.hls.runs.QUIET_S", 0.05)
    await _playlist(hls)
    async with asyncio.timeout(10):
        while '"2/init.mp4"' not in await _playlist(hls):
            await asyncio.sleep(0.02)


async def test_a_new_server_lists_what_follows_a_killed_segment_at_once(
    hls: HlsRecordings, catalog: Catalog, tmp_path: Path, encoded: Path
) -> None:
    data, first = encoded.read_bytes(), tmp_path / "0001.mp4"
    first.write_bytes(data[: len(data) // 2])
    os.utime(first, (time.time() - 60,) * 2)
    await begin(catalog, tmp_path)
    await add_segment(catalog, 1, first)
    await add_segment(catalog, 2, encoded, offset_s=7.0)
    assert '"2/init.mp4"' in await _playlist(hls)


async def test_joined_segments_have_the_same_pieces_also_for_a_new_server(
    hls: HlsRecordings, catalog: Catalog, tmp_path: Path
) -> None:
    row = await begin(catalog, tmp_path, tracks="all")
    paths = [_copy(tmp_path, 1), _copy(tmp_path, 2, seconds=4)]
    for number, (path, offset_s) in enumerate(zip(paths, (0.0, 6.5), strict=True), 1):
        await add_segment(catalog, number, path, offset_s=offset_s, outcome="finished")
    before, packets_before = await _playlist(hls), await played(hls)
    final = tmp_path / "final.mkv"
    join_packets([(paths[0], 0.0), (paths[1], 6.5)], final, "matroska", tags={})
    segments: list[Segment] = await catalog.segments(row.id)
    await HlsRuns(catalog).put(_runs(segments, copied=True))
    for path in paths:
        path.unlink()
    await end(catalog, final)
    for server in (hls, HlsRecordings(catalog)):
        after = await _playlist(server)
        assert after.endswith("#EXT-X-ENDLIST\n")
        assert uris(after) == uris(before)
        again = await played(server)
        assert [(kind, data) for kind, _, data in again] == [
            (kind, data) for kind, _, data in packets_before
        ]
        assert [at_s for _, at_s, _ in again] == pytest.approx(
            [at_s for _, at_s, _ in packets_before], abs=0.002
        )


async def test_a_file_of_unknown_segments_is_cut_at_its_keyframes(
    hls: HlsRecordings, catalog: Catalog, tmp_path: Path
) -> None:
    await begin(catalog, tmp_path, tracks="all")
    for number in (1, 2):
        await add_segment(catalog, number, tmp_path / f"{number}.gone", outcome="finished")
    final = _copy(tmp_path, 9)
    await end(catalog, final)
    assert [uri for _, uri in uris(await _playlist(hls))] == ["1/0.m4s", "1/1.m4s", "1/2.m4s"]
    assert sorted(data for _, _, data in await played(hls)) == sorted(
        data for _, _, data in packets_of(final)
    )


async def test_pauses_are_in_the_time_of_capture_only(
    hls: HlsRecordings, catalog: Catalog, tmp_path: Path, encoded: Path
) -> None:
    await begin(catalog, tmp_path)
    await add_segment(catalog, 1, encoded)
    pause = Pause(recording_id=ID, number=1, mode="cut", began_at=NOON, at_s=3.0, length_s=60.0)
    await catalog.transactions.write(lambda session: session.add(pause))
    times = [
        line.partition(":")[2]
        for line in (await _playlist(hls)).splitlines()
        if line.startswith("#EXT-X-PROGRAM-DATE-TIME")
    ]
    assert times[0] == NOON.isoformat(timespec="milliseconds")
    assert times[1].startswith("2026-01-02T12:01:04")


async def test_codecs_that_hls_has_no_place_for_are_said(
    hls: HlsRecordings, catalog: Catalog, tmp_path: Path
) -> None:
    path = tmp_path / "0001.mkv"
    write(path, list(video_packets(camera("vp8"), video_frames("vp8", 300, keyframe_every=60))))
    await begin(catalog, tmp_path, tracks="all")
    await add_segment(catalog, 1, path)
    with pytest.raises(HlsImpossible, match="VP8"):
        await hls.view(ID)


async def test_a_recording_that_nobody_knows(hls: HlsRecordings) -> None:
    with pytest.raises(RecordingNotFound):
        await hls.view("nobody")
    with pytest.raises(RecordingNotFound):
        await hls.piece("nobody", "1", 0)


async def test_a_file_that_was_deleted(
    hls: HlsRecordings, catalog: Catalog, tmp_path: Path, encoded: Path
) -> None:
    final = tmp_path / "final.mp4"
    final.write_bytes(encoded.read_bytes())
    await begin(catalog, tmp_path)
    await add_segment(catalog, 1, tmp_path / "gone.mp4", outcome="finished")
    await end(catalog, final)
    await hls.view(ID)
    final.unlink()
    with pytest.raises(NotFound, match="can't be read"):
        await hls.piece(ID, "1", 1)
    with pytest.raises(HlsImpossible):
        await HlsRecordings(catalog).view(ID)
