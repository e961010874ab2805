"""What a decoder needs, in the form that Matroska and MP4 have it: made by libavformat.

It writes a header without any packet from the parameter sets of a keyframe, and reads it again.
Nothing is decoded, and no encoder is opened.
"""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Final

import av

from orchestrator.media import AUDIO_CHANNELS, AUDIO_RATE, EncodedFrame, TrackKind
from orchestrator.stream_copy.bitstreams import parameter_sets
from orchestrator.stream_copy.ebml import element, unsigned
from orchestrator.stream_copy.matroska import CLUSTER, OPUS_HEAD, TrackEntry, header
from orchestrator.stream_copy.track import Track

NO_BLOCKS: Final = element(CLUSTER, unsigned(0xE7, 0))
"""An empty cluster: without one libavformat finds no end of the header."""

LARGEST: Final = 2048
"""Bytes of a track's parameter sets; they have some dozen. A file has room for a hundred tracks."""


def entry_of(track: Track, number: int, first: EncodedFrame, *, default: bool) -> TrackEntry:
    """The track's header, by its first frame. ValueError where that doesn't tell what it takes."""
    private = parameter_sets(first)
    if track.kind is TrackKind.AUDIO:
        return _audio_entry(track, number, first, default=default)
    given = TrackEntry(track, number, private, first.width, first.height, default=default)
    if track.codec not in ("h264", "h265", "av1"):
        return given
    if not private:
        raise ValueError("its keyframe has no parameter sets")
    if len(private) > LARGEST:
        raise ValueError(f"it has {len(private)} bytes of parameter sets, of {LARGEST} at most")
    try:
        return replace(given, private=_converted(given))
    except (av.FFmpegError, IndexError) as error:
        raise ValueError(f"its parameter sets can't be read: {error}") from error


def _audio_entry(track: Track, number: int, first: EncodedFrame, *, default: bool) -> TrackEntry:
    private = OPUS_HEAD if track.codec == "opus" else first.private
    if track.codec == "aac" and not private:
        raise ValueError(f"nothing says how {track.name!r} is to be decoded")
    rate, channels = first.rate or AUDIO_RATE, first.channels or AUDIO_CHANNELS
    return TrackEntry(
        track, number, private[:LARGEST], rate=rate, channels=channels, default=default
    )


def _converted(entry: TrackEntry) -> bytes:
    raw = header("matroska", [entry], {}).data + NO_BLOCKS
    made = io.BytesIO()
    options = {"flush_packets": "1"}
    with (
        av.open(io.BytesIO(raw), format="matroska") as given,
        av.open(made, "w", format="matroska", options=options) as output,
    ):
        output.add_stream_from_template(given.streams[0], opaque=True)
        output.start_encoding()
        written = made.getvalue()
    with av.open(io.BytesIO(written + NO_BLOCKS), format="matroska") as converted:
        return converted.streams[0].codec_context.extradata or b""
