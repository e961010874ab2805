"""GET /api/streams/{mint_id}: who publishes what, and whether it can be recorded."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest

from orchestrator.media import Encryption, Publication, Stream, TrackKind, TrackSource
from orchestrator.server.streams.details import Layer, PublishedTrack
from orchestrator.settings.groups.streams import StreamSettings
from tests.kit.api.memory import MemoryManager
from tests.kit.ports import free_port
from tests.kit.sources.whep_answers import SDP, scripted

CAMERA = PublishedTrack(
    Publication(
        "v", TrackKind.VIDEO, TrackSource.CAMERA, "video/vp8", "anna", width=1280, height=720
    ),
    ("video/vp9", "video/vp8"),
    (Layer(320, 180, 0), Layer(1280, 720, 2_000_000)),
    simulcast=True,
)
MICROPHONE = PublishedTrack(
    Publication("a", TrackKind.AUDIO, TrackSource.MICROPHONE, "audio/red", "anna", muted=True),
    ("audio/red",),
)


def changed(track: PublishedTrack, **changes: object) -> PublishedTrack:
    return replace(track, publication=replace(track.publication, **changes))  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def room(manager: MemoryManager) -> None:
    manager.directory.streams = [Stream("a/room", "livekit", name="Room", num_participants=2)]


async def test_who_publishes_what(client: httpx.AsyncClient, manager: MemoryManager) -> None:
    manager.published["a/room"] = (CAMERA, MICROPHONE)
    body = (await client.get("/api/streams/a/room")).json()
    assert (body["success"], body["mint_id"], body["name"]) == (True, "a/room", "Room")
    assert (body["recordable"], body["reason"], body["unknown"]) == (True, None, None)
    video, audio = body["published"]
    assert video == {
        "sid": "v",
        "participant": "anna",
        "source": "camera",
        "kind": "video",
        "codec": "VP8",
        "mime_types": ["video/vp9", "video/vp8"],
        "width": 1280,
        "height": 720,
        "muted": False,
        "encrypted": False,
        "simulcast": True,
        "layers": [
            {"width": 320, "height": 180, "bitrate_bps": None},
            {"width": 1280, "height": 720, "bitrate_bps": 2_000_000},
        ],
        "recordable": True,
        "reason": None,
        "selected": True,
    }
    assert (audio["muted"], audio["width"], audio["simulcast"]) == (True, None, None)
    assert audio["codec"] == "OPUS", "which RED brings"
    assert (await client.get("/api/streams/a%2Froom")).json() == body


@pytest.mark.parametrize(
    ("tracks", "codes", "code"),
    [
        ((changed(CAMERA, muted=True), MICROPHONE), [None, None], "everybody_muted"),
        ((changed(CAMERA, mime_type="video/evc1"),), ["unsupported_codec"], "unsupported_codec"),
        ((changed(CAMERA, width=9000, height=9000),), ["video_too_large"], "video_too_large"),
        (
            (changed(CAMERA, encryption=Encryption.GCM),),
            ["end_to_end_encrypted"],
            "end_to_end_encrypted",
        ),
        ((), [], "nobody_publishes"),
    ],
)
async def test_why_nothing_could_be_recorded(
    client: httpx.AsyncClient,
    manager: MemoryManager,
    tracks: tuple[PublishedTrack, ...],
    codes: list[str | None],
    code: str,
) -> None:
    manager.published["a/room"] = tracks
    body = (await client.get("/api/streams/a/room")).json()
    assert [(each["reason"] or {}).get("code") for each in body["published"]] == codes
    assert (body["recordable"], body["reason"]["code"]) == (False, code)
    assert body["reason"]["detail"]


async def test_what_can_t_be_known_is_not_guessed(client: httpx.AsyncClient) -> None:
    body = (await client.get("/api/streams/a/room")).json()
    assert (body["published"], body["unknown"]) == (None, "Nobody knows.")
    assert (body["recordable"], body["reason"]) == (None, None)


async def test_one_with_a_name_of_its_own_is_asked_for(
    client: httpx.AsyncClient, manager: MemoryManager
) -> None:
    async with scripted() as server:
        defined = StreamSettings(whep=f"{server.url}/live?key=geheim")
        manager.directory.named.put("the/lobby", defined)
        server.says(status=201, text=SDP, headers={"Location": "/s"})
        body = (await client.get("/api/streams/the/lobby")).json()
        assert (body["kind"], body["address"]) == ("whep", f"{server.url}/live")
        assert (body["is_currently_live"], body["recordable"]) == (True, True)
        assert [(each["kind"], each["codec"]) for each in body["published"]] == [
            ("audio", "OPUS"),
            ("video", "VP8"),
        ]
        assert body["published"][1]["width"] is None
        await client.get("/api/streams/the/lobby")
        assert [each[0] for each in server.asked] == ["POST", "DELETE"], "once in a while"


async def test_an_address_that_ffmpeg_reads_is_not_asked(
    client: httpx.AsyncClient, manager: MemoryManager
) -> None:
    defined = StreamSettings.model_validate({"url": "rtmp://media.example/live/geheim"})
    manager.directory.named.put("studio", defined)
    answer = await client.get("/api/streams/studio")
    body = answer.json()
    assert (body["kind"], body["is_currently_live"], body["recordable"]) == ("url", None, None)
    assert (body["published"], bool(body["unknown"]), body["reason"]) == (None, True, None)
    assert "geheim" not in answer.text


@pytest.mark.parametrize(
    ("status", "live", "code"),
    [(404, False, "not_live"), (401, None, "source_refused"), (500, None, "source_unreachable")],
)
async def test_one_that_isn_t_there_is_shown_with_the_reason(
    client: httpx.AsyncClient, manager: MemoryManager, status: int, live: bool | None, code: str
) -> None:
    async with scripted() as server:
        server.says(status=status, text="nobody is here")
        manager.directory.named.put("lobby", StreamSettings(whep=server.url))
        answer = await client.get("/api/streams/lobby")
        body = answer.json()
        assert (answer.status_code, body["is_currently_live"]) == (200, live)
        assert (body["recordable"], body["reason"]["code"]) == (False, code)
        assert "nobody is here" in body["reason"]["error"]
        assert body["published"] is None


async def test_an_unknown_stream(client: httpx.AsyncClient, manager: MemoryManager) -> None:
    answer = await client.get("/api/streams/nobody")
    assert (answer.status_code, answer.json()["code"]) == (404, "stream_not_found")
    unreachable = StreamSettings(whep=f"http://127.0.0.1:{free_port()}/")
    manager.directory.named.put("lobby", unreachable)
    body = (await client.get("/api/streams/lobby")).json()
    assert (body["recordable"], body["reason"]["code"]) == (False, "source_unreachable")
