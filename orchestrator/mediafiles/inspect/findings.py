"""The findings of an inspection: what is wrong with a file, and what isn't. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from orchestrator.mediafiles.inspect.report import (
    AudioContent,
    AudioReport,
    Display,
    Inspection,
    Stretch,
    Stretches,
    VideoReport,
)
from orchestrator.mediafiles.media_file import name_of

Verdict = Literal["ok", "warning", "failed"]

TOGETHER_S: Final = 0.045
"""Audio and video that begin this close together are in sync for every viewer (ITU-R BT.1359:
audio that is 45 ms early is noticed)."""

END_S: Final = 0.5
"""Players hold the last frame; a longer remainder of one track alone is reported."""

MISSING_S: Final = 0.02
"""So much more or less audio than its times say, without a gap, is reported: one packet."""

SEEK_S: Final = 10.0
"""Keyframes further apart than this make seeking slow."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One observation. "failed": the file, or a part of it, can't be read."""

    verdict: Verdict
    stream: int | None
    """Index of the stream it is about; None for all of the file."""
    text: str


def findings(found: Inspection) -> list[Finding]:
    """All findings, in the order of the report."""
    return [
        *_file(found),
        *(
            one
            for video in found.video
            for one in _video(video, _label("video", video, found.video))
        ),
        *(
            one
            for audio in found.audio
            for one in _audio(audio, _label("audio", audio, found.audio))
        ),
        *_offsets(found),
    ]


def clock(moment_s: float) -> str:
    """A position as a player shows it: `0:14.2`, hours only where there are some."""
    minutes, seconds = divmod(round(abs(moment_s), 1), 60)
    hours, minutes = divmod(int(minutes), 60)
    shown = f"{hours}:{minutes:02}:{seconds:04.1f}" if hours else f"{minutes}:{seconds:04.1f}"
    return f"-{shown}" if moment_s < 0 else shown


def _label(kind: str, one: VideoReport | AudioReport, of_kind: Sequence[object]) -> str:
    """What it is called: by its name where there are several."""
    if len(of_kind) < 2:
        return kind
    return f"{kind} {name_of(one.header.tags) or one.index}"


def _file(found: Inspection) -> Iterator[Finding]:
    if found.error is not None:
        yield Finding("failed", None, f"The file is damaged: {found.error}")
    media = [other for other in found.other if other.kind in ("video", "audio")]
    unread = [other for other in media if other.codec is None]
    for other in unread:
        text = f"Stream {other.index} ({other.kind}) has a codec that can't be decoded here."
        yield Finding("failed", other.index, text)
    for kind, streams in (("video", found.video), ("audio", found.audio)):
        if not streams and kind not in {other.kind for other in unread}:
            yield Finding("warning", None, f"The file has no {kind}.")


def _video(video: VideoReport, label: str) -> Iterator[Finding]:
    def warning(text: str) -> Finding:
        return Finding("warning", video.index, text)

    yield from _damage(video, label)
    times = video.times
    yield from _gaps(video, times.gaps, f"The {label} pauses", f"The {label} has no gap.")
    if times.duplicate_times:
        yield warning(f"{_frames(times.duplicate_times)} the same time as the frame before.")
    if times.backward_times.count:
        yield warning(f"Frame times go backwards {_some(times.backward_times)}.")
    if times.missing_times:
        yield warning(f"{_frames(times.missing_times)} no time.")
    if _wanders(video):
        ms = (times.jitter_s or 0) * 1000
        yield warning(f"The frame rate varies: one interval in 20 is over {ms:.0f} ms off.")
    if video.size_changes:
        yield warning(_sizes(video))
    if video.display is not None and video.display.rotation_deg:
        yield Finding("ok", video.index, _turned(video.display))
    if video.still is not None and video.still.count:
        yield warning(f"The {label} is frozen {_some(video.still)}.")
    if video.black is not None and video.black.count:
        yield warning(f"The {label} is black {_some(video.black)}.")
    if (video.key_frames.interval_max_s or 0) > SEEK_S:
        far_s = video.key_frames.interval_max_s
        yield warning(f"Keyframes are up to {far_s:.1f} s apart: seeking is coarse.")


def _turned(display: Display) -> str:
    degrees, shown = display.rotation_deg, f"{display.width}x{display.height}"
    which = "counterclockwise" if degrees > 0 else "clockwise"
    return f"Players rotate the video by {abs(degrees)}° {which} and show it as {shown}."


def _frames(count: int) -> str:
    return "1 frame has" if count == 1 else f"{count} frames have"


def _wanders(video: VideoReport) -> bool:
    jitter_s, median_s = video.times.jitter_s, video.times.interval_median_s
    return jitter_s is not None and median_s is not None and jitter_s > median_s / 2


