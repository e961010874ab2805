"""The report of `orchestrator inspect` as table rows. Pure; unmeasured values say so."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Final

from orchestrator.cli.formatting import UNKNOWN, number, plain, size
from orchestrator.mediafiles.inspect.findings import clock
from orchestrator.mediafiles.inspect.report import (
    AudioContent,
    AudioReport,
    Decoding,
    Inspection,
    SizeChange,
    Stretches,
    Traffic,
    VideoReport,
)
from orchestrator.mediafiles.media_file import name_of

NOT_MEASURED: Final = "not measured"

DULL_TAGS: Final = frozenset(("major_brand", "minor_version", "compatible_brands"))
"""Tags that every MP4 has; --json has them all."""

TAGS: Final = 10
"""Most tags shown, so that the report fits on a screen."""

Row = tuple[str, str]


def rows(report: Inspection) -> list[Row]:
    """Name and value of each line."""
    streams: list[VideoReport | AudioReport] = [*report.video, *report.audio]
    streams.sort(key=lambda stream: stream.index)
    of_streams = [row for stream in streams for row in _stream(stream)]
    return [*_file(report), *of_streams, *_other(report), *_offsets(report)]


def _file(report: Inspection) -> Iterator[Row]:
    yield "file", plain(report.path)
    lasts_s = report.measured_duration_s
    stated = "" if report.duration_s is None else f" ({_clock(report.duration_s)} by its header)"
    rate = _rate(report.bitrate_bps)
    yield (
        "container",
        f"{report.container}, {size(report.size_bytes)}, {_clock(lasts_s)}{stated}, {rate}",
    )
    if not report.decoded:
        yield "read", "packets only (--fast); only the first frame of each video was decoded"
    shown = [(name, value) for name, value in report.tags.items() if name not in DULL_TAGS]
    for name, value in shown[:TAGS]:
        yield f"  {plain(name)}", plain(value)


def _stream(stream: VideoReport | AudioReport) -> Iterator[Row]:
    return _video(stream) if isinstance(stream, VideoReport) else _audio(stream)


def _video(video: VideoReport) -> Iterator[Row]:
    header, times = video.header, video.times
    named = f"{header.codec} {header.profile or ''}".strip()
    fps = f"{number(header.average_fps, '.2f')} fps by its header"
    frames = f"{header.width}x{header.height} {header.pixel_format or ''}".strip() + _shown(video)
    yield f"video {video.index}", f"{named}, {frames}, {fps}, {_rate(video.traffic.bitrate_bps)}"
    yield from _name(header.tags)
    if header.sample_aspect_ratio not in (None, "1:1"):
        yield "  pixels", f"sample aspect ratio {header.sample_aspect_ratio}"
    if video.display is not None and video.display.rotation_deg:
        yield "  rotation", f"{video.display.rotation_deg:+d}° counterclockwise (display matrix)"
    yield "  frames", _counted(video.traffic, video.decoding)
    yield "  from, to", _extent(video.start_s, video.end_s)
    yield "  rate", f"{_fps(times.mean_fps)} mean, {_fps(times.median_fps)} median"
    yield "  intervals", _intervals(video)
    yield "  gaps", _stretches(times.gaps, over_s=times.gap_threshold_s)
    back = times.backward_times.count
    if times.duplicate_times or back or times.missing_times:
        odd = f"{times.duplicate_times} duplicate, {back} backwards, {times.missing_times} missing"
        yield "  times", odd
    yield "  keyframes", _key_frames(video)
    if video.sizes:
        yield "  sizes", ", ".join(_size(size) for size in video.sizes)
    yield "  still", _stretches(video.still)
    yield "  black", _stretches(video.black)


def _name(tags: Mapping[str, str]) -> Iterator[Row]:
    if name := name_of(tags):
        yield "  name", plain(name)


def _shown(video: VideoReport) -> str:
    """The displayed size, where it differs from the stored one."""
    header, display = video.header, video.display
    if display is None or (display.width, display.height) == (header.width, header.height):
        return ""
    return f" shown as {display.width}x{display.height}"


def _size(size: SizeChange) -> str:
    return f"{size.width}x{size.height} at {UNKNOWN if size.at_s is None else clock(size.at_s)}"


def _intervals(video: VideoReport) -> str:
    times = video.times
    if times.interval_median_s is None:
        return NOT_MEASURED
    high = f"p95 {_ms(times.interval_p95_s)}, longest {_ms(times.interval_max_s)}"
    jitter = f"jitter {_ms(times.jitter_s)}; time unit {video.header.time_base} s"
    return f"median {_ms(times.interval_median_s)}, {high}; {jitter}"


def _key_frames(video: VideoReport) -> str:
    keys = video.key_frames
    if keys.interval_mean_s is None:
        return str(keys.count)
    return f"{keys.count}, every {keys.interval_mean_s:.2f} s, at most {keys.interval_max_s:.2f} s"


def _audio(audio: AudioReport) -> Iterator[Row]:
    header, content = audio.header, audio.sound
    named = f"{header.codec} {header.profile or ''}".strip()
    format = f"{number(header.sample_rate)} Hz {header.layout} {header.sample_format or ''}".strip()
    yield f"audio {audio.index}", f"{named}, {format}, {_rate(audio.traffic.bitrate_bps)}"
    yield from _name(header.tags)
    yield "  frames", _counted(audio.traffic, audio.decoding)
    yield "  from, to", _extent(audio.start_s, audio.end_s)
    if content is None:
        yield "  level", NOT_MEASURED
        return
    yield "  samples", f"{content.samples} decoded, {content.samples_expected} by the times"
    yield "  gaps", _stretches(content.gaps)
    if content.unsent.count:
        yield "  not sent", f"{_stretches(content.unsent)} (Opus DTX)"
    if content.overlaps.count:
        yield "  overlaps", _stretches(content.overlaps)
    yield "  silence", _stretches(content.silence)
    yield "  level", _level(content)


def _level(content: AudioContent) -> str:
    full = f"{number(content.full_scale_samples)} samples at full scale"
    return f"{_dbfs(content.peak)} peak, {_dbfs(content.rms)} RMS, {full}"


def _dbfs(level: float | None) -> str:
    if level is None:
        return NOT_MEASURED
    return f"{20 * math.log10(level):.1f} dBFS" if level else "digital silence"


def _counted(traffic: Traffic, decoding: Decoding | None) -> str:
    packets = f"{traffic.packets} packets"
    if traffic.corrupt_packets:
        packets += f" ({traffic.corrupt_packets} damaged)"
    if traffic.hidden_packets:
        packets += f" ({traffic.hidden_packets} decoded, not displayed)"
    if decoding is None:
        return f"{packets}; decoded: {NOT_MEASURED}"
    errors = f"decode errors {decoding.errors}, damaged frames {decoding.corrupt_frames}"
    return f"{decoding.frames} of {packets}; {errors}"


def _stretches(stretches: Stretches | None, *, over_s: float | None = None) -> str:
    if stretches is None:
        return NOT_MEASURED
    beyond = "" if over_s is None else f" over {_ms(over_s)}"
    if not stretches.count:
        return f"none{beyond}"
    some = stretches.longest[:3]
    listed = ", ".join(f"{one.duration_s:.3f} s at {clock(one.at_s)}" for one in some)
    longest = "" if stretches.count == 1 else f"; {stretches.total_s:.3f} s in all; the longest"
    return f"{stretches.count}{beyond}{longest}: {listed}"


def _other(report: Inspection) -> Iterator[Row]:
    for other in report.other:
        codec = other.codec or "unknown codec"
        yield f"{other.kind} {other.index}", f"{codec}, {other.packets} packets"


def _offsets(report: Inspection) -> Iterator[Row]:
    if report.start_offset_s is not None and report.end_offset_s is not None:
        start_ms, end_ms = report.start_offset_s * 1000, report.end_offset_s * 1000
        yield "offset", f"audio begins {start_ms:+.0f} ms, ends {end_ms:+.0f} ms from the video"


def _extent(start_s: float | None, end_s: float | None) -> str:
    return f"{number(start_s, '.3f')} s, {number(end_s, '.3f')} s"


def _clock(moment_s: float | None) -> str:
    return NOT_MEASURED if moment_s is None else clock(moment_s)


def _rate(bitrate_bps: float | None) -> str:
    return f"{number(None if bitrate_bps is None else bitrate_bps / 1000)} kbit/s"


def _fps(fps: float | None) -> str:
    return f"{number(fps, '.2f')} fps"


def _ms(duration_s: float | None) -> str:
    return f"{number(None if duration_s is None else duration_s * 1000, '.1f')} ms"
