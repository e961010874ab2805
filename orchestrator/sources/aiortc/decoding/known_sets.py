"""The parameter sets of one receiver's H.264 or H.265, for who begins in the midst of a stream.

Senders send them with each keyframe, or once at the beginning, or in their description alone.
Decoders and files begin later: with a recording of a publisher that was there before.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Mapping
from typing import Final

from aiortc.rtcrtpparameters import ParametersDict
from aiortc.sdp import MediaDescription

from orchestrator.sources.aiortc.video_frame import VideoFrame
from orchestrator.sources.bitstreams.parameter_sets import H264, H265, START, ParameterSets

_SYNTAX: Final = {"H264": H264, "H265": H265}

_DESCRIBED: Final = ("sprop-vps", "sprop-sps", "sprop-pps", "sprop-parameter-sets")
"""Base64 of NAL units with commas between them (RFC 6184 §8.1, RFC 7798 §7.1)."""

MOST_DESCRIBED: Final = 16 * 1024
"""Characters of such a parameter that are read: all sets have some hundred."""


class KnownSets:
    """Those of the RTP stream that comes now, by payload type."""

    def __init__(self, described: Mapping[int, bytes]) -> None:
        """`described`: those of the description, as Annex B; it may change."""
        self._described = described
        self._known: dict[int, ParameterSets] = {}

    def complete(self, codec: str, frame: VideoFrame) -> None:
        """Notes the sets in a frame; one that needs those of before gets them."""
        if (syntax := _SYNTAX.get(codec)) is None or not frame.data:
            return
        sets = self._known.get(frame.payload_type)
        if sets is None:
            sets = self._known[frame.payload_type] = ParameterSets(syntax)
            sets.take(self._described.get(frame.payload_type, b""))
        _, whole = sets.take(frame.data)
        if whole is not frame.data:
            frame.put((whole,))


def described_sets(media: MediaDescription) -> dict[int, bytes]:
    """The parameter sets that an m-line of a description has, as Annex B, by payload type."""
    found = {codec.payloadType: _sets(codec.parameters) for codec in media.rtp.codecs}
    return {number: sets for number, sets in found.items() if number is not None and sets}


def _sets(parameters: ParametersDict) -> bytes:
    texts = [parameters.get(name) for name in _DESCRIBED]
    parts = [part for text in texts if text for part in str(text)[:MOST_DESCRIBED].split(",")]
    try:
        units = [b64decode(part, validate=True) for part in parts if part]
    except binascii.Error:
        return b""  # what comes in the stream may do
    return b"".join(START + unit for unit in units)
