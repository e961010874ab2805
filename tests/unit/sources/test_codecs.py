"""What is answered to an offer: the codecs and profiles that are taken, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.sdp import SessionDescription

from orchestrator.errors import SourceError
from orchestrator.sources.aiortc.codecs import acceptable, referring
from orchestrator.sources.aiortc.peer import Peer
from tests.kit.sources.taps import Owner

HEAD = (
    "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n"
    "m=video 9 UDP/TLS/RTP/SAVPF {}\r\nc=IN IP4 0.0.0.0\r\na=setup:actpass\r\na=mid:0\r\n"
    "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\n"
    f"a=fingerprint:sha-256 {':'.join(['AB'] * 32)}\r\na=rtcp-mux\r\na=sendonly\r\n"
)
DEPENDENCIES = (
    "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"
)
OFFERED = {
    96: ("VP8", ""),
    98: ("VP9", "profile-id=0"),
    100: ("VP9", "profile-id=1"),
    102: ("VP9", ""),
    104: ("H264", "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"),
    35: ("AV1", ""),
    37: ("AV1", "level-idx=5;profile=1;tier=0"),
    39: ("AV1", "level-idx=5; profile=0; tier=0"),
    116: ("H265", "level-id=180;profile-id=1;tier-flag=0;tx-mode=SRST"),
    118: ("H265", "level-id=180;profile-id=2;tier-flag=0;tx-mode=SRST"),
    120: ("flexfec-03", "repair-window=10000000"),
}
"""As livekit-server (1.13.3) and Chromium (156) offer them, each with retransmissions."""

TAKEN = [96, 98, 102, 104, 35, 39, 116]


def offer(offered: dict[int, tuple[str, str]] = OFFERED) -> str:
    lines = [f"a=extmap:5 {DEPENDENCIES}"]
    for kind, (name, fmtp) in offered.items():
        lines += [f"a=rtpmap:{kind} {name}/90000", f"a=rtcp-fb:{kind} nack pli"]
        lines += [f"a=fmtp:{kind} {fmtp}"] if fmtp else []
        lines += [f"a=rtpmap:{kind + 1} rtx/90000", f"a=fmtp:{kind + 1} apt={kind}"]
    kinds = " ".join(f"{kind} {kind + 1}" for kind in offered)
    return HEAD.format(kinds) + "\r\n".join(lines) + "\r\n"


async def test_the_answer_lists_what_is_taken_and_nothing_else() -> None:
    connection = RTCPeerConnection()
    try:
        await connection.setRemoteDescription(RTCSessionDescription(acceptable(offer()), "offer"))
        answer = (await connection.createAnswer()).sdp
    finally:
        await connection.close()
    (media,) = SessionDescription.parse(answer).media
    assert media.fmt == [number for kind in TAKEN for number in (kind, kind + 1)]
    assert {codec.payloadType: codec.name for codec in media.rtp.codecs} == {
        number: name
        for kind in TAKEN
        for number, name in ((kind, OFFERED[kind][0]), (kind + 1, "rtx"))
    }
    assert "dependency-descriptor" not in answer
    repeated = {c.payloadType: c.parameters["apt"] for c in media.rtp.codecs if c.name == "rtx"}
    assert repeated == {kind + 1: kind for kind in TAKEN}


def test_nothing_else_of_the_description_is_touched() -> None:
    plain = {kind: OFFERED[kind] for kind in TAKEN}
    assert acceptable(offer(plain)) == offer(plain)
    assert acceptable("") == "\r\n"
    lines = set(offer().splitlines()) - set(acceptable(offer()).splitlines())
    gone = {100, 101, 37, 38, 118, 119}
    assert all(any(f":{kind} " in line for kind in gone) or "m=video" in line for line in lines)


@pytest.mark.parametrize("refused", [[118], [100, 118], [37]])
async def test_an_offer_of_nothing_but_refused_profiles_is_refused_in_words(
    refused: list[int],
) -> None:
    """aiortc failed at an m-line without formats."""
    owner: Any = Owner()
    peer = Peer(owner)
    try:
        with pytest.raises(SourceError, match="no codec that can be received") as failure:
            await peer.answer(offer({kind: OFFERED[kind] for kind in refused}), {"0": "camera"})
        assert all(OFFERED[kind][0] in failure.value.error for kind in refused)
        answer = await peer.answer(offer(), {"0": "camera"})
        assert "VP9/90000" in answer, "the connection takes the next one"
    finally:
        await peer.close()


AUDIO = {111: ("opus/48000/2", "minptime=10"), 63: ("red/48000/2", "111/111")}


@pytest.mark.parametrize("order", [[111, 63], [63, 111]])
async def test_redundant_audio_is_answered_with_the_payload_type_that_opus_has_there(
    order: list[int],
) -> None:
    lines = [
        line
        for kind in order
        for line in (f"a=rtpmap:{kind} {AUDIO[kind][0]}", f"a=fmtp:{kind} {AUDIO[kind][1]}")
    ]
    kinds = " ".join(map(str, order))
    given = HEAD.replace("m=video", "m=audio").format(kinds) + "\r\n".join(lines) + "\r\n"
    connection = RTCPeerConnection()
    try:
        await connection.setRemoteDescription(RTCSessionDescription(acceptable(given), "offer"))
        answer = referring((await connection.createAnswer()).sdp).splitlines()
    finally:
        await connection.close()
    assert "a=rtpmap:63 red/48000/2" in answer
    assert [line for line in answer if line.startswith("a=fmtp:63 ")] == ["a=fmtp:63 111/111"]


def test_each_m_line_has_its_own_opus() -> None:
    sections = [
        f"m=audio 9 UDP/TLS/RTP/SAVPF {red} {opus}\r\na=rtpmap:{red} red/48000/2\r\n"
        f"a=fmtp:{red} 96/96\r\na=rtpmap:{opus} opus/48000/2\r\n"
        for opus, red in ((111, 63), (109, 121))
    ]
    other = "m=audio 9 UDP/TLS/RTP/SAVPF 121\r\na=rtpmap:121 red/8000\r\na=fmtp:121 0/0\r\n"
    answer = "v=0\r\n" + "".join(sections) + other
    expected = answer.replace("63 96/96", "63 111/111").replace("121 96/96", "121 109/109")
    assert referring(answer) == expected


async def test_senders_learn_that_opus_redundancy_is_of_use() -> None:
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    connection.addTransceiver("audio", direction="recvonly")
    offer = await connection.createOffer()
    assert "useinbandfec=1" in offer.sdp
    await connection.close()
