"""The end of a recording that has sidecars: they get beside its file, whatever fails stays."""

from __future__ import annotations

import asyncio
import errno
import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from orchestrator.catalog.store import Catalog
from orchestrator.recordings.room_data.raw_lines import as_line, raw_path
from orchestrator.recordings.sidecars.publishing import publish_sidecars
from orchestrator.recordings.states import STOPPED, RecordingState
from orchestrator.server.housekeeping.cleanup import clean_up
from orchestrator.worker.catalog_entry import CatalogEntry
from orchestrator.worker.finishing.finish import conclude
from orchestrator.worker.segments.segment_encoding import SegmentEncoding
from tests.kit.catalog.rows import NOON, segment
from tests.kit.recordings.sidecars import WithSidecars


async def killed_after_its_file(catalog: Catalog, tmp_path: Path) -> WithSidecars:
    """Its first worker made the file, removed the segment, and was killed then."""
    talk = WithSidecars(catalog, tmp_path / "out", {"state": "completed", "started_at": NOON})
    await talk.create()
    await catalog.update("r1", state=RecordingState.RECORDING.value)
    talk.row.state = RecordingState.RECORDING.value
    made = segment("r1", 1)
    made.part, made.offset_s, made.video_frames, made.audio_samples = 1, 0.0, 30, 48000
    await catalog.add_segment(made)
    (talk.work / "0001.log").touch()
    await talk.write()
    return talk


async def concluded(talk: WithSidecars) -> list[str]:
    """Messages of its event log."""
    entry = CatalogEntry(talk.row, talk.catalog)
    pipeline = cast(Any, SimpleNamespace(copies=False, container="mp4", segment_suffix=".mp4"))
    ready: asyncio.Future[SegmentEncoding] = asyncio.get_running_loop().create_future()
    ready.set_result(SegmentEncoding(pipeline, {}, cast(Any, None), 0, {}))
    async with entry.opened(lambda: None, lambda _: None, lambda _: None):
        await conclude(entry, ready, STOPPED, None)
    return [e.message for e in await talk.catalog.events("r1") if e.kind == "sidecars"]


async def test_data_that_an_earlier_worker_has_published_is_not_made_again(
    catalog: Catalog, tmp_path: Path
) -> None:
    talk = await killed_after_its_file(catalog, tmp_path)
    await publish_sidecars(catalog, talk.row, talk.output, "private")  # and was killed then
    path = raw_path(talk.work, 1)
    path.parent.mkdir()
    now_ns = time.monotonic_ns()
    chat = {"ns": now_ns, "wall_ms": 0, "type": "chat", "text": "hi"}
    path.write_bytes(as_line({"origin_ns": now_ns - 10**9}) + as_line(chat))
    await concluded(talk)
    assert sorted(each.name for each in talk.folder.glob("*.data.jsonl")) == ["talk.data.jsonl"]
    assert (talk.folder / "talk.data.jsonl").read_text() == '{"kind": "chat"}\n'
    assert not talk.work.exists()


async def test_another_worker_publishes_what_the_first_one_left(
    catalog: Catalog, tmp_path: Path
) -> None:
    talk = await killed_after_its_file(catalog, tmp_path)
    messages = await concluded(talk)
    assert messages == ["Beside the file: 1 data, 1 image, 1 sprite, 1 sprite_vtt."]
    assert (await catalog.get("r1")).state == "completed"
    assert not talk.work.exists()
    rows = await talk.rows()
    assert len(rows) == 4
    assert all(Path(row.path).is_file() for row in rows.values())


async def test_what_cant_be_published_fails_nothing_and_the_next_server_tries_again(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = await killed_after_its_file(catalog, tmp_path)
    link = os.link

    def full(source: Path, target: Path, **given: bool) -> None:
        if "sprite" in target.name:
            raise OSError(errno.ENOSPC, "No space left on device")
        link(source, target, **given)

    with monkeypatch.context() as patched:
        patched.setattr(os, "link", full)
        problem, rest = await concluded(talk)
    assert "talk.sprite.jpg: No space left on device" in problem
    assert str(talk.work) in problem
    assert rest == "Beside the file: 1 data, 1 image."
    assert (await catalog.get("r1")).state == "completed"
    kept = sorted(p.relative_to(talk.work).as_posix() for p in talk.work.rglob("*") if p.is_file())
    assert kept == ["sidecars/sprite.jpg", "sidecars/sprite.vtt"]
    monkeypatch.setattr("orchestrator.server.housekeeping.cleanup._PREFIX", "no-such-prefix")
    await clean_up(catalog)
    assert not talk.work.exists()
    assert all(Path(row.path).parent.parent != talk.work for row in (await talk.rows()).values())
    assert (talk.folder / "talk.sprite.vtt").is_file()


async def test_of_what_recorded_nothing_they_are_forgotten(
    catalog: Catalog, tmp_path: Path
) -> None:
    talk = await WithSidecars(catalog, tmp_path / "out").create()
    await talk.write()
    await concluded(talk)
    assert await talk.rows() == {}
    assert not talk.work.exists()
