"""Which file is a recording's own, and what becomes of one segment that can't be joined."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from orchestrator.catalog.pauses.model import Pause
from orchestrator.catalog.pauses.table import Pauses
from orchestrator.catalog.store import Catalog
from orchestrator.errors import NotEnoughDisk
from orchestrator.recordings.integrity import expected
from orchestrator.worker.catalog_entry import CatalogEntry
from orchestrator.worker.finishing import part_file
from orchestrator.worker.segments.segment_encoding import SegmentEncoding
from tests.kit.catalog.rows import NOON, recording, segment
from tests.kit.encoded.files import write
from tests.kit.encoded.frames import audio_frames, audio_packets, microphone


@pytest.mark.parametrize(("instead_of", "ours"), [(None, True), ("h264", False)])
def test_a_file_without_tags_is_ours_only_where_its_name_was_reserved(
    tmp_path: Path, instead_of: str | None, ours: bool
) -> None:
    output = tmp_path / "talk.mkv"
    write(output, [*audio_packets(microphone(), audio_frames("opus", 10))])
    row = recording("one", output_path=str(output), instead_of=instead_of)
    assert (part_file._published(row, 1) is not None) is ours


@pytest.mark.parametrize(("container", "kept"), [("matroska", False), ("mp4", True)])
async def test_without_space_a_lone_segment_is_the_file_if_it_has_its_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, container: str, kept: bool
) -> None:
    def full(*_: object) -> None:
        raise NotEnoughDisk("full", "")

    monkeypatch.setattr(part_file, "_require_disk_space", full)
    path = tmp_path / "0001.mkv"
    write(path, [*audio_packets(microphone(), audio_frames("opus", 10))])
    row = recording("one", work_directory=str(tmp_path))
    cut = segment("one", 1)
    cut.path, cut.outcome = str(path), "killed"
    pipeline = cast(Any, SimpleNamespace(copies=True, container=container, segment_suffix=".mkv"))
    encoding = SegmentEncoding(pipeline, {}, cast(Any, None), 0, {})
    streams = expected([cut], video=False, audio=True)
    ready = part_file._ready_file(row, [cut], streams, 1, encoding, chapters=())
    if kept:
        with pytest.raises(NotEnoughDisk):
            await ready
    else:
        assert (await ready).path == path
    assert path.exists()


@pytest.mark.parametrize("marked", [True, False])
async def test_chapters_that_there_is_no_space_for_are_an_event(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, marked: bool
) -> None:
    def full(*_: object) -> None:
        raise NotEnoughDisk("full", "")

    monkeypatch.setattr(part_file, "_require_disk_space", full)
    work = tmp_path / "work"
    work.mkdir()
    write(work / "0001.mkv", [*audio_packets(microphone(), audio_frames("opus", 50))])
    row = recording("one", work_directory=str(work), output_path=str(tmp_path / "talk.mkv"))
    await catalog.create(row)
    if marked:
        pause = Pause(number=1, mode="cut", began_at=NOON, at_s=0.5, length_s=2.0)
        pause.recording_id = "one"
        await Pauses(catalog).put(pause)
    lone = segment("one", 1)
    lone.path, lone.outcome, lone.end_s, lone.audio_samples = (
        *(str(work / "0001.mkv"), "finished"),
        *(1.0, 48_000),
    )
    lone.part, lone.offset_s, lone.video_frames = 1, 0.0, 0
    pipeline = cast(Any, SimpleNamespace(copies=True, container="matroska", segment_suffix=".mkv"))
    encoding = SegmentEncoding(pipeline, {}, cast(Any, None), 0, {})
    entry = CatalogEntry(row, catalog)
    async with entry.opened(lambda: None, lambda _: None, lambda _: None):
        file = await part_file.make_part_file(entry, 1, [lone], encoding)
    assert file is not None
    assert Path(file.path).is_file()
    events = [each.message for each in await catalog.events("one") if each.kind == "chapters"]
    lacks = "talk.mkv lacks its 2 chapters: there is no disk space to add them."
    assert events == ([lacks] if marked else [])
