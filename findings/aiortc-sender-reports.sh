#!/usr/bin/env bash
# aiortc sends sender reports before a track's first packet, and they say NTP time 0 and RTP time 0.
#
# Guess:   a sender report's pair of NTP and RTP times belongs to the track's media, so the first one is
#          good for lip sync; a sender that has sent nothing yet sends none (RFC 3550 has receiver
#          reports for that).
# Version: aiortc 1.16.0, both peers.
# Seen:    once a second from the connection on, until the track gives its first frame, a report says
#          NTP 0, RTP 0, 0 packets: the year 1900, and an RTP time that is nowhere near the random
#          one that the first packet has. Taken as it stands, the pair puts the first frame some 126 years
#          and a random number of hours apart from the other track.
#
#          after 0.9 s: sender report: NTP 0, RTP 0, 0 packets
#          after 1.9 s: sender report: NTP 0, RTP 0, 0 packets
#          after 2.9 s: sender report: NTP 0, RTP 0, 0 packets
#          after 3.0 s: first RTP packet: RTP 1199911229
#          after 4.2 s: sender report: NTP 17201150721207495703, RTP 1199959229, 51 packets
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
export HOME="$folder"
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --only-binary :all: aiortc==1.16.0 av==18.1.0 aioice==0.13.0

cat >see.py <<'PYTHON'
import asyncio
import sys
import time
from fractions import Fraction

import av
from aiortc import MediaStreamTrack, RTCPeerConnection
from aiortc.rtcrtpreceiver import RTCRtpReceiver
from aiortc.rtp import RtcpSrPacket

RATE, SAMPLES = 48000, 960
began = time.monotonic()
reports, first_packets = [], []


class Late(MediaStreamTrack):
    """Audio whose first frame is there after three seconds."""

    kind = "audio"
    number = 0

    async def recv(self):
        await asyncio.sleep(0.02 if self.number else 3)
        frame = av.AudioFrame(format="s16", layout="mono", samples=SAMPLES)
        frame.planes[0].update(bytes(SAMPLES * 2))
        frame.pts, frame.sample_rate, frame.time_base = self.number * SAMPLES, RATE, Fraction(1, RATE)
        self.number += 1
        return frame


class Tap:
    """Shows what the receiver is given, and hands it on unchanged."""

    def __init__(self):
        self.rtp, self.rtcp = RTCRtpReceiver._handle_rtp_packet, RTCRtpReceiver._handle_rtcp_packet

    async def on_rtp(self, receiver, packet, **arrival):
        if not first_packets:
            first_packets.append(packet.timestamp)
            print(f"after {time.monotonic() - began:.1f} s: first RTP packet: RTP {packet.timestamp}", flush=True)
        await self.rtp(receiver, packet, **arrival)

    async def on_rtcp(self, receiver, packet):
        if isinstance(packet, RtcpSrPacket):
            said = packet.sender_info
            reports.append((bool(first_packets), said.ntp_timestamp, said.rtp_timestamp, said.packet_count))
            print(
                f"after {time.monotonic() - began:.1f} s: sender report: NTP {said.ntp_timestamp},"
                f" RTP {said.rtp_timestamp}, {said.packet_count} packets", flush=True,
            )  # fmt: skip
        await self.rtcp(receiver, packet)


async def main():
    tap = Tap()
    RTCRtpReceiver._handle_rtp_packet = lambda self, packet, **arrival: tap.on_rtp(self, packet, **arrival)
    RTCRtpReceiver._handle_rtcp_packet = lambda self, packet: tap.on_rtcp(self, packet)
    sender, receiver = RTCPeerConnection(), RTCPeerConnection()
    sender.addTrack(Late())
    await sender.setLocalDescription(await sender.createOffer())
    await receiver.setRemoteDescription(sender.localDescription)
    await receiver.setLocalDescription(await receiver.createAnswer())
    await sender.setRemoteDescription(receiver.localDescription)
    await asyncio.sleep(6)
    await sender.close()
    await receiver.close()


asyncio.run(main())
early = [report[1:] for report in reports if not report[0]]
late = [report[1:] for report in reports if report[0]]
as_stated = len(early) >= 1 and set(early) == {(0, 0, 0)} and late and all(ntp and rtp for ntp, rtp, _ in late)
sys.exit(None if as_stated else "CHANGED: this is not what was seen before; see the top of this file.")
PYTHON
venv/bin/python see.py
