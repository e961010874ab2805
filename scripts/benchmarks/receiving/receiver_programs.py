"""Receivers to compare ours with, each a process of its own: what a Python user would write today.

`python -m scripts.benchmarks.receiving.receiver_programs NAME URL TOKEN FILE` joins the room, takes
every track until its standard input ends, and prints how many frames came as JSON.

- `aiortc`: a bare RTCPeerConnection whose frames are decoded and dropped; our signalling only.
- `recorder`: the same with aiortc's MediaRecorder, which writes FILE.
- `encoded`: our source, which gives the frames as they came; they are dropped.
- `livekit`: the livekit SDK, whose frames are decoded and dropped.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Callable
from typing import Final

from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaRecorder
from aiortc.mediastreams import MediaStreamError
from aiortc.sdp import candidate_from_sdp
from livekit import rtc as sdk
from livekit.protocol import rtc

from orchestrator.media import Endpoint, LiveKitEndpoint, TrackKind
from orchestrator.sources.livekit.signalling import Signalling, SignallingLost
from orchestrator.sources.source import (
    EncodedFrameReceived,
    PublicationAdded,
    PublicationsUpdated,
    SourceEvent,
)

KINDS: Final = ("audio", "video")


async def bare(url: str, token: str, file: str, came: Counter[str]) -> None:
    """Decodes and drops."""

    async def take(track: MediaStreamTrack) -> None:
        try:
            while True:
                await track.recv()
                came[track.kind] += 1
        except MediaStreamError:
            return

    tasks: list[asyncio.Task[None]] = []
    await _receive(url, token, lambda track: tasks.append(asyncio.create_task(take(track))))


async def recorder(url: str, token: str, file: str, came: Counter[str]) -> None:
    """Has aiortc write a file."""
    writer = MediaRecorder(file)
    kinds: set[str] = set()
    starting: list[asyncio.Task[None]] = []

    def add(track: MediaStreamTrack) -> None:
        writer.addTrack(track)
        kinds.add(track.kind)
        if kinds == set(KINDS):
            starting.append(asyncio.create_task(writer.start()))

    try:
        await _receive(url, token, add)
    finally:
        await writer.stop()


async def encoded(url: str, token: str, file: str, came: Counter[str]) -> None:
    """Drops what our source gives without decoding."""
    # It adds codecs to aiortc's table, and a bare aiortc is to have its own only.
    from orchestrator.sources.create import create  # noqa: PLC0415

    kinds, updated = dict[str, TrackKind](), asyncio.Event()

    def take(event: SourceEvent) -> None:
        match event:
            case EncodedFrameReceived(sid):
                came[kinds[sid].value] += 1
            case PublicationAdded(publication):
                kinds[publication.sid] = publication.kind
            case PublicationsUpdated():
                updated.set()

    async def renew() -> Endpoint:
        return endpoint

    endpoint = LiveKitEndpoint(url, token)
    source = create(
        *(endpoint, take),
        renew=renew,
        connect_timeout_s=10,
        reconnect_timeout_s=10,
        encoded=True,
    )
    await source.open()
    try:
        await updated.wait()
        await source.subscribe(frozenset(kinds))
        await asyncio.Event().wait()
    finally:
        await source.close()


async def livekit(url: str, token: str, file: str, came: Counter[str]) -> None:
    """Decodes and drops, by the SDK."""
    room, tasks = sdk.Room(), list[asyncio.Task[None]]()

    async def take(kind: str, stream: sdk.AudioStream | sdk.VideoStream) -> None:
        async for _ in stream:
            came[kind] += 1

    def subscribed(track: sdk.RemoteTrack, *_: object) -> None:
        audio = track.kind == sdk.TrackKind.KIND_AUDIO
        stream = sdk.AudioStream(track) if audio else sdk.VideoStream(track)
        tasks.append(asyncio.create_task(take(KINDS[not audio], stream)))

    room.on("track_subscribed", subscribed)
    await room.connect(url, token)
    try:
        await asyncio.Event().wait()
    finally:
        await room.disconnect()


RECEIVERS: Final = {
    "aiortc": bare,
    "encoded": encoded,
    "recorder": recorder,
    "livekit": livekit,
}


async def _receive(url: str, token: str, taken: Callable[[MediaStreamTrack], object]) -> None:
    """A bare connection to every track of the room, until cancelled."""
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    connection.on("track", taken)
    signalling = await Signalling.join(url, token, timeout_s=10)
    sids = [t.sid for p in signalling.joined.other_participants for t in p.tracks]
    await signalling.send(subscription=rtc.UpdateSubscription(track_sids=sids, subscribe=True))
    try:
        async for message in signalling.messages():
            await _answer(signalling, connection, message)
    except SignallingLost as hangup:
        print(hangup.reason, file=sys.stderr)
    finally:
        await connection.close()
        await signalling.close()


async def _answer(
    signalling: Signalling, connection: RTCPeerConnection, message: rtc.SignalResponse
) -> None:
    if message.HasField("offer"):
        offer = RTCSessionDescription(message.offer.sdp, "offer")
        await connection.setRemoteDescription(offer)
        await connection.setLocalDescription(await connection.createAnswer())
        sdp = connection.localDescription.sdp
        description = rtc.SessionDescription(type="answer", sdp=sdp, id=message.offer.id)
        await signalling.send(answer=description)
    elif message.HasField("trickle"):
        init = json.loads(message.trickle.candidateInit or "{}")
        if line := init.get("candidate"):
            candidate = candidate_from_sdp(line.removeprefix("candidate:"))
            candidate.sdpMid = init.get("sdpMid")
            candidate.sdpMLineIndex = init.get("sdpMLineIndex")
            await connection.addIceCandidate(candidate)


async def main(name: str, url: str, token: str, file: str) -> None:
    """Until the end of standard input."""
    came: Counter[str] = Counter()
    receiving = asyncio.create_task(RECEIVERS[name](url, token, file, came))
    input_closed = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    await asyncio.wait([receiving, input_closed], return_when=asyncio.FIRST_COMPLETED)
    receiving.cancel()
    await asyncio.gather(receiving, return_exceptions=True)
    print(json.dumps(dict(came)))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
