"""A recording's live figures: its worker measures them once a second, its row has them as JSON.

None is a figure that was not measured. A row of another version is read as far as it goes: a figure
that is missing, of another type or not finite is None, and an unknown one is ignored.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Self, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    FiniteFloat,
    ModelWrapValidatorHandler,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapSerializer,
    WrapValidator,
    model_validator,
)

from orchestrator.catalog.models import Recording
from orchestrator.monitor.usage import Usage

_N = TypeVar("_N", int, float)


def _or_none(value: Any, read: ValidatorFunctionWrapHandler) -> Any:
    try:
        return read(value)
    except (ValidationError, OverflowError):
        return None


def _or_empty(value: Any, read: ValidatorFunctionWrapHandler) -> Any:
    return _or_none(value, read) or ()


def _rounded(value: Any) -> Any:
    return round(value) if isinstance(value, float) else value


_Number = Annotated[FiniteFloat | None, WrapValidator(_or_none)]
_Whole = Annotated[int | None, BeforeValidator(_rounded), WrapValidator(_or_none)]
_Text = Annotated[str | None, WrapValidator(_or_none)]
_Texts = Annotated[tuple[str, ...], WrapValidator(_or_empty)]
_Colors = Annotated[tuple[int, int, int, bool] | None, WrapValidator(_or_none)]
_Moment = Annotated[
    datetime | None,
    PlainSerializer(lambda moment: moment and moment.isoformat()),
    WrapValidator(_or_none),
]


class _Group(BaseModel):
    """Figures that belong together; what is no such group is read as an empty one."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    @model_validator(mode="wrap")
    @classmethod
    def _or_without_figures(cls, given: Any, read: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return read(given)
        except ValidationError:
            return read({})


def _null_if_empty(group: _Group, write: SerializerFunctionWrapHandler) -> Any:
    return write(group) if group.model_fields_set else None


_NullIfEmpty = WrapSerializer(_null_if_empty)


class VideoFigures(_Group):
    """The video, from the source to the pipe."""

    codec: _Text = None
    width: _Whole = None
    """Of the frames in the file."""
    height: _Whole = None
    colors: _Colors = None
    """The fields of media.Colors."""
    received: _Whole = None
    late: _Whole = None
    filled: _Whole = None
    dropped: _Whole = None
    no_video_since: _Moment = None
    no_video_reason: _Text = None
    written: _Whole = None
    fps: _Number = None
    planned_fps: _Number = None
    """What the encoder plans with."""

    @property
    def published(self) -> bool:
        """Whether there is video; an older row that doesn't say had it."""
        return self.codec is not None or "codec" not in self.model_fields_set


class AudioFigures(_Group):
    """The audio, from the source to the queue, in seconds."""

    received_s: _Number = None
    written_s: _Number = None
    filled_s: _Number = None
    concealed_s: _Number = None
    late_s: _Number = None
    dropped_s: _Number = None
    no_audio_since: _Moment = None
    no_audio_reason: _Text = None


class QueueFigures(_Group):
    """Raw frames and audio that wait for ffmpeg."""

    bytes: _Whole = None
    peak_bytes: _Whole = None
    limit_bytes: _Whole = None


class SourceFigures(_Group):
    """The connection to the stream."""

    state: _Text = None
    participants: _Whole = None
    packets_received: _Whole = None
    packets_lost: _Whole = None
    frames_undecodable: _Whole = None
    """Left out of a copy, as one that they need is missing; other workers report 0."""
    frames_undecryptable: _Whole = None
    """End-to-end encrypted ones that no key decrypts, and those that need one of them."""
    reconnects: _Whole = None
    sender_reports: _Whole = None
    drift_ppm: _Number = None


class EncoderFigures(_Group):
    """What the running ffmpeg reports of itself."""

    log: _Text = None
    """Name of its log in the work folder."""
    progress_age_s: _Number = None
    """Time since it made progress."""
    frames: _Whole = None
    dropped: _Whole = None
    fps: _Number = None
    speed: _Number = None
    bitrate_bps: _Number = None
    size_bytes: _Whole = None
    out_time_s: _Number = None


class ProcessFigures(_Group):
    """What one process uses (monitor.usage.Usage)."""

    pid: _Whole = None
    since: _Moment = None
    cpu_cores: _Number = None
    cpu_cores_1m: _Number = None
    cpu_seconds: _Number = None
    rss_bytes: _Whole = None
    threads: _Whole = None
    written_bytes: _Whole = None
    nice: _Whole = None

    @classmethod
    def of(cls, usage: Usage | None) -> ProcessFigures:
        """The sample; without figures if there is none."""
        return cls() if usage is None else cls.model_validate(usage, from_attributes=True)


class ProcessesFigures(_Group):
    """The recording's own processes; without figures where there is none."""

    worker: Annotated[ProcessFigures, _NullIfEmpty] = ProcessFigures()
    ffmpeg: Annotated[ProcessFigures, _NullIfEmpty] = ProcessFigures()
    input: Annotated[ProcessFigures, _NullIfEmpty] = ProcessFigures()
    """The ffmpeg that receives for the worker, where one does."""

    @property
    def reported(self) -> tuple[ProcessFigures, ...]:
        """Those that run."""
        return tuple(
            each for each in (self.worker, self.ffmpeg, self.input) if each.model_fields_set
        )


class LiveFigures(_Group):
    """All that a worker reports."""

    video: VideoFigures = VideoFigures()
    audio: AudioFigures = AudioFigures()
    queue: QueueFigures = QueueFigures()
    source: SourceFigures = SourceFigures()
    encoder: Annotated[EncoderFigures, _NullIfEmpty] = EncoderFigures()
    measured_cores: _Number = None
    """Cores in use by all processes, averaged (worker.status_report.Average)."""
    processes: ProcessesFigures = ProcessesFigures()
    encoding: _Text = None
    """The state of ffmpeg's supervisor (encoding.process.states)."""
    restarts: _Whole = None
    warnings: _Texts = ()
    first_frame_s: _Number = None
    """From the start of the worker to the first frame in a pipe."""
    duration_s: _Number = None
    pipe_bytes: _Whole = None
    refused: _Whole = None
    """Frames and blocks of audio that could not be written to any ffmpeg."""
    part: _Whole = None
    speed_step: _Whole = None
    """Of the segment that was begun last."""
    retry_after_s: _Number = None
    """Of a failed recording: how long the stream's server asked to wait."""

    @classmethod
    def of(cls, recording: Recording) -> LiveFigures:
        """What its worker reported last; a new row has no figures."""
        return cls.model_validate(recording.figures or {})

    def as_json(self) -> dict[str, Any]:
        """For the row: the figures that were set, under their names here."""
        return self.model_dump(mode="json", exclude_unset=True)


def total(values: Iterable[_N | None]) -> _N | None:
    """The sum, or None if any value is unknown or there is none."""
    numbers = list(values)
    known = [n for n in numbers if n is not None]
    return sum(known) if known and len(known) == len(numbers) else None