def _sizes(video: VideoReport) -> str:
    listed = [f"{one.width}x{one.height} at {_at(one.at_s)}" for one in video.sizes[:3]]
    more = " and more" if (video.size_changes or 0) > len(listed) else ""
    often = _times(video.size_changes or 0)
    return f"The frame size changes {often}: {', '.join(listed)}{more}."


def _at(moment_s: float | None) -> str:
    return "an unknown time" if moment_s is None else clock(moment_s)


def _audio(audio: AudioReport, label: str) -> Iterator[Finding]:
    yield from _damage(audio, label)
    content = audio.sound
    if content is None:
        return
    yield from _gaps(audio, content.gaps, f"The {label} has gaps:", f"The {label} has no gap.")
    if content.overlaps.count:
        text = f"Audio packets overlap {_some(content.overlaps)}."
        yield Finding("warning", audio.index, text)
    if (missing := _missing(content)) is not None:
        yield Finding("warning", audio.index, missing)
    if content.silence is not None and content.silence.count:
        yield Finding("warning", audio.index, f"The {label} is silent {_some(content.silence)}.")
    if content.full_scale_samples:
        text = (
            f"The {label} reaches full scale in {content.full_scale_samples} samples: it may clip."
        )
        yield Finding("warning", audio.index, text)


def _missing(content: AudioContent) -> str | None:
    """The sum of small deviations, none of them a gap."""
    gaps_s = content.gaps.total_s + content.unsent.total_s - content.overlaps.total_s
    less_s = (content.samples_expected - content.samples) / content.sample_rate - gaps_s
    if abs(less_s) < MISSING_S:
        return None
    word = "less" if less_s > 0 else "more"
    return f"There is {abs(less_s):.2f} s {word} audio than its times and gaps say."


def _damage(stream: VideoReport | AudioReport, kind: str) -> Iterator[Finding]:
    decoding = stream.decoding
    if stream.traffic.corrupt_packets:
        packets = _are(stream.traffic.corrupt_packets, f"{kind} packet")
        yield Finding("failed", stream.index, f"{packets} damaged or incomplete.")
    if decoding is None:
        return
    if decoding.errors:
        packets = _are(decoding.errors, f"{kind} packet")
        where = f"the first at {_at(decoding.first_error_at_s)}: {decoding.first_error}"
        yield Finding("failed", stream.index, f"{packets} not decodable, {where}.")
    if decoding.corrupt_frames:
        text = f"{_are(decoding.corrupt_frames, f'decoded {kind} frame')} damaged."
        yield Finding("failed", stream.index, text)
    if not decoding.frames:
        yield Finding("failed", stream.index, f"None of the {kind} can be decoded.")


def _are(count: int, what: str) -> str:
    return f"1 {what} is" if count == 1 else f"{count} {what}s are"


def _gaps(
    stream: VideoReport | AudioReport, gaps: Stretches | None, odd: str, well: str
) -> Iterator[Finding]:
    if gaps is not None and gaps.count:
        yield Finding("warning", stream.index, f"{odd} {_some(gaps)}.")
    elif gaps is not None and not list(_damage(stream, "")):
        yield Finding("ok", stream.index, well)


def _some(passages: Stretches) -> str:
    """`2.1 s at 0:14.2`, or `4 times, 4.5 s in all: 2.1 s at 0:14.2, ... and more`."""
    listed = ", ".join(_one(stretch) for stretch in passages.longest[:3])
    if passages.count == 1:
        return listed
    more = " and more" if passages.count > 3 else ""
    return f"{_times(passages.count)}, {_length(passages.total_s)} in all: {listed}{more}"


def _one(stretch: Stretch) -> str:
    return f"{_length(stretch.duration_s)} at {clock(stretch.at_s)}"


def _length(duration_s: float) -> str:
    if duration_s < 0.1:
        return f"{duration_s * 1000:.0f} ms"
    return f"{duration_s:.1f} s" if duration_s < 60 else clock(duration_s)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _offsets(found: Inspection) -> Iterator[Finding]:
    start_s, end_s = found.start_offset_s, found.end_offset_s
    if start_s is not None:
        yield _start(start_s)
    if end_s is not None and abs(end_s) > END_S:
        word = "after" if end_s > 0 else "before"
        yield Finding("warning", None, f"The audio ends {_length(abs(end_s))} {word} the video.")


def _start(offset_s: float) -> Finding:
    if abs(offset_s) < TOGETHER_S:
        return Finding("ok", None, "Audio and video begin together.")
    word = "after" if offset_s > 0 else "before"
    return Finding("warning", None, f"The audio begins {_length(abs(offset_s))} {word} the video.")
