"""What an inspection found. This is the structure that `orchestrator inspect --json` prints.

Units are in the names. Every `at_s`, `start_s` and `end_s` counts from where the file begins, as a
player shows it. None (null) means not measured: there was nothing to measure, or packets only
were read. Fields are added, never renamed; `schema_version` changes if one ever has to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SCHEMA_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Stretch:
    """One passage of the file."""

    at_s: float
    duration_s: float


@dataclass(frozen=True, slots=True)
class Stretches:
    """All passages of one kind; the longest five by name, longest first."""

    count: int
    total_s: float
    longest: tuple[Stretch, ...]


@dataclass(frozen=True, slots=True)
class FrameTimes:
    """When frames are shown. Intervals are those between two times that follow each other."""

    mean_fps: float | None
    median_fps: float | None
    interval_median_s: float | None
    interval_p95_s: float | None
    interval_max_s: float | None
    jitter_s: float | None
    """95 % of the intervals are at most this far from the median."""
    gap_threshold_s: float | None
    """Intervals beyond this count as gaps: three times the median, at least 0.25 s."""
    gaps: Stretches | None
    duplicate_times: int
    backward_times: Stretches
    """Where a frame's time is before that of the one before it, and by how much."""
    missing_times: int
    """Frames without a time."""


@dataclass(frozen=True, slots=True)
class KeyFrames:
    """Packets from which decoding can begin."""

    count: int
    interval_mean_s: float | None
    interval_max_s: float | None


@dataclass(frozen=True, slots=True)
class SizeChange:
    """From here on, frames have this size."""

    at_s: float | None
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Traffic:
    """A stream's packets: what can be said without decoding."""

    packets: int
    size_bytes: int
    bitrate_bps: float | None
    corrupt_packets: int
    """Packets that the container itself calls damaged or incomplete."""
    hidden_packets: int = 0
    """Packets, counted in `packets`, that players decode but never show (an edit list)."""


@dataclass(frozen=True, slots=True)
class Decoding:
    """How decoding went."""

    frames: int
    errors: int
    """Packets that the decoder refused."""
    corrupt_frames: int
    """Frames that came with the decoder's mark that they are damaged."""
    first_error: str | None
    first_error_at_s: float | None


@dataclass(frozen=True, slots=True)
class VideoHeader:
    """What the file says of a video stream before any is decoded."""

    codec: str
    profile: str | None
    width: int
    height: int
    pixel_format: str | None
    average_fps: float | None
    time_base: str
    """The unit of its times, in seconds, like 1/90000: nothing is more exact than that."""
    tags: dict[str, str]
    sample_aspect_ratio: str | None = None
    """Width to height of a pixel, like 4:3, where pixels aren't square or it is said that they are;
    None where the file doesn't say."""


@dataclass(frozen=True, slots=True)
class Display:
    """How a player shows frames, by the first one that was decoded."""

    width: int
    height: int
    """In square pixels: sample aspect ratio and rotation taken into account."""
    rotation_deg: int
    """How far frames are turned counterclockwise, -180 to 180 (display matrix)."""


@dataclass(frozen=True, slots=True)
class VideoReport:
    """One video stream."""

    index: int
    header: VideoHeader
    start_s: float | None
    end_s: float | None
    traffic: Traffic
    decoding: Decoding | None
    times: FrameTimes
    key_frames: KeyFrames
    size_changes: int | None
    sizes: tuple[SizeChange, ...]
    """The first twenty changes."""
    still: Stretches | None
    """Two or more frames that look the same, for 0.5 s or more; black ones are counted there."""
    black: Stretches | None
    display: Display | None = None
    """None if no frame could be decoded."""


@dataclass(frozen=True, slots=True)
class AudioHeader:
    """What the file says of an audio stream before anything is decoded."""

    codec: str
    profile: str | None
    sample_rate: int | None
    channels: int
    layout: str
    sample_format: str | None
    time_base: str
    tags: dict[str, str]


@dataclass(frozen=True, slots=True)
class AudioContent:
    """What decoded audio is like. Levels: 1.0 is full scale, 0.0 is digital silence."""

    sample_rate: int
    """Of the decoder; of HE-AAC the header may say half of it."""
    samples: int
    """Of each channel."""
    samples_expected: int
    """How many fit between the first sample's time and the last one's end."""
    gaps: Stretches
    """Where a frame's time is later than the end of the one before it."""
    overlaps: Stretches
    missing_times: int
    """Frames without a time; they are taken to follow the one before."""
    silence: Stretches | None
    """Below -60 dBFS (RMS of 20 ms, all channels) for 0.5 s or more."""
    peak: float | None
    rms: float | None
    full_scale_samples: int | None
    """Samples of all channels at or beyond full scale: that many are clipped, or will be."""
    unsent: Stretches = Stretches(0, 0.0, ())
    """Where Opus sent nothing because it was quiet (DTX, RFC 6716 §2.1.9): no gaps."""


@dataclass(frozen=True, slots=True)
class AudioReport:
    """One audio stream."""

    index: int
    header: AudioHeader
    start_s: float | None
    end_s: float | None
    traffic: Traffic
    decoding: Decoding | None
    sound: AudioContent | None


@dataclass(frozen=True, slots=True)
class OtherStream:
    """Subtitles, data, a cover image, or a codec that nothing here can read."""

    index: int
    kind: str
    codec: str | None
    packets: int
    tags: dict[str, str]


@dataclass(frozen=True, slots=True)
class Inspection:
    """All of a file."""

    path: str
    size_bytes: int
    container: str
    duration_s: float | None
    """What the header states, or ffmpeg guesses from it."""
    measured_duration_s: float | None
    """From the first frame's beginning to the last one's end."""
    bitrate_bps: float | None
    """Of the whole file: its size over the measured duration."""
    tags: dict[str, str]
    decoded: bool
    """Whether frames were decoded, or packets only read."""
    error: str | None
    """Why it could not be read to its end; the report covers what came before."""
    video: tuple[VideoReport, ...]
    audio: tuple[AudioReport, ...]
    other: tuple[OtherStream, ...]
    start_offset_s: float | None
    """How much later than the first frame the audio begins; negative: before it."""
    end_offset_s: float | None
    """How much later than the last frame the audio ends."""
    schema_version: int = SCHEMA_VERSION
