"""What is negotiated: aiortc's table of codecs with those added that are received here.

A description is answered from that table, so it is the list of what we take.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from aiortc import rtp
from aiortc.codecs import CODECS
from aiortc.rtcrtpparameters import RTCRtcpFeedback, RTCRtpCodecParameters

_FEEDBACK: Final = (("nack", None), ("nack", "pli"), ("goog-remb", None))

ADDED: Final[Mapping[str, Mapping[str, str]]] = {
    "VP9": {"profile-id": "0"},
    "AV1": {"level-idx": "5", "profile": "0", "tier": "0"},
    "H265": {"level-id": "180", "profile-id": "1", "tier-flag": "0", "tx-mode": "SRST"},
}
"""Format parameters as browsers and LiveKit give them (RFC 9628 §6, AV1 RTP §7, RFC 7798 §7)."""

_TAKEN: Final = {"VP9": ("profile-id", "0"), "AV1": ("profile", "0"), "H265": ("profile-id", "1")}
"""The only profile of each that is taken, which is also meant where none is named: 4:2:0 with 8
bits, and AV1's with 10 as well. aiortc looks at H.264's alone, and would take all others."""

_FIRST: Final = 103
"""Of the payload types in our offers that aiortc leaves free (97 to 102 are its own)."""


def _add_codecs() -> None:
    # aiortc knows 96 to 127 only, and answers with a type of its own where another is offered:
    # LiveKit's AV1 has 35, and lost its retransmissions (RFC 3551 §6, RFC 5761 §4).
    rtp.DYNAMIC_PAYLOAD_TYPES = range(35, 128)
    video = CODECS["video"]
    for number, (name, parameters) in enumerate(ADDED.items()):
        kind, clock = _FIRST + 2 * number, 90_000
        feedback = [RTCRtcpFeedback(type=what, parameter=more) for what, more in _FEEDBACK]
        repeats = {"apt": kind}
        video += [
            RTCRtpCodecParameters(f"video/{name}", clock, None, kind, feedback, dict(parameters)),
            RTCRtpCodecParameters("video/rtx", clock, None, kind + 1, parameters=dict(repeats)),
        ]
    (opus,) = (codec for codec in CODECS["audio"] if codec.name.lower() == "opus")
    opus.parameters["useinbandfec"] = 1  # RFC 7587 §6.1
    same = {f"{opus.payloadType}/{opus.payloadType}": None}
    CODECS["audio"].append(
        RTCRtpCodecParameters(
            "audio/red", 48_000, 2, _FIRST + 2 * len(ADDED), parameters=dict(same)
        )
    )


def referring(answer: str) -> str:
    """Our answer, in which redundant audio names the payload type that Opus has in its m-line."""
    return "\r\n".join(line for each in _sections(answer) for line in _referring(each)) + "\r\n"


def _referring(section: list[str]) -> list[str]:
    named = filter(None, map(_RTPMAP.match, section))
    opus = next((found[1] for found in named if found[2].lower() == "opus"), None)
    if opus is None:
        return section
    return [_REDUNDANT.sub(rf"\g<1>{opus}/{opus}", line) for line in section]


_REDUNDANT: Final = re.compile(r"^(a=fmtp:\d+ )\d+/\d+$")
"""Format parameters of redundant audio (RFC 2198 §5)."""

_RTPMAP: Final = re.compile(r"a=rtpmap:(\d+) ([\w-]+)/")
_FMTP: Final = re.compile(r"a=fmtp:(\d+) (.*)")
_FORMAT: Final = re.compile(r"a=(?:rtpmap|fmtp|rtcp-fb):(\d+) ")


def acceptable(sdp: str) -> str:
    """The description without the profiles that aren't taken, and their retransmissions.

    Raises ValueError where an m-line has no others.
    """
    return "\r\n".join(line for each in _sections(sdp) for line in _acceptable(each)) + "\r\n"


def _sections(sdp: str) -> list[list[str]]:
    """The session's lines, then those of each m-line."""
    sections: list[list[str]] = [[]]
    for line in sdp.splitlines():
        if line.startswith("m="):
            sections.append([])
        sections[-1].append(line)
    return sections


def _acceptable(section: list[str]) -> list[str]:
    names = {found[1]: found[2].upper() for found in map(_RTPMAP.match, section) if found}
    formats = {found[1]: found[2] for found in map(_FMTP.match, section) if found}
    refused = {kind for kind, name in names.items() if not _is_taken(name, formats.get(kind, ""))}
    refused |= {
        kind
        for kind, name in names.items()
        if name == "RTX" and _parameters(formats.get(kind, "")).get("apt") in refused
    }
    if not refused:
        return section
    media, *rest = section
    kept = [
        line for line in rest if (found := _FORMAT.match(line)) is None or found[1] not in refused
    ]
    head = media.split(" ")
    if not (taken := [kind for kind in head[3:] if kind not in refused]):
        offered = ", ".join(sorted({names[kind] for kind in refused} - {"RTX"}))
        raise ValueError(f"an m-line has no codec that can be received, only profiles of {offered}")
    return [" ".join([*head[:3], *taken]), *kept]


def _is_taken(name: str, fmtp: str) -> bool:
    if name not in _TAKEN:
        return True
    parameter, value = _TAKEN[name]
    return _parameters(fmtp).get(parameter, value) == value


def _parameters(fmtp: str) -> dict[str, str]:
    pairs = (each.strip().partition("=") for each in fmtp.split(";"))
    return {name.lower(): value for name, _, value in pairs}


_add_codecs()
