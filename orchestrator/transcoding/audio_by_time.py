"""Samples of audio tracks, each laid down at its time, summed and limited as live ones are.

For the tracks of a recording that are mixed into one, and for a track with gaps: FFmpeg's aresample
fills a gap with silence that it makes all at once (1.6 GB for an hour). Blocking.
"""

from __future__ import annotations

import heapq
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from av.audio.stream import AudioStream
from av.packet import Packet

from orchestrator.errors import SourceDamaged
from orchestrator.media import AUDIO_CHANNELS, AUDIO_RATE
from orchestrator.mediafiles.media_file import opened, words
from orchestrator.pipes.fifo import Aborted, Fifo, ReaderGone
from orchestrator.pipes.limiter import Limiter
from orchestrator.pipes.mixer import GAP_SAMPLES, Mixer
from orchestrator.pipes.timeline_items import AudioItem, Samples
from orchestrator.transcoding.source import AudioTrack

GAP_S: Final = Fraction(1, 20)
"""Beyond this players may go on at once, as if nothing were missing."""

_SILENCE: Final = bytes(2 * AUDIO_CHANNELS * AUDIO_RATE)
"""One second."""

_Laid = tuple[int, int, Samples]
"""Where a frame begins, in samples; its track's index; what is in it."""


def tracks_with_gaps(path: Path) -> frozenset[int]:
    """Indexes of the audio tracks whose packets leave gaps longer than GAP_S."""
    ends: dict[int, Fraction] = {}
    found: set[int] = set()
    with opened(path) as (container, _):
        for packet in container.demux(list(container.streams.audio)):
            if packet.pts is None or not packet.duration:
                continue
            begin, index = packet.pts * packet.time_base, packet.stream_index
            if begin - ends.get(index, begin) > GAP_S:
                found.add(index)
            ends[index] = begin + packet.duration * packet.time_base
    return frozenset(found)


def laid_down(path: Path, tracks: Sequence[AudioTrack], zero: Fraction) -> Iterator[AudioItem]:
    """Their sum from `zero` (seconds in the file) to the end of the last one. SourceDamaged."""
    mixer, limiter = Mixer(), Limiter()
    frames = heapq.merge(
        *(_frames(path, track, zero) for track in tracks), key=lambda laid: laid[:2]
    )
    for begin, index, samples in frames:
        # A frame that is off by less than a gap goes right behind the one before.
        for piece in mixer.pull(begin - GAP_SAMPLES):
            yield from limiter.push(piece)
        mixer.push(str(index), begin, samples)
    for piece in mixer.pull(mixer.furthest):
        yield from limiter.push(piece)
    yield from limiter.flush()


def write_samples(fifo: Fifo, items: Iterator[AudioItem]) -> None:
    """Writes them as s16le; ends when nobody reads any more. For a thread of its own."""
    with suppress(OSError, AttributeError):
        # Of this thread alone (sched(7)), as low as the encoder that it feeds.
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    try:
        fifo.open(float("inf"))
        for item in items:
            _write(fifo, item)
    except (Aborted, ReaderGone):
        pass  # the encoder's end says why
    finally:
        fifo.close()


def _write(fifo: Fifo, item: AudioItem) -> None:
    if item.samples is not None:
        fifo.write(np.ascontiguousarray(item.samples).data)
        return
    left = item.count * 2 * AUDIO_CHANNELS
    while left > 0:
        fifo.write(memoryview(_SILENCE)[:left])
        left -= len(_SILENCE)


def _frames(path: Path, track: AudioTrack, zero: Fraction) -> Iterator[_Laid]:
    """A track's frames in stereo, in order, with where they begin."""
    end: Fraction | None = None
    with opened(path) as (container, _):
        stream = container.streams[track.index]
        assert isinstance(stream, AudioStream)
        resampler = _resampler()
        for packet in container.demux(stream):
            for frame in _decoded(path, stream, packet):
                if frame.pts is None or frame.time_base is None or not frame.samples:
                    continue
                begin = frame.pts * frame.time_base
                if end is not None and begin - end > GAP_S:
                    yield from _resampled(resampler, None, track, zero)
                    resampler = _resampler()
                yield from _resampled(resampler, frame, track, zero)
                end = begin + Fraction(frame.samples, frame.sample_rate)
        yield from _resampled(resampler, None, track, zero)


def _resampler() -> av.AudioResampler:
    return av.AudioResampler("s16", "stereo", AUDIO_RATE)


def _decoded(path: Path, stream: AudioStream, packet: Packet[Any]) -> list[av.AudioFrame]:
    try:
        return list(stream.decode(packet))
    except av.FFmpegError as error:
        at_s = float((packet.pts or 0) * packet.time_base)
        problem = f"its audio can't be decoded there ({words(error)})"
        raise SourceDamaged(path, at_s, problem) from error


def _resampled(
    resampler: av.AudioResampler, frame: av.AudioFrame | None, track: AudioTrack, zero: Fraction
) -> Iterator[_Laid]:
    for made in resampler.resample(frame):
        if made.pts is not None and made.time_base is not None and made.samples:
            begin = round((made.pts * made.time_base - zero) * AUDIO_RATE)
            samples = made.to_ndarray().reshape(-1, AUDIO_CHANNELS)
            yield begin, track.index, samples.astype(np.int16, copy=False)
