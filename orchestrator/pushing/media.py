"""What is pushed, and what of it the other side takes as it is. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from orchestrator.pushing.address import Kind

VIDEO: Final[Mapping[Kind, frozenset[str]]] = {
    # What every server of RTMP knows; for newer codecs they need enhanced RTMP.
    "rtmp": frozenset({"h264"}),
    "srt": frozenset({"h264", "hevc"}),
    "whip": frozenset({"h264"}),
}
AUDIO: Final[Mapping[Kind, frozenset[str]]] = {
    "rtmp": frozenset({"aac"}),
    "srt": frozenset({"aac", "opus", "mp3", "mp2", "ac3"}),
    "whip": frozenset({"opus"}),
}
"""Codecs, as ffmpeg names them, that are sent without being encoded again."""


@dataclass(frozen=True, slots=True)
class PushedTrack:
    """A video or an audio track. Equal ones can follow each other in one connection."""

    codec: str
    extradata: bytes
    width: int = 0
    height: int = 0
    rate: int = 0
    channels: int = 0

    @property
    def is_baseline(self) -> bool:
        """Whether it is H.264 of the (constrained) baseline profile, by its avcC (ISO/IEC 14496-15
        §5.3.3). ffmpeg offers the profile as it is, and receivers of WebRTC have to take only that
        one (RFC 7742 §6.2); our own takes no other.
        """
        return self.extradata[:2] == b"\x01\x42"


@dataclass(frozen=True, slots=True)
class PushedMedia:
    """What a segment has for a push: its first video, and its audio tracks."""

    video: PushedTrack | None
    audio: tuple[PushedTrack, ...] = ()

    def copies_video(self, kind: Kind, *, reordered: bool, baseline_only: bool = False) -> bool:
        """Whether the video is sent as it is; `reordered`: it has B-frames, which WebRTC hasn't;
        `baseline_only`: WHIP's other side takes no other profile.
        """
        video = self.video
        if video is None or kind != "whip":
            return video is None or video.codec in VIDEO[kind]
        fits = video.is_baseline or not baseline_only
        return video.codec in VIDEO[kind] and fits and not reordered

    def copies_audio(self, kind: Kind) -> bool:
        """Whether the first audio is sent as it is. ffmpeg's WHIP takes Opus in stereo only."""
        return not self.audio or (
            self.audio[0].codec in AUDIO[kind] and (kind != "whip" or self.audio[0].channels == 2)
        )

    def goes_on_as(self, other: PushedMedia, *, mixed: bool) -> bool:
        """Whether the other can follow in the same connection. Of tracks that are `mixed` any can
        come and go; else the first one is sent, and another beside it has to be mixed in.
        """
        if mixed or self.video != other.video:
            return self.video == other.video
        return self.audio == other.audio
