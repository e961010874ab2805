"""From packets of Matroska and WebM, or of a finished file, to fragments of MP4. Blocking: PyAV."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import Any, Final

import av

from orchestrator.fragments.fragment import Container, Undecodable
from orchestrator.fragments.mp4_boxes import Mp4Track, boxes, tracks
from orchestrator.fragments.packets import packets
from orchestrator.hls.codecs import NotPlayable, codecs_of
from orchestrator.hls.fmp4 import Sample, TrackRun, fragment
from orchestrator.hls.pieces import Piece
from orchestrator.hls.silence import RATE, silent_file, with_silence

_MUXING: Final = {"movflags": "frag_custom+empty_moov+delay_moov+default_base_moof+skip_trailer"}
"""delay_moov: what stands in the header of VP9 and of AC-3 is known by their first packet."""
_LONGEST_S: Final = 1.0
"""What a last frame lasts at most."""

CODECS: Final = frozenset(
    {"h264", "hevc", "av1", "vp9", "aac", "opus", "flac", "ac3", "eac3", "mp3"}
)
"""Of libavformat; what HLS's fragmented MP4 has a place for."""

APacket = Any
"""av.Packet of any stream."""


def chosen(streams: Iterable[Any]) -> list[Any]:
    """The first video track and the first audio track, if any.

    NotPlayable if HLS has no place for one of them.
    """
    found = list(streams)
    videos = [stream for stream in found if stream.type == "video"][:1]
    audios = [stream for stream in found if stream.type == "audio"][:1]
    for stream in (*videos, *audios):
        name = stream.codec_context.codec.canonical_name
        if name not in CODECS:
            raise NotPlayable(
                f"HLS has no place for {name.upper()}; a recording that is encoded (av1, mp4) can"
                " be watched while it runs"
            )
    return [*videos, *audios]


def init_of(own: Sequence[APacket]) -> bytes:
    """`ftyp` and `moov` for these tracks, one of a kind, each of which has a packet; Undecodable.

    The packets belong to the header's file afterwards.
    """
    if not own:
        raise Undecodable("none of its packets can be read")
    made = io.BytesIO()
    first: dict[str, APacket] = {}
    for packet in own:
        first.setdefault(packet.stream.type, packet)
    ordered = sorted(first.values(), key=lambda packet: packet.stream.type != "video")
    try:
        with av.open(made, "w", format="mp4", options=dict(_MUXING)) as file:
            for packet in ordered:
                packet.stream = file.add_stream_from_template(packet.stream, opaque=True)
            for packet in ordered:
                # What comes before zero is an encoder's run-up, which an edit list cuts off.
                packet.pts = packet.dts = min(packet.pts or 0, 0)
                file.mux_one(packet)
    except av.FFmpegError as error:
        raise Undecodable(f"libavformat: {error}") from error
    data = made.getvalue()
    parts = [box for box in boxes(data, 0, len(data)) if box.kind in (b"ftyp", b"moov")]
    # hvc1: parameter sets are in the header, as Apple's players want them.
    return b"".join(data[box.at : box.end] for box in parts).replace(b"hev1", b"hvc1", 1)


def demuxed(header: bytes, data: bytes, container: Container) -> list[APacket]:
    """As fragments.packets.packets; Undecodable."""
    try:
        return list(packets(header, data, container))
    except av.FFmpegError as error:
        raise Undecodable(f"libavformat: {error}") from error


def by_kind(own: Iterable[APacket], streams: Iterable[Any]) -> dict[str, list[APacket]]:
    """Those of these streams, of which there is one of a kind at most."""
    found: dict[str, list[APacket]] = {stream.type: [] for stream in streams}
    numbers = {stream.index: stream.type for stream in streams}
    for packet in own:
        if (kind := numbers.get(packet.stream.index)) is not None:
            found[kind].append(packet)
    return found


def tracks_of(init: bytes) -> list[Mp4Track]:
    """Of a header, video first."""
    moov = next(box for box in boxes(init, 0, len(init)) if box.kind == b"moov")
    found = tracks(init[moov.at : moov.end]).values()
    return sorted(found, key=lambda track: not track.is_video)


def silent_packet() -> APacket:
    """One of Opus, for the header of audio that may come later."""
    return demuxed(b"", silent_file(), "matroska")[0]


def repackaged(
    init: bytes,
    by_kind: Mapping[str, Sequence[APacket]],
    shift_s: float,
    piece: Piece,
    *,
    silence: bool,
    audio: Sequence[Sample] | None = None,
) -> bytes:
    """A piece's fragment behind `init`. `by_kind`: packets of video and audio, in the order of
    decoding; those of which `init` has no track are left out.

    Their times and `shift_s` together are those of the segment's file. `silence`: audio of Opus has
    some where nothing comes. `audio`: Opus in the place of the packets' audio, at the times of the
    segment.
    """
    runs = []
    opus = silence and any(info.codec == "opus" for info in codecs_of(init))
    for track in tracks_of(init):
        own = by_kind.get("video" if track.is_video else "audio", ())
        if audio is not None and not track.is_video:
            samples = [_moved(one, round(-track.shift_s * RATE)) for one in audio]
        elif opus and not track.is_video and track.timescale == RATE:
            begin, end = (round((at - track.shift_s) * RATE) for at in (piece.begin_s, piece.end_s))
            samples = with_silence(_heard(own, track, shift_s), begin, end)
        else:
            samples = _samples(own, track, shift_s, piece.end_s)
        runs.append(TrackRun(track.id, samples))
    return fragment(piece.number + 1, runs)


def _moved(sample: Sample, ticks: int) -> Sample:
    return replace(sample, decode=sample.decode + ticks, shown=sample.shown + ticks)


def _heard(given: Sequence[APacket], track: Mp4Track, shift_s: float) -> list[Sample]:
    """Packets of audio with their own lengths."""
    shift = Fraction(shift_s - track.shift_s).limit_denominator(1_000_000)
    made = []
    for packet in given:
        if packet.pts is not None:
            at = round((packet.pts * packet.time_base + shift) * track.timescale)
            length = round(float((packet.duration or 0) * packet.time_base) * track.timescale)
            made.append(Sample(at, at, length, True, bytes(packet)))
    return made


def _samples(
    given: Sequence[APacket], track: Mp4Track, shift_s: float, end_s: float
) -> list[Sample]:
    own = [packet for packet in given if packet.pts is not None]
    if not own:
        return []
    shift = Fraction(shift_s - track.shift_s).limit_denominator(1_000_000)
    shown = [round((packet.pts * packet.time_base + shift) * track.timescale) for packet in own]
    # Matroska has no times of decoding: in their order they are those of showing.
    decode = sorted(shown)
    lasts = [following - one for one, following in pairwise(decode)]
    lasts.append(_last(own[-1], track, decode[-1], end_s))
    return [
        Sample(at, when, max(0, length), not track.is_video or packet.is_keyframe, bytes(packet))
        for packet, at, when, length in zip(own, decode, shown, lasts, strict=True)
    ]


def _last(packet: APacket, track: Mp4Track, decode: int, end_s: float) -> int:
    """How long the last sample lasts: up to the piece's end, of audio as long as it says."""
    if not track.is_video and packet.duration:
        return round(float(packet.duration * packet.time_base) * track.timescale)
    left = round((end_s - track.shift_s) * track.timescale) - decode
    return min(max(left, 1), round(_LONGEST_S * track.timescale))
