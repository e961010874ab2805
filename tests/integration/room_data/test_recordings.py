"""What happens in a room besides its media, beside the file of a recording, on its clock."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from statistics import median
from typing import Any, Final

import pytest
from livekit import rtc

from orchestrator.catalog.models import Recording
from orchestrator.catalog.sidecars.table import SidecarFiles
from orchestrator.recordings.room_data.raw_lines import lines_of, raw_paths
from orchestrator.recordings.start_request import StartRequest
from orchestrator.server.manager import Manager
from orchestrator.settings import Settings
from tests.kit.livekit.crowd import conference
from tests.kit.livekit.encryption import given, shared
from tests.kit.livekit.server import Server
from tests.kit.livekit.voices import participant, voice
from tests.kit.managing import managing
from tests.kit.network import wired
from tests.kit.recordings.waits import FPS, eventually, until_more, until_received, until_state
from tests.kit.signals.reading import Reading, read

pytestmark = [pytest.mark.livekit, pytest.mark.real_time]

PATIENT: Final = {"start_timeout_s": 30, "connect_timeout_s": 20}
"""Several publishers and a recording begin at the same moment on a busy machine."""


@pytest.fixture
async def manager(settings_for: Callable[..., Settings]) -> AsyncIterator[Manager]:
    async with managing(settings_for(**PATIENT)) as opened:
        yield opened


FINAL = "lk.transcription_final"
SEGMENT = "lk.segment_id"


def lines(ended: Recording) -> list[dict[str, Any]]:
    """The lines beside the file, without the header."""
    text = Path(ended.output_path).with_suffix(".data.jsonl").read_text()
    header, *rest = [json.loads(each) for each in text.splitlines()]
    assert header["type"] == "header"
    assert header["version"] == 1
    assert header["recording_id"] == ended.id
    assert header["files"][0] == {"name": Path(ended.output_path).name, "offset_s": 0.0}
    return rest


def of(found: list[dict[str, Any]], type: str, who: str | None = None) -> list[dict[str, Any]]:
    """Those of a type, of one participant."""
    return [
        each
        for each in found
        if each["type"] == type and who in (None, each.get("participant", {}).get("identity"))
    ]


async def until_line(recording: Recording, found: Callable[[dict[str, Any]], bool]) -> None:
    """Waits until the worker has written such a line."""
    work = Path(recording.work_directory)

    def written() -> list[dict[str, Any]]:
        return [line for path in raw_paths(work) for line in lines_of(path)]

    await eventually(lambda: any(map(found, written())), written, within_s=30)


def ahead_s(reading: Reading) -> float:
    """How far the publisher's clock is ahead of the file's: frames have its seconds on them."""
    return median(number / FPS - at for at, number in reading.codes)


async def test_what_happens_in_a_room_is_beside_the_file(
    manager: Manager, livekit_server: Server
) -> None:
    room, sent = "besides", dict[str, float]()
    async with (
        conference(livekit_server, room) as people,
        voice(livekit_server, room, "vera", "Vera") as vera,
        participant(livekit_server, room, "scribe", kind="agent") as scribe,
    ):
        host = people.host.room.local_participant
        started = await manager.start(StartRequest(room, "mp4"))
        await until_received(manager, room, FPS)
        for number in range(3):
            sent[f"message {number}"] = people.host.clock_s
            await host.publish_data(f"message {number}", topic="notes")
            await until_more(manager, room, FPS // 2)
        await host.publish_data(b"\xff\x00", topic="binary", reliable=False)
        await host.publish_data("The vote", topic="haven.chapter")
        await host.send_text("<b>hi</b> \u202eall", topic="lk.chat")
        vera.speaks = True
        interim = {SEGMENT: "s1", FINAL: "false"}
        await scribe.local_participant.send_text(
            "good", topic="lk.transcription", attributes=interim
        )
        await until_line(started, lambda line: line.get("type") == "speaking")
        vera.speaks = False
        final = interim | {FINAL: "true"}
        await scribe.local_participant.send_text(
            "Good day.", topic="lk.transcription", attributes=final
        )
        segment = rtc.TranscriptionSegment("a", "Old way.", 0, 0, "en", True)
        await scribe.local_participant.publish_transcription(
            rtc.Transcription("vera", "TR_x", [segment])
        )
        await vera.room.local_participant.set_attributes({"hand": "up"})
        await until_line(started, lambda line: line.get("type") == "silent")
        await people.late.join()
        await until_line(
            started, lambda line: line.get("type") == "joined" and "before" not in line
        )
        assert vera.track is not None
        vera.track.mute()
        await people.late.leave()
        await until_line(started, lambda line: line.get("type") == "left")
        await people.late.join()
        await until_line(started, lambda line: line.get("type") == "muted")
        await until_more(manager, room, FPS)
        ended = await manager.stop(room)
    found = lines(ended)
    assert [each["at_s"] for each in found] == sorted(each["at_s"] for each in found)
    before = {each["participant"]["identity"] for each in of(found, "joined") if "before" in each}
    assert before == {"publisher", "speaker-0", "speaker-1", "vera", "scribe"}
    (agent,) = of(found, "joined", "scribe")
    assert agent["participant"] == {"identity": "scribe", "kind": "agent"}
    assert len(of(found, "joined", "speaker-2")) == 2
    assert len(of(found, "left", "speaker-2")) == 1
    assert len(of(found, "speaking", "vera")) == len(of(found, "silent", "vera")) == 1
    assert of(found, "updated", "vera")[0]["attributes"] == {"hand": "up"}
    assert of(found, "muted", "vera")[0]["track"]["kind"] == "audio"
    *messages, binary = of(found, "data", "publisher")
    assert (binary["base64"], binary["lossy"]) == ("/wA=", True)
    reading = read(Path(ended.output_path))
    off = [each["at_s"] + ahead_s(reading) - sent[each["text"]] for each in messages]
    print(f"messages after they were sent: {[f'{1000 * each:.0f} ms' for each in off]}")
    assert len(off) == 3
    assert all(-0.1 < each < 0.3 for each in off)
    (chat,) = of(found, "chat")
    assert chat["text"] == "<b>hi</b> \u202eall"
    (chapter,) = of(found, "chapter")
    assert chapter["title"] == "The vote"
    texts = [(each["segment"], each["text"], each["final"]) for each in of(found, "transcription")]
    assert texts == [("s1", "good", False), ("s1", "Good day.", True), ("a", "Old way.", True)]
    assert of(found, "transcription")[2]["participant"]["name"] == "Vera"
    spoken = Path(ended.output_path).with_suffix(".vtt").read_text()
    assert "<v scribe>scribe: Good day.</v>" in spoken
    assert "<v Vera>Vera: Old way.</v>" in spoken
    written = Path(ended.output_path).with_suffix(".chat.vtt").read_text()
    assert "<v publisher>publisher: &lt;b&gt;hi&lt;/b&gt; all</v>" in written
    rows = await SidecarFiles(manager.catalog).of_recording(ended.id)
    assert sorted(row.kind for row in rows) == ["chat_vtt", "data", "vtt"]
    assert all(Path(row.path).parent == Path(ended.output_path).parent for row in rows)


@pytest.mark.all_only
async def test_data_goes_on_after_a_killed_worker_and_a_lost_connection(
    settings_for: Callable[..., Settings], livekit_server: Server
) -> None:
    room = "survives"
    async with wired(livekit_server.port) as wire, conference(livekit_server, room) as people:
        host = people.host.room.local_participant
        async with managing(
            settings_for(livekit_url=f"ws://127.0.0.1:{wire.port}", **PATIENT)
        ) as manager:
            started = await manager.start(StartRequest(room, "mp4"))
            await until_received(manager, room, FPS)
            await host.send_text("one", topic="lk.chat")
            await until_line(started, lambda line: line.get("text") == "one")
            worker = (await manager.get(started.id)).worker_pid
            assert worker is not None
            os.kill(worker, signal.SIGKILL)
            await until_line(started, lambda line: line.get("type") == "roster" and _two(started))
            await until_more(manager, room, FPS)
            await host.send_text("two", topic="lk.chat")
            await until_line(started, lambda line: line.get("text") == "two")
            await wire.cut()
            await until_state(manager, room, "reconnecting")
            await wire.restore()
            await until_state(manager, room, "recording")
            await until_more(manager, room, FPS)
            sent_s = people.host.clock_s
            await host.send_text("three", topic="lk.chat")
            await until_line(started, lambda line: line.get("text") == "three")
            await until_more(manager, room, FPS)
            ended = await manager.stop(room)
    assert ended.worker_starts == 2
    found = lines(ended)
    assert [each["text"] for each in of(found, "chat")] == ["one", "two", "three"]
    assert len(of(found, "joined")) == 3, "nobody joins twice"
    assert of(found, "left") == []
    assert len(of(found, "published")) == 4
    assert [each["connected"] for each in of(found, "connection")] == [False, True]
    reading = read(Path(ended.output_path))
    assert -0.1 < of(found, "chat")[-1]["at_s"] + ahead_s(reading) - sent_s < 0.3


def _two(recording: Recording) -> bool:
    return len(raw_paths(Path(recording.work_directory))) == 2


@pytest.mark.all_only
@pytest.mark.parametrize("key", [True, False])
async def test_encrypted_data_is_decrypted_or_counted(
    manager: Manager, livekit_server: Server, key: bool
) -> None:
    room = f"sealed-{key}"
    async with (
        conference(livekit_server, room, encryption=shared() if key else None) as people,
        participant(livekit_server, room, "sealed", encryption=shared()) as sealed,
    ):
        request = StartRequest(room, "mp4", None, "low", e2ee=given() if key else None)
        started = await manager.start(request)
        await sealed.local_participant.send_text("secret", topic="lk.chat")
        said = "chat" if key else "left_out"
        await until_line(started, lambda line: line.get("type") == said)
        await people.host.room.local_participant.publish_data("done")
        await until_line(started, lambda line: line.get("text") == "done")
        ended = await manager.stop(room)
    found = lines(ended)
    if key:
        (chat,) = of(found, "chat", "sealed")
        assert (chat["text"], chat["encrypted"]) == ("secret", True)
        return
    assert of(found, "chat") == []
    (left_out,) = of(found, "left_out")
    assert left_out["reason"] == "'sealed': they are end-to-end encrypted: no key is given for it"
    events = [each for each in await manager.catalog.events(ended.id) if each.kind == "data"]
    assert len(events) == 1


@pytest.mark.all_only
async def test_a_recording_without_data_has_no_files_beside_it(
    settings_for: Callable[..., Settings], livekit_server: Server
) -> None:
    room = "nothing besides"
    async with (
        managing(settings_for(record_data=False, **PATIENT)) as manager,
        conference(livekit_server, room) as people,
    ):
        await manager.start(StartRequest(room, "mp4"))
        await people.host.room.local_participant.publish_data("x")
        await until_received(manager, room, FPS)
        ended = await manager.stop(room)
    output = Path(ended.output_path)
    assert list(output.parent.iterdir()) == [output]


@pytest.mark.all_only
@pytest.mark.parametrize("hidden", [False, True])
async def test_a_room_says_that_it_is_recorded_unless_that_is_hidden(
    manager: Manager, livekit_server: Server, hidden: bool
) -> None:
    room = f"consent-{hidden}"
    async with conference(livekit_server, room) as people:
        seen = people.host.room
        await manager.start(StartRequest(room, "mp4", hide_recording=hidden))
        await until_received(manager, room, FPS)
        if not hidden:
            await eventually(lambda: seen.is_recording, lambda: seen.is_recording, within_s=10)
        assert seen.is_recording is not hidden
        assert {*seen.remote_participants} == {"speaker-0", "speaker-1"}
        await manager.stop(room)
        await eventually(lambda: not seen.is_recording, lambda: seen.is_recording, within_s=10)
