"""Decodes encoded frames as a player would: each has to be one frame."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import av

from orchestrator.media import EncodedFrame
from tests.kit.signals.codes import luma_of, read_code

_LIKE_A_PLAYER = {
    "vp8": "libvpx",
    "vp9": "libvpx-vp9",
    "av1": "libdav1d",
    "h264": "h264",
    "h265": "hevc",
}


def codes_of(frames: Sequence[EncodedFrame]) -> list[int | None]:
    """The numbers that are shown; fails where a frame can't be decoded, or shows what isn't whole.

    FFmpeg's own decoders hide that a reference is missing; the numbers are whole all the same.
    """
    assert frames[0].keyframe
    decoder = av.CodecContext.create(_LIKE_A_PLAYER[frames[0].codec], "r")
    assert isinstance(decoder, av.VideoCodecContext)
    decoder.thread_count = 1
    found: list[int | None] = []
    for frame in frames:
        shown = decoder.decode(av.Packet(frame.data))
        if frame.keyframe:
            assert {(each.width, each.height) for each in shown} <= {(frame.width, frame.height)}
        found += [read_code(luma_of(each)) for each in shown]
    return found + [read_code(luma_of(each)) for each in decoder.decode(None)]


def samples_of(frames: Iterable[EncodedFrame]) -> list[int]:
    """How many samples each packet of Opus has, at 48 kHz."""
    decoder = av.CodecContext.create("libopus", "r")
    assert isinstance(decoder, av.AudioCodecContext)
    return [sum(each.samples for each in decoder.decode(av.Packet(frame.data))) for frame in frames]
