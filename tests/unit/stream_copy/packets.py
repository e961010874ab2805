"""Packets for tests."""

from __future__ import annotations

from orchestrator.media import EncodedFrame, TrackKind
from orchestrator.stream_copy.track import Packet, Track

MS = 1_000_000
CAMERA = Track("video", TrackKind.VIDEO, "vp8")
SCREEN = Track("alice screen share", TrackKind.VIDEO, "vp8")
VOICE = Track("alice microphone", TrackKind.AUDIO, "opus")


def video(*, key: bool = False, codec: str = "vp8", size: int = 10) -> EncodedFrame:
    """A frame of video."""
    return EncodedFrame(codec, bytes(size), key)


def audio(ms: int = 20, size: int = 10) -> EncodedFrame:
    """A packet of audio."""
    return EncodedFrame("opus", bytes(size), duration_ns=ms * MS)


def shot(ms: int, *, key: bool = False, track: Track = CAMERA, size: int = 10) -> Packet:
    """A frame of video at its place."""
    return Packet(track, ms * MS, video(key=key, size=size))


def heard(ms: int, track: Track = VOICE) -> Packet:
    """20 ms of audio at their place."""
    return Packet(track, ms * MS, audio())
