"""HLS of recordings whose segments wrote nothing, whose file is replaced, or which are deleted."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from orchestrator.catalog.encodes import Encodes, Replacement
from orchestrator.catalog.hls_runs.table import HlsRuns
from orchestrator.catalog.models import File
from orchestrator.catalog.outputs.table import Outputs
from orchestrator.catalog.store import Catalog
from orchestrator.discovery.directory import Directory
from orchestrator.errors import NotFound, RecordingNotFound, Unavailable
from orchestrator.hls.playlist import Entry, lines_of
from orchestrator.server.hls import recordings as hls_recordings
from orchestrator.server.hls.kept_bytes import KeptBytes
from orchestrator.server.hls.output_states import HlsOutputStates
from orchestrator.server.hls.recordings import HlsRecordings
from orchestrator.server.launcher import LocalLauncher
from orchestrator.server.manager import Manager
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
from tests.kit.livekit.server import settings_of
from tests.kit.mediafiles.fragmented import packets_of
from tests.kit.recordings.hls import ID, add_output, add_segment, begin, end, played, uris


def _copy(path: Path, *voices: str, start_s: float = 0.0, gap_s: float = 0.0) -> Path:
    shots = list(video_packets(camera("h264"), video_frames("h264", 120, keyframe_every=60)))
    later = video_packets(camera("h264"), video_frames("h264", 120, keyframe_every=60))
    shots += [
        type(one)(one.track, one.time_ns + round((4 + gap_s) * 1e9), one.frame) for one in later
    ]
    spoken = [audio_packets(microphone(name=name), audio_frames("opus", 200)) for name in voices]
    write(path, in_order(iter(shots), *spoken))
    return path


async def _media(hls: HlsRecordings) -> str:
    return (await hls.view(ID)).media.plain.decode()


@pytest.mark.parametrize("kept", [True, False])
async def test_a_segment_that_wrote_nothing_has_no_pieces(
    kept: bool, hls: HlsRecordings, catalog: Catalog, tmp_path: Path
) -> None:
    row = await begin(catalog, tmp_path, tracks="all")
    path = _copy(tmp_path / "0001.mkv", "a")
    nothing = tmp_path / "0002.mkv"
    await add_segment(catalog, 1, path, outcome="finished", end_s=8.0)
    await add_segment(catalog, 2, nothing, outcome="failed", end_s=None, offset_s=8.0)
    before = uris(await _media(hls))
    if kept:
        await HlsRuns(catalog).put(_runs(await catalog.segments(row.id), copied=True))
    final = path.rename(tmp_path / "final.mkv")
    await end(catalog, final)
    for server in (hls, HlsRecordings(catalog)):
        assert uris(await _media(server)) == before
        assert len(await played(server)) == len(packets_of(final))


async def test_a_file_that_an_encode_replaces_has_pieces_of_its_own(
    hls: HlsRecordings, catalog: Catalog, tmp_path: Path, encoded: Path
) -> None:
    row = await begin(catalog, tmp_path, tracks="all")
    path = _copy(tmp_path / "0001.mkv", "a")
    await add_segment(catalog, 1, path, outcome="finished")
    await HlsRuns(catalog).put(_runs(await catalog.segments(row.id), copied=True))
    final = path.rename(tmp_path / "final.mkv")
    await end(catalog, final)
    before = uris(await _media(hls))
    assert before[0] == ("1/init.mp4", "1/0.m4s")
    await hls.piece(ID, "1", 0)
    final.write_bytes(encoded.read_bytes())
    with pytest.raises(NotFound, match="replaced"):
        await hls.piece(ID, "1", 1)
    size_bytes = final.stat().st_size
    file = File(
        recording_id=ID,
        number=1,
        path=str(final),
        offset_s=0.0,
        duration_s=7.0,
        size_bytes=size_bytes,
        made_at=NOON,
    )
    await Encodes(catalog).put_replaced(Replacement(file, {}))
    for server in (hls, HlsRecordings(catalog)):
        after = uris(await _media(server))
        assert after[0] == ("1-1/init.mp4", "1-1/0.m4s")
        assert sorted(data for _, _, data in await played(server)) == sorted(
            data for _, _, data in packets_of(final)
        )
        with pytest.raises(NotFound):
            await server.piece(ID, "1", 1)
    assert (await catalog.files(ID))[0].replaced == 1


async def test_what_is_deleted_is_not_served_from_memory(
    hls: HlsRecordings, catalog: Catalog, tmp_path: Path, encoded: Path
) -> None:
    await begin(catalog, tmp_path)
    await add_segment(catalog, 1, encoded)
    await hls.piece(ID, "1", 0)
    await catalog.update(ID, state="completed")
    await catalog.delete(ID)
    hls.forget(ID)
    for asked in (hls.view(ID), hls.piece(ID, "1", 0), hls.init(ID, "1")):
        with pytest.raises(RecordingNotFound):
            await asked


async def test_deleting_a_recording_forgets_its_hls(
    catalog: Catalog, tmp_path: Path, encoded: Path
) -> None:
    settings = settings_of("ws://127.0.0.1:9", tmp_path)
    directory, launcher = Directory.from_settings(settings), LocalLauncher(reserve=False)
    manager = Manager(settings, catalog, directory, launcher, None)
    await begin(catalog, tmp_path / "work")
    await add_segment(catalog, 1, encoded)
    await manager.hls.piece(ID, "1", 0)
    await catalog.update(ID, state="completed")
    await manager.delete(ID)
    with pytest.raises(RecordingNotFound):
        await manager.hls.piece(ID, "1", 0)


async def test_what_another_program_deletes_is_served_for_a_moment_only(
    hls: HlsRecordings, catalog: Catalog, tmp_path: Path, encoded: Path
) -> None:
    await begin(catalog, tmp_path)
    await add_segment(catalog, 1, encoded)
    await hls.piece(ID, "1", 0)
    await catalog.update(ID, state="completed")
    await catalog.delete(ID)
    with pytest.raises(RecordingNotFound):
        await hls.piece(ID, "1", 0)
    assert not hls._recordings


async def test_bytes_that_are_being_made_of_a_forgotten_one_are_not_kept() -> None:
    kept, go = KeptBytes(), asyncio.Event()

    async def make() -> bytes:
        await go.wait()
        return b"x"

    waiting = asyncio.create_task(kept.get(("a", "1", 0, -1), make))
    await asyncio.sleep(0)
    kept.forget("a")
    go.set()
    assert await waiting == b"x"
    assert not kept._kept
    await kept.get(("a", "1", 0, -1), make)
    kept.forget("a")
    assert not kept._kept
    assert kept._bytes == 0


async def test_unknown_ones_take_no_place_of_those_that_are_watched(
    hls: HlsRecordings,
    catalog: Catalog,
    tmp_path: Path,
    encoded: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hls_recordings, "MOST_RECORDINGS", 1)
    await begin(catalog, tmp_path)
    await add_segment(catalog, 1, encoded)
    await hls.view(ID)
    watched = hls._recordings[ID]
    for unknown in ("a", "b"):
        with pytest.raises(RecordingNotFound):
            await hls.view(unknown)
    assert list(hls._recordings.values()) == [watched]


async def test_a_server_that_is_started_anew_answers_with_the_same_etag(
    hls: HlsRecordings, catalog: Catalog, tmp_path: Path, encoded: Path
) -> None:
    data, path = encoded.read_bytes(), tmp_path / "0001.mp4"
    path.write_bytes(data[: len(data) // 2])
    await begin(catalog, tmp_path)
    await add_segment(catalog, 1, path)
    early = (await hls.view(ID)).media.etag
    path.write_bytes(data)
    late = await hls.view(ID)
    assert late.media.etag != early
    anew = await HlsRecordings(catalog).view(ID)
    assert (anew.media.etag, anew.master.etag) == (late.media.etag, late.master.etag)


async def test_where_nothing_came_the_time_of_capture_is_said_anew(
    hls: HlsRecordings, catalog: Catalog, tmp_path: Path
) -> None:
    await begin(catalog, tmp_path, tracks="all")
    await add_segment(catalog, 1, _copy(tmp_path / "0001.mkv", gap_s=10.0))
    lines = (await _media(hls)).splitlines()
    at = lines.index("#EXT-X-DISCONTINUITY")
    assert lines[at + 1].startswith("#EXT-X-PROGRAM-DATE-TIME:2026-01-02T12:00:14.0")
    assert lines[at + 2].startswith("#EXTINF:")
    assert sum(line.startswith("#EXT-X-MAP") for line in lines) == 1


async def test_another_header_in_a_segment_is_a_discontinuity(
    hls: HlsRecordings, catalog: Catalog, tmp_path: Path
) -> None:
    path = tmp_path / "0001.mkv"
    voice = audio_packets(microphone(), audio_frames("opus", 300))
    frames = video_frames("h264", 60, keyframe_every=60)
    write(path, in_order(voice, video_packets(camera("h264"), frames, start_s=4.0)))
    await begin(catalog, tmp_path, tracks="all")
    await add_segment(catalog, 1, path)
    lines = (await _media(hls)).splitlines()
    at = lines.index("#EXT-X-DISCONTINUITY")
    assert lines[at + 1] == '#EXT-X-MAP:URI="1/init1.mp4"'
    assert len(await played(hls)) == len(packets_of(path))
    with pytest.raises(NotFound):
        await hls.init(ID, "1", 2)


async def test_a_file_cut_at_its_keyframes_says_how_long_its_pieces_are(
    hls: HlsRecordings, catalog: Catalog, tmp_path: Path
) -> None:
    final = tmp_path / "final.mkv"
    frames = video_frames("h264", 450, keyframe_every=249)
    write(final, list(video_packets(camera("h264"), frames)))
    await begin(catalog, tmp_path, tracks="all")
    for number in (1, 2):
        await add_segment(catalog, number, tmp_path / "gone", outcome="finished")
    await end(catalog, final)
    assert "#EXT-X-TARGETDURATION:9" in await _media(hls)


async def test_one_that_is_damaged_holds_up_no_others(
    hls: HlsRecordings, catalog: Catalog, tmp_path: Path
) -> None:
    await begin(catalog, tmp_path)
    damaged = tmp_path / "0001.mp4"
    damaged.write_bytes(b"\0\0\0\x04junk" * 100)
    await add_segment(catalog, 1, damaged)
    await add_output(catalog)
    with pytest.raises(Unavailable, match="can't be read"):
        await hls.view(ID)
    await HlsOutputStates(catalog, hls).look()


async def test_tracks_that_are_in_the_file_only_are_said(
    hls: HlsRecordings, catalog: Catalog, tmp_path: Path
) -> None:
    path = tmp_path / "0001.mkv"
    shown = [
        video_packets(camera("h264", name), video_frames("h264", 120, keyframe_every=60))
        for name in ("a", "b", "c")
    ]
    spoken = [audio_packets(microphone(name=n), audio_frames("opus", 200)) for n in ("d", "e")]
    write(path, in_order(*shown, *spoken))
    await begin(catalog, tmp_path, tracks="all")
    await add_segment(catalog, 1, path)
    await add_output(catalog)
    await HlsOutputStates(catalog, hls).look()
    figures = (await Outputs(catalog).get(ID, "o1")).figures
    assert "2 more of video in the file" in figures["warning"]


def test_a_gap_is_a_discontinuity_without_another_header() -> None:
    one = Entry("1/0.m4s", 2.0, NOON, "1/init.mp4", 0)
    two = Entry("1/1.m4s", 2.0, NOON, "1/init.mp4", 1, gap=True)
    assert lines_of(two, one).splitlines()[0] == "#EXT-X-DISCONTINUITY"
    assert "#EXT-X-MAP" not in lines_of(two, one)
    assert "#EXT-X-DISCONTINUITY" not in lines_of(two, None)
