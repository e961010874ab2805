"""Compares the new file with the source before it gets its name, and before anything is removed.

Blocking. Every frame's time, where each audio track begins and ends, and that both ends and each
cut decode.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from typing import Final

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from orchestrator.errors import EncodingFailed
from orchestrator.mediafiles.media_file import Unreadable, words
from orchestrator.mediafiles.probe import probe
from orchestrator.transcoding.audio import AudioPlan
from orchestrator.transcoding.audio_copy import OFFSET_S, first_heard
from orchestrator.transcoding.joining import Parts, VideoTimes
from orchestrator.transcoding.threads import Cancelled

END_S: Final = 0.1
"""By how much an audio track may end elsewhere: an encoder fills its last packet up."""


def refuse_differences(parts: Parts, made: Path, cancelled: Cancelled) -> None:
    """EncodingFailed with the first difference."""
    try:
        found = probe(made, patient=True)
        if not found.playable:
            raise _differs(made, found.problem or "it can't be played")
        if parts.times is not None:
            _compare_video(parts.times, made)
            cuts = list(accumulate(len(record.times) for record in parts.chunks))[:-1]
            for cut in cuts:
                if cancelled():
                    return
                _decode_cut(made, parts.times, cut)
        for number, plan in enumerate(parts.audio):
            _compare_audio(parts, plan, made, number)
    except (av.FFmpegError, Unreadable) as error:
        raise _differs(made, words(error)) from error


def _compare_video(times: VideoTimes, made: Path) -> None:
    with av.open(str(made)) as container:
        stream = container.streams.video[0]
        packets = [p for p in container.demux(stream) if p.size and not p.is_discard]
        clock = stream.time_base or Fraction(1, 1000)
    shown = sorted((packet.pts or 0) * packet.time_base for packet in packets)
    if len(shown) != len(times.shown):
        raise _differs(made, f"it has {len(shown)} frames, the source {len(times.shown)}")
    if not packets[0].is_keyframe:
        raise _differs(made, "it doesn't begin with a keyframe")
    # Exactly, or to the nearest tick of a container with a clock of its own (WebM: 1 ms).
    for place, at in enumerate(shown):
        if abs(at - times.seconds(place)) > clock / 2:
            wanted_s = float(times.seconds(place))
            problem = f"frame {place} is shown at {float(at):.6f} s, not at {wanted_s:.6f} s"
            raise _differs(made, problem)


def _decode_cut(made: Path, times: VideoTimes, place: int) -> None:
    """Decodes over a cut: the frames just before it, and those after it."""
    wanted = times.shown[max(place - 3, 0) : place + 3]
    first_s = float((wanted[0] - times.zero) * times.time_base)
    last_s = float((wanted[-1] - times.zero) * times.time_base)
    seen = 0
    with av.open(str(made)) as container:
        stream = container.streams.video[0]
        assert isinstance(stream, VideoStream)
        stream.thread_type = "AUTO"
        _seek(container, first_s)
        for frame in container.decode(stream):
            if frame.is_corrupt:
                raise _differs(made, f"it doesn't decode at {frame.time:.3f} s")
            seen += first_s - 0.001 <= frame.time <= last_s + 0.001
            if frame.time > last_s + 0.001:
                break
    if seen != len(wanted):
        raise _differs(made, f"{seen} of {len(wanted)} frames decode at {first_s:.3f} s")


def _seek(container: InputContainer, at_s: float) -> None:
    container.seek(max(int(at_s * av.time_base), 0), backward=True)


def _compare_audio(parts: Parts, plan: AudioPlan, made: Path, number: int) -> None:
    begins, wanted = first_heard(made, number), plan.begins(parts.zero)
    if begins is None or abs(begins - wanted) > OFFSET_S:
        found = "isn't there" if begins is None else f"begins at {float(begins):.4f} s"
        raise _differs(made, f"audio track {number + 1} {found}, not at {float(wanted):.4f} s")
    last = max(_end_at(parts.source.path, track.index) for track in plan.tracks)
    ends, wanted_end = _end_of(made, number), last - parts.zero
    if abs(ends - wanted_end) > END_S:
        problem = f"ends at {float(ends):.3f} s, not at {float(wanted_end):.3f} s"
        raise _differs(made, f"audio track {number + 1} {problem}")


def _end_of(path: Path, number: int) -> Fraction:
    with av.open(str(path)) as container:
        index = container.streams.audio[number].index
    return _end_at(path, index)


def _end_at(path: Path, index: int) -> Fraction:
    """Of a stream's last packet."""
    end = Fraction(0)
    with av.open(str(path.absolute()), metadata_errors="replace") as container:
        for packet in container.demux(container.streams[index]):
            if packet.size and packet.pts is not None:
                end = max(end, (packet.pts + (packet.duration or 0)) * packet.time_base)
    return end


def _differs(made: Path, problem: str) -> EncodingFailed:
    return EncodingFailed(
        f"The new file differs from the source: {problem}.",
        f"The source is kept, and nothing has got its name; the new file was {made}.",
    )
