"""Which file is a recording's own, and what becomes of one segment that can't be joined."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from orchestrator.errors import NotEnoughDisk
from orchestrator.recordings.integrity import expected
from orchestrator.worker.finishing import part_file
from orchestrator.worker.segments.segment_encoding import SegmentEncoding
from tests.kit.catalog.rows import recording, segment
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
