"""The server's way to the processes that hold publishers: found, started, refused, ended."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.discovery.configured import ConfiguredDiscovery
from orchestrator.discovery.whip_streams import WhipStreams
from orchestrator.errors import (
    NotLive,
    PublisherNotFound,
    TooManyPublishers,
    Unavailable,
    UnusableOffer,
)
from orchestrator.ingest.control import folder_of, socket_of
from orchestrator.ingest.control_server import ControlServer
from orchestrator.media import WhipEndpoint
from orchestrator.monitor.usage import boot_id, created
from orchestrator.recordings.ingest_job import IngestJob
from orchestrator.recordings.job import Job
from orchestrator.server.ingest.publishers import Publishers
from orchestrator.server.launcher import WorkerHandle
from orchestrator.settings import Settings
from orchestrator.settings.groups.streams import StreamSettings

KEY = "the-key-of-the-lobby"
TRACK = {
    "sid": "video",
    "kind": "video",
    "source": "camera",
    "mime_type": "video/vp8",
    "width": 640,
    "height": 360,
}


class Process:
    """What answers on a stream's control socket."""

    def __init__(self, path: Path) -> None:
        self.requests: list[str] = []
        self.keys: list[str] = []
        self.publisher: dict[str, Any] | None = None
        self.version = "now"
        self.records = self.ends = True
        self.server = ControlServer(path, self._answer)

    async def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        self.requests.append(request["op"])
        self.keys += [request[each] for each in ("key", "digest") if each in request]
        match request["op"]:
            case "offer" if request["sdp"] == "bad":
                raise UnusableOffer("The offer sends nothing.")
            case "offer":
                self.publisher = {"tracks": [TRACK]}
                return {"sdp": "v=0", "session": "s", "etag": "e"}
            case "status" if self.version == "now":
                return {"publisher": self.publisher, "pid": os.getpid(), "stream": "lobby"}
            case "status" | "until_connected":
                return {"publisher": self.publisher}
            case "record" if not self.records:
                raise Unavailable("Another version.")
            case "record":
                return {"pid": os.getpid()}
            case "end" if not self.ends:
                raise Unavailable("It doesn't answer.")
            case "leave":
                raise PublisherNotFound()
        return {}


class Hands:
    """Starts processes of this one."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.processes: dict[str, Process] = {}
        self.jobs: list[str] = []
        self.works = True

    async def start(self, job: str, log: Path) -> WorkerHandle:
        """Begins to listen."""
        self.jobs.append(job)
        if self.works:
            await self.listen("lobby")
        pid = os.getpid()
        return WorkerHandle(pid, created(pid) or 0.0, boot_id())

    async def listen(self, stream: str) -> Process:
        """A process that holds this stream's publisher."""
        path = socket_of(folder_of(self._settings.database_url), stream)
        process = self.processes[stream] = Process(path)
        await process.server.open()
        return process

    def alive(self, worker: WorkerHandle) -> bool:
        """As long as it works."""
        return self.works

    async def close(self) -> None:
        """All of them."""
        for process in self.processes.values():
            await process.server.close()


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(tempfile, "tempdir", tempfile.mkdtemp())
    return Settings(max_publishers=2)


@pytest.fixture
async def hands(settings: Settings) -> AsyncIterator[Hands]:
    made = Hands(settings)
    yield made
    await made.close()


@pytest.fixture
async def publishers(settings: Settings, hands: Hands) -> AsyncIterator[Publishers]:
    streams = ConfiguredDiscovery({"lobby": StreamSettings(whip=KEY)})
    made = Publishers(settings, hands, streams)  # type: ignore[arg-type]
    yield made
    await made.close(leave=True)


def job_of(settings: Settings, number: int = 1) -> Job:
    return Job("r", number, settings, WhipEndpoint("lobby"), Path("worker.log"))


async def test_the_first_offer_starts_a_process_the_next_ones_find_it(
    publishers: Publishers, hands: Hands
) -> None:
    assert (publishers.key_of("lobby"), publishers.key_of("other")) == (KEY, None)
    answers = await asyncio.gather(*(publishers.offer("lobby", "v=0") for _ in range(5)))
    assert answers == [{"sdp": "v=0", "session": "s", "etag": "e"}] * 5
    (line,) = hands.jobs
    job = IngestJob.read(line)
    assert job is not None
    assert job.stream_id == "lobby"
    assert KEY not in line
    with pytest.raises(UnusableOffer):
        await publishers.offer("lobby", "bad")


