"""A LiveKit server that says too much: it is believed up to a point, and answered in measure."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from aiortc import RTCIceCandidate
from livekit.protocol import models, rtc
from websockets.asyncio.server import ServerConnection, serve

from orchestrator.errors import SourceError
from orchestrator.media import LiveKitEndpoint
from orchestrator.sources.aiortc.peer import Peer
from orchestrator.sources.aiortc.sdp import (
    MAX_CANDIDATE_BYTES,
    MAX_SDP_BYTES,
    MOST_CANDIDATES,
    MOST_MEDIA,
    MOST_SSRC_LINES,
    Candidate,
    bounded,
    candidate_of,
)
from orchestrator.sources.livekit.rate_limit import RateLimit
from orchestrator.sources.livekit.room import LONGEST_NAME, MOST_PARTICIPANTS, MOST_TRACKS, Room
from orchestrator.sources.livekit.signalling import Signalling, update_cost
from tests.kit.clocks import HandClock
from tests.kit.sources.watcher import watching


def somebody(number: int, tracks: int = 0) -> models.ParticipantInfo:
    return models.ParticipantInfo(
        sid=f"PA_{number}",
        identity=f"somebody {number}",
        tracks=[
            models.TrackInfo(
                sid=f"TR_{number}_{each}", type=models.TrackType.AUDIO, mime_type="audio/opus"
            )
            for each in range(tracks)
        ],
    )


class Server:
    """Joins everybody to a room with one microphone, and says what a test wants."""

    def __init__(self) -> None:
        self.heard: list[rtc.SignalRequest] = []
        self.url = ""
        self.sockets: list[ServerConnection] = []

    async def handle(self, socket: ServerConnection) -> None:
        self.sockets.append(socket)
        joined = rtc.JoinResponse(ping_interval=30, other_participants=[somebody(0, tracks=1)])
        await socket.send(rtc.SignalResponse(join=joined).SerializeToString())
        async for data in socket:
            assert isinstance(data, bytes)
            self.heard.append(rtc.SignalRequest.FromString(data))

    def of(self, kind: str) -> list[rtc.SignalRequest]:
        return [each for each in self.heard if each.WhichOneof("message") == kind]

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(15):
            while not condition():
                await asyncio.sleep(0.01)


@asynccontextmanager
async def serving() -> AsyncIterator[Server]:
    server = Server()
    async with serve(server.handle, "127.0.0.1", 0) as listening:
        port = next(iter(listening.sockets)).getsockname()[1]
        server.url = f"ws://127.0.0.1:{port}"
        yield server


async def test_subscriptions_that_fail_are_asked_for_again_once_a_while_however_many_fail() -> None:
    async with (
        serving() as server,
        watching(LiveKitEndpoint(server.url, "token")) as (source, watcher),
    ):
        await watcher.until(lambda: watcher.publications)
        await source.subscribe(frozenset({"TR_0_0"}))
        await server.until(lambda: server.of("subscription"))
        failed = rtc.SubscriptionResponse(
            track_sid="TR_0_0", err=models.SubscriptionError.SE_TRACK_NOTFOUND
        )
        (socket,) = server.sockets
        for number in range(500):
            update = rtc.ParticipantUpdate(participants=[somebody(1 + number % 2)])
            await socket.send(rtc.SignalResponse(update=update).SerializeToString())
            error = rtc.SignalResponse(subscription_response=failed)
            await socket.send(error.SerializeToString())
        await server.until(lambda: len(server.of("subscription")) == 2)
        assert len(server.heard) < 20, "nothing more than pings beside"


def test_what_is_beyond_the_pace_waits() -> None:
    clock = HandClock()
    pace = RateLimit("messages", burst=10, per_s=5, clock=clock)
    assert [pace.wait_s() for _ in range(10)] == [0] * 10
    assert pace.wait_s() == pytest.approx(0.2)
    assert pace.wait_s(4) == pytest.approx(1.0)
    clock.now += 100
    assert pace.wait_s(10) == 0, "what was saved up is bounded"
    assert pace.wait_s(1) == pytest.approx(0.2)


async def test_an_update_takes_of_the_rate_limit_by_what_is_in_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    room = [somebody(number, tracks=1) for number in range(MOST_TRACKS)]
    assert update_cost(rtc.ParticipantUpdate(participants=room)) == 1 + 2 * MOST_TRACKS / 10
    assert update_cost(rtc.ParticipantUpdate()) == 1

    costs: list[tuple[str, float]] = []

    async def wait(self: RateLimit, cost: float = 1.0) -> None:
        costs.append((self._messages, cost))

    monkeypatch.setattr(RateLimit, "wait", wait)
    async with serving() as server:
        signalling = await Signalling.join(server.url, "token", timeout_s=5)
        update = rtc.SignalResponse(update=rtc.ParticipantUpdate(participants=room))
        await server.sockets[0].send(update.SerializeToString())
        await anext(signalling.messages())
        await signalling.close()
    assert costs[-1] == ("updates", 1 + 2 * MOST_TRACKS / 10), "for recordings and waits alike"


def test_a_room_is_believed_up_to_a_number_of_participants_and_tracks() -> None:
    room = Room(rtc.JoinResponse())
    room.update(somebody(number) for number in range(MOST_PARTICIPANTS + 10))
    assert room.count == MOST_PARTICIPANTS
    room.update([somebody(0, tracks=MOST_TRACKS - 1), somebody(1, tracks=MOST_TRACKS)])
    assert len(list(room.publications())) == MOST_TRACKS
    gone = somebody(0)
    gone.state = models.ParticipantInfo.State.DISCONNECTED
    room.update([gone])
    assert room.count == MOST_PARTICIPANTS - 1


def test_names_without_an_end_are_left_out() -> None:
    room = Room(rtc.JoinResponse())
    long = somebody(1, tracks=1)
    long.identity = "x" * (LONGEST_NAME + 1)
    odd = somebody(2, tracks=2)
    odd.tracks[0].sid = "x" * (LONGEST_NAME + 1)
    odd.tracks[1].mime_type = "x" * (LONGEST_NAME + 1)
    room.update([long, odd])
    (publication,) = room.publications()
    assert (publication.sid, publication.mime_type) == ("TR_2_1", "")


NO_PORTS = ("0", "-9", "65536", "9" * 5000, "x")
"""asyncio closes a socket that is to send there."""


def test_a_description_is_cut_to_what_is_tried() -> None:
    candidates = [f"a=candidate:{n} 1 udp 1 192.0.2.1 {n} typ host" for n in range(1, 500)]
    bad = [f"a=candidate:1 1 udp 1 192.0.2.1 {port} typ host" for port in NO_PORTS]
    sdp = "\r\n".join(["v=0", *bad, *candidates, *candidates, "m=audio 9 X 0", ""])
    lines = bounded(sdp).split("\r\n")
    assert set(lines) == {"v=0", "m=audio 9 X 0", "", *candidates[:MOST_CANDIDATES]}
    ssrcs = [f"a=ssrc:{n} cname:x" for n in range(MOST_SSRC_LINES + 9)]
    lines = bounded("\r\n".join(["m=audio 9 X 0", *ssrcs, "m=video 9 X 0", *ssrcs])).split("\r\n")
    kept = ssrcs[:MOST_SSRC_LINES]
    assert lines == ["m=audio 9 X 0", *kept, "m=video 9 X 0", *kept, ""], "in each m-line"
    with pytest.raises(SourceError, match="m-lines"):
        bounded("m=audio 9 X 0\r\n" * (MOST_MEDIA + 1))
    with pytest.raises(SourceError, match="larger than"):
        bounded("a" * (MAX_SDP_BYTES + 1))


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ('{"candidate": "candidate:1", "sdpMid": "0"}', Candidate("candidate:1", "0", None)),
        ('{"candidate": "candidate:1", "sdpMLineIndex": 2}', Candidate("candidate:1", None, 2)),
        ('{"candidate": "candidate:1", "sdpMid": 7}', Candidate("candidate:1", None, 0)),
        ('{"candidate": ""}', None),
        ('{"candidate": 5}', None),
        ("[]", None),
        ("[" * (MAX_CANDIDATE_BYTES - 1), None),
        (json.dumps({"candidate": "x" * MAX_CANDIDATE_BYTES}), None),
        ("{", None),
        ("", None),
    ],
)
def test_a_candidate_is_read_with_care(said: str, found: Candidate | None) -> None:
    assert candidate_of(said) == found


async def test_candidates_beyond_those_that_are_tried_are_left_out() -> None:
    class Listener:
        max_frame_pixels = 1

    peer = Peer(Listener())  # type: ignore[arg-type]
    added: list[int | None] = []

    async def add(candidate: RTCIceCandidate | None) -> None:
        added.append(None if candidate is None else candidate.port)

    peer._connection.addIceCandidate = add  # type: ignore[method-assign]
    for port in (*NO_PORTS, *range(1, 200)):
        await peer.add_candidate(f"candidate:1 1 udp 1 192.0.2.1 {port} typ host", "0", None)
    await peer.add_candidate(None, None, None)
    assert added == [*range(1, MOST_CANDIDATES + 1), None], "and the end of them"
    await peer.close()
