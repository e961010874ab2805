#!/usr/bin/env bash
# aiortc takes an answer whose direction stands at session level, connects, and no media flows, without an error.
#
# Guess:   a=sendonly before the first m-line holds for all of them, and where there is none a=sendrecv is meant
#          (RFC 8866 section 6.7); aiortc's own answers name the direction of each m-line, others are read all the same.
# Version: aiortc 1.16.0.
# Seen:    a direction that isn't in the m-line's own section is none. With such an answer the connection is made and
#          "connected", currentDirection stays None, and not one frame comes; nothing says why. With such an offer
#          setRemoteDescription succeeds, and createAnswer raises ValueError.
#
#          answer, sendonly in its m-line     connected, recvonly, frames
#          answer, sendonly at session level  connected, None, no frame
#          offer, sendrecv in its m-line      an answer
#          offer, sendrecv at session level   ValueError: None is not in list
#          offer, sendrecv left out           ValueError: None is not in list
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
export HOME="$folder"
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --only-binary :all: aiortc==1.16.0

cat >see.py <<'PYTHON'
import asyncio
import sys

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import VideoStreamTrack

WAIT_S = 8
NO_DIRECTION = "ValueError: None is not in list"


def peer():
    return RTCPeerConnection(RTCConfiguration(iceServers=[]))


def same(sdp):
    return sdp


def left_out(direction):
    return lambda sdp: replaced(sdp, f"a={direction}\r\n", "")


def at_session_level(direction):
    return lambda sdp: replaced(left_out(direction)(sdp), "t=0 0\r\n", f"t=0 0\r\na={direction}\r\n")


def replaced(sdp, line, by):
    assert sdp.count(line) == 1, f"not one {line!r} in {sdp}"
    return sdp.replace(line, by)


async def answered(change):
    """What the receiver of a video sees of an answer: its connection, its direction, whether a frame came."""
    receiver, sender, came, tasks = peer(), peer(), asyncio.Event(), []

    async def take(track):
        await track.recv()
        came.set()

    receiver.on("track", lambda track: tasks.append(asyncio.ensure_future(take(track))))
    receiver.addTransceiver("video", direction="recvonly")
    await receiver.setLocalDescription(await receiver.createOffer())
    await sender.setRemoteDescription(receiver.localDescription)
    sender.addTrack(VideoStreamTrack())
    await sender.setLocalDescription(await sender.createAnswer())
    sdp = change(sender.localDescription.sdp)
    await receiver.setRemoteDescription(RTCSessionDescription(sdp, "answer"))
    try:
        async with asyncio.timeout(WAIT_S):
            await came.wait()
    except TimeoutError:
        pass
    seen = receiver.connectionState, str(receiver.getTransceivers()[0].currentDirection)
    for task in tasks:
        task.cancel()
    await receiver.close()
    await sender.close()
    return *seen, "frames" if came.is_set() else "no frame"


async def offered(change):
    """What comes of answering an offer."""
    sender, receiver = peer(), peer()
    sender.addTrack(VideoStreamTrack())  # sendrecv
    await sender.setLocalDescription(await sender.createOffer())
    sdp = change(sender.localDescription.sdp)
    await receiver.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
    try:
        await receiver.createAnswer()
        return ("an answer",)
    except ValueError as error:
        return (f"ValueError: {error}",)
    finally:
        await receiver.close()
        await sender.close()


RUNS = [
    ("answer, sendonly in its m-line", answered(same), ("connected", "recvonly", "frames")),
    ("answer, sendonly at session level", answered(at_session_level("sendonly")), ("connected", "None", "no frame")),
    ("offer, sendrecv in its m-line", offered(same), ("an answer",)),
    ("offer, sendrecv at session level", offered(at_session_level("sendrecv")), (NO_DIRECTION,)),
    ("offer, sendrecv left out", offered(left_out("sendrecv")), (NO_DIRECTION,)),
]
as_stated = True
for what, running, stated in RUNS:
    seen = asyncio.run(running)
    print(f"{what:35}{', '.join(seen)}")
    as_stated &= seen == stated
sys.exit(None if as_stated else "CHANGED: this is not what was seen before; see the top of this file.")
PYTHON
venv/bin/python see.py
