"""The packets of pieces on the recording's clock, for one connection's muxer."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from av.packet import Packet
from av.stream import Stream

from orchestrator.fragments.packets import packets
from orchestrator.pushing.media import PushedMedia, PushedTrack
from orchestrator.worker.outputs.push.changed_video import ChangedVideo, changed_video
from orchestrator.worker.outputs.push.segment_follower import Piece


class OpenPiece:
    """A piece's packets of its first video and of its audio. Raises av.FFmpegError."""

    def __init__(self, piece: Piece) -> None:
        found = packets(piece.header, piece.data, piece.container)
        streams: Any = found[0].stream.container.streams if found else None
        self._packets, self._offset_s = found, piece.offset_s
        self._of_file: Any = next(iter(streams.video), None) if found else None
        changed = _changed(self._of_file, found) if piece.container != "mp4" else None
        self.video: Any = self._of_file if changed is None else changed.stream
        """As frames are from here on; None if there is none."""
        self._size = None if changed is None else (changed.width, changed.height)
        self._audio: tuple[Any, ...] = tuple(streams.audio) if found else ()

    @property
    def audio(self) -> Any:
        """The first audio stream; None if there is none."""
        return self._audio[0] if self._audio else None

    @property
    def empty(self) -> bool:
        """Nothing is in it."""
        return not self._packets

    @property
    def media(self) -> PushedMedia:
        """What it consists of."""
        video = _track(self.video, self._size) if self.video is not None else None
        return PushedMedia(video, tuple(map(_track, self._audio)))

    def packets(self, *, all_audio: bool = False) -> list[Packet[Stream]]:
        """In the order in which they are sent, each with its times on the recording's clock: those
        of the first audio, or of all.
        """
        audio = self._audio if all_audio else self._audio[:1]
        chosen = [each.index for each in (self._of_file, *audio) if each is not None]
        found = [packet for packet in self._packets if packet.stream.index in chosen]
        self._decoding_times([packet for packet in found if packet.stream.type == "video"])
        for packet in found:
            base = packet.time_base
            assert base is not None
            offset = round(Fraction(self._offset_s) / base)
            packet.pts = None if packet.pts is None else packet.pts + offset
            packet.dts = None if packet.dts is None else packet.dts + offset
        return [packet for packet in found if packet.dts is not None]

    @property
    def reordered(self) -> bool:
        """Whether frames are shown in another order than they are decoded in (B-frames)."""
        shown = (packet.pts for packet in self._packets if packet.stream.type == "video")
        times = [time for time in shown if time is not None]
        return times != sorted(times)

    @staticmethod
    def _decoding_times(packets: list[Packet[Stream]]) -> None:
        """Matroska has times of presentation only: those of decoding are the same ones in order,
        earlier by as much as the frames are out of order."""
        shown = [packet.pts for packet in packets]
        if all(packet.dts is not None for packet in packets) or any(t is None for t in shown):
            return
        times: list[int] = [time for time in shown if time is not None]
        early = max((a - b for a, b in zip(sorted(times), times, strict=True)), default=0)
        for packet, time in zip(packets, sorted(times), strict=True):
            packet.dts = time - early


def _changed(video: Any, packets: list[Packet[Stream]]) -> ChangedVideo | None:
    of_video = (each for each in packets if video is not None and each.stream.index == video.index)
    keyframe = next((each for each in of_video if each.is_keyframe), None)
    return None if keyframe is None else changed_video(video, bytes(keyframe))


def _track(stream: Any, size: tuple[int, int] | None = None) -> PushedTrack:
    context = stream.codec_context
    video = stream.type == "video"
    width, height = size or (context.width, context.height) if video else (0, 0)
    return PushedTrack(
        context.name if context.codec is None else context.codec.canonical_name,
        bytes(context.extradata or b""),
        width,
        height,
        0 if video else context.sample_rate,
        0 if video else context.channels,
    )