async def test_who_waits_is_told_when_a_publisher_is_connected(
    publishers: Publishers, hands: Hands
) -> None:
    connected = asyncio.Event()
    publishers.on_connected = connected.set
    await publishers.offer("lobby", "v=0")
    async with asyncio.timeout(5):
        await connected.wait()


async def test_the_processes_that_answer_are_known(publishers: Publishers, hands: Hands) -> None:
    assert await publishers.processes() == {}
    await publishers.offer("lobby", "v=0")
    other = await hands.listen("other")
    other.version = "old"
    assert await publishers.processes() == {os.getpid(): "lobby"}


async def test_the_next_server_compares_keys(
    publishers: Publishers, hands: Hands, settings: Settings
) -> None:
    await publishers.offer("lobby", "v=0")
    await publishers.open()
    for streams in ({"lobby": StreamSettings(whip="another-key-of-it")}, {}):
        following = Publishers(settings, hands, ConfiguredDiscovery(streams))  # type: ignore[arg-type]
        await following.open()
    offered, same, changed, none = hands.processes["lobby"].keys
    assert offered == same
    assert changed not in (same, "", KEY)
    assert none == ""


async def test_only_so_many(publishers: Publishers, hands: Hands) -> None:
    others = [await hands.listen(stream) for stream in ("a", "b")]
    with pytest.raises(TooManyPublishers) as full:
        await publishers.offer("lobby", "v=0")
    assert full.value.context["retry_after_s"] > 0
    assert await publishers.offer("a", "v=0"), "one that is there may come again"
    for other in others:
        await other.server.close()
    hands.processes.clear()
    await publishers.offer("lobby", "v=0")


async def test_no_process_can_be_had(publishers: Publishers, hands: Hands) -> None:
    hands.works = False
    with pytest.raises(Unavailable, match="No process could be started"):
        await publishers.offer("lobby", "v=0")


async def test_a_recording_is_handed_to_who_holds_the_publisher(
    publishers: Publishers, hands: Hands, settings: Settings
) -> None:
    await publishers.offer("lobby", "v=0")
    worker = await publishers.launch(job_of(settings))
    assert worker.pid == os.getpid()
    assert "record" in hands.processes["lobby"].requests
    assert len(hands.jobs) == 1


async def test_without_a_publisher_a_worker_waits_for_one(
    publishers: Publishers, hands: Hands, settings: Settings
) -> None:
    await publishers.launch(job_of(settings, 2))
    assert [Job.read(line).number for line in hands.jobs] == [2]
    await publishers.offer("lobby", "v=0")
    assert len(hands.jobs) == 1, "it takes the publisher that comes"


async def test_a_process_that_cannot_record_is_ended(
    publishers: Publishers, hands: Hands, settings: Settings
) -> None:
    process = await hands.listen("lobby")
    process.records = False
    hands.works = False
    await publishers.launch(job_of(settings))
    assert process.requests == ["record", "end"]
    assert len(hands.jobs) == 1


async def test_sessions_that_are_gone(publishers: Publishers, hands: Hands) -> None:
    for _ in range(2):
        with pytest.raises(PublisherNotFound):
            await publishers.of_session("lobby", op="leave", session="s")
        if not hands.processes:
            await hands.listen("lobby")


@pytest.mark.parametrize("leave", [False, True])
async def test_they_end_with_the_server_or_stay(
    publishers: Publishers, hands: Hands, leave: bool
) -> None:
    await publishers.offer("lobby", "v=0")
    await publishers.close(leave=leave)
    assert ("end" in hands.processes["lobby"].requests) is not leave


async def test_a_stream_is_live_while_its_publisher_is_there(
    publishers: Publishers, hands: Hands, settings: Settings
) -> None:
    kind, defined = WhipStreams(folder_of(settings.database_url)), StreamSettings(whip=KEY)
    assert await kind.is_live("lobby") is False
    with pytest.raises(NotLive, match="Nobody publishes lobby"):
        await kind.look("lobby", defined)
    await publishers.offer("lobby", "v=0")
    assert await kind.is_live("lobby") is True
    (found,) = await kind.look("lobby", defined)
    assert (found.mime_type, found.width) == ("video/vp8", 640)
    assert await kind.endpoint("lobby", defined) == WhipEndpoint("lobby")
    await kind.forget("lobby")
    assert hands.processes["lobby"].requests[-1] == "end"
    hands.processes["lobby"].ends = False
    await kind.forget("lobby")
    await kind.forget("other")
