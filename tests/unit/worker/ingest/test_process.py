"""The process that holds a publisher: an offer that comes while it ends."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.errors import PublisherNotFound, Unavailable
from orchestrator.recordings.ingest_job import IngestJob
from orchestrator.settings import Settings
from orchestrator.sources.whip.publisher import Publisher
from orchestrator.stderr_log import StderrLog
from orchestrator.worker.ingest.process import _IngestProcess


async def test_an_offer_that_is_answered_too_late_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(database_url=f"sqlite:///{tmp_path / 'catalog.db'}")
    process = _IngestProcess(IngestJob("lobby", settings), StderrLog(tmp_path / "log"))
    said = await process._handle({"op": "status"})
    assert said == {"publisher": None, "pid": os.getpid(), "stream": "lobby"}
    sessions = []

    async def answer(publisher: Publisher, _: str) -> str:
        await process._handle({"op": "end"})
        sessions.append(publisher.id)
        return "v=0"

    monkeypatch.setattr(Publisher, "answer", answer)
    with pytest.raises(Unavailable) as refused:
        await process._handle({"op": "offer", "sdp": "v=0"})
    assert (refused.value.detail, refused.value.context) == (
        "Publish again.",
        {"retry_after_s": 1.0},
    )
    with pytest.raises(PublisherNotFound):
        process._publishers.session(sessions[0])
    await process._publishers.close()
    await process._done.wait()
    assert len(sessions) == 1
    with pytest.raises(Unavailable):
        await process._handle({"op": "offer", "sdp": "v=0"})
    assert len(sessions) == 1, "no other one is answered"


async def test_a_publisher_with_another_key_than_the_stream_has_now_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(database_url=f"sqlite:///{tmp_path / 'catalog.db'}")
    process = _IngestProcess(IngestJob("lobby", settings), StderrLog(tmp_path / "log"))

    async def answer(_: Publisher, __: str) -> str:
        return "v=0"

    monkeypatch.setattr(Publisher, "answer", answer)
    offered = await process._handle({"op": "offer", "sdp": "v=0", "key": "a"})
    session = process._publishers.session(offered["session"])
    await process._handle({"op": "key", "digest": "a"})
    assert not session.ended.done()
    await process._handle({"op": "key", "digest": "b"})
    assert session.ended.result() == "the stream's key was changed"
    await process._publishers.close()
