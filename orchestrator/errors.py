"""Everything that can go wrong and be told to somebody, with its HTTP status and its advice.

::

    HavenError                    500  the root; `error` says what, `detail` what to do
    ├─ InvalidRequest             422  a value we can't use
    │  └─ InvalidOutputDirectory  400  the path can't be recorded to
    ├─ NotFound                   404
    │  ├─ StreamNotFound               unknown or not live
    │  ├─ RecordingNotFound
    │  ├─ VideoNotFound                no final file at this path
    │  ├─ NotWatched                   nobody waits for the stream
    │  ├─ NothingToStop
    │  └─ NoPicture                    sound only, or not begun
    ├─ AlreadyActive              409  one recording at a time of one stream
    ├─ StillActive                409  a recording that runs can't be deleted
    ├─ StoppedWhileStarting       409  /stop came before the first frame
    ├─ Unavailable                503  this machine can't do it now
    │  ├─ FFmpegNotFound
    │  ├─ EncoderMissing
    │  ├─ TooManyRecordings            as many run as may
    │  ├─ TooManyWatches               as many streams are waited for as may be
    │  ├─ NoCapacity                   the machine has no room for one more
    │  └─ PipelineBroken               a preset that doesn't load or builds nothing
    ├─ NotEnoughDisk              507
    ├─ SourceError                502  the stream can't be received
    │  ├─ SourceRefused                wrong key, token, or no such room
    │  ├─ SourceUnreachable            nothing answers
    │  ├─ SourceGarbled                answers something that can't be understood
    │  ├─ SourceBusy              503  too many requests; `retry_after_s` where it is known
    │  ├─ NoMedia                 504  joined, and nothing to record came
    │  │  └─ NobodyPublishes           said to be live, and nobody publishes
    │  └─ UnsupportedCodec        422  published in a codec we can't receive
    ├─ EncodingFailed             500  ffmpeg ended, again and again; carries its last lines
    ├─ WorkerFailed               500  the recording's process died
    ├─ OutputLost                 500  the folder that was recorded to is gone
    └─ SettingsError              2    (exit code) a setting that can't be used
"""

from __future__ import annotations

from typing import Any, ClassVar


class HavenError(Exception):
    """What happened (`error`), what to do about it (`detail`)."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"

    def __init__(self, error: str, detail: str = "", **context: Any) -> None:
        super().__init__(error)
        self.error = error
        self.detail = detail
        self.context = context

    def __str__(self) -> str:
        return f"{self.error} {self.detail}".strip()


class InvalidRequest(HavenError):
    """A value in the request that we can't use; nothing was changed."""

    status = 422
    code = "invalid_request"


class InvalidOutputDirectory(InvalidRequest):
    """The output directory is missing, no directory, not writable or not allowed."""

    status = 400
    code = "invalid_output_directory"


class NotFound(HavenError):
    """What was asked for does not exist."""

    status = 404
    code = "not_found"


class StreamNotFound(NotFound):
    """No directory knows the stream, or it is not live."""

    code = "stream_not_found"

    def __init__(self, stream_id: str, detail: str = "") -> None:
        super().__init__(
            f"Stream not found or not live for mint_id: {stream_id}",
            detail or "Check the id, and that the stream is live now; GET /api/streams lists them.",
        )


class RecordingNotFound(NotFound):
    """No recording has this id."""

    code = "recording_not_found"

    def __init__(self, recording_id: str) -> None:
        super().__init__(
            f"No recording with id {recording_id}", "GET /api/recordings lists what there is."
        )


class VideoNotFound(NotFound):
    """No final file of a recording lies at this path."""

    code = "video_not_found"

    def __init__(self, path: str) -> None:
        super().__init__(
            f"No recording made the file {path[:400]}",
            "GET /api/videos/ lists the files that there are; others can't be added.",
        )


class NotWatched(NotFound):
    """Nobody waits for this stream."""

    code = "not_watched"

    def __init__(self, stream_id: str) -> None:
        super().__init__(
            f"Nobody waits for {stream_id}",
            "GET /api/recording/watch lists the streams that are waited for.",
        )


class NothingToStop(NotFound):
    """/stop for a stream that is not being recorded."""

    code = "nothing_to_stop"

    def __init__(self, stream_id: str) -> None:
        super().__init__(
            f"No active recording found for {stream_id}",
            "GET /api/recording/active lists what is being recorded.",
        )


class NoPicture(NotFound):
    """There is nothing to be seen: sound only, nothing recorded yet, or nothing that decodes."""

    code = "no_picture"


class AlreadyActive(HavenError):
    """/start for a stream that is being recorded."""

    status = 409
    code = "already_active"

    def __init__(self, stream_id: str) -> None:
        super().__init__(
            f"Recording already active for {stream_id}",
            "Stop it first, or watch it with GET /api/recording/status.",
        )


class StillActive(HavenError):
    """The recording has to be stopped before this can be done."""

    status = 409
    code = "still_active"


class StoppedWhileStarting(HavenError):
    """/stop ended the recording before its first frame."""

    status = 409
    code = "stopped_while_starting"


class Unavailable(HavenError):
    """This machine can't do it at present."""

    status = 503
    code = "unavailable"


class FFmpegNotFound(Unavailable):
    """No ffmpeg that runs."""

    code = "ffmpeg_not_found"

    def __init__(self, detail: str = "") -> None:
        super().__init__(
            "FFmpeg not found. Please install FFmpeg to create AV1 videos.",
            detail or "Set ORCHESTRATOR_FFMPEG to one; `orchestrator doctor` says what was tried.",
        )


class EncoderMissing(Unavailable):
    """The ffmpeg in use lacks an encoder of the pipeline."""

    code = "encoder_missing"


class TooManyRecordings(Unavailable):
    """As many recordings run as the setting `max_recordings` allows."""

    code = "too_many_recordings"


class NoCapacity(Unavailable):
    """The machine has no room for it; the context has the numbers, and what would fit (`fits`)."""

    code = "no_capacity"


class TooManyWatches(Unavailable):
    """As many streams are waited for as may be."""

    code = "too_many_watches"


class PipelineBroken(Unavailable):
    """A preset file that doesn't load, or whose function doesn't give an output."""

    code = "pipeline_broken"


class NotEnoughDisk(HavenError):
    """Less space than the reserve is free where the file would go."""

    status = 507
    code = "not_enough_disk"


class SourceError(HavenError):
    """The stream can't be received."""

    status = 502
    code = "source_failed"


class SourceRefused(SourceError):
    """The server answered, and refuses us: key, token or room."""

    code = "source_refused"


class SourceUnreachable(SourceError):
    """Nothing answers at the address."""

    code = "source_unreachable"


class SourceGarbled(SourceError):
    """Something answers, and not as it should: no JSON, or JSON of another shape."""

    code = "source_garbled"


class SourceBusy(SourceError):
    """We are asked to wait; `context["retry_after_s"]` has the seconds where they are known."""

    status = 503
    code = "source_busy"


class NoMedia(SourceError):
    """Joined, but nothing that can be recorded came in time."""

    status = 504
    code = "no_media"


class NobodyPublishes(NoMedia):
    """The directory says that the stream is live, but nobody publishes in its room."""

    code = "nobody_publishes"


class UnsupportedCodec(SourceError):
    """Published only in a codec that can't be received."""

    status = 422
    code = "unsupported_codec"


class EncodingFailed(HavenError):
    """ffmpeg ended again and again; `context["stderr"]` has its last lines."""

    code = "encoding_failed"


class WorkerFailed(HavenError):
    """The process of the recording died, or never answered."""

    code = "worker_failed"


class OutputLost(HavenError):
    """The folder of a recording disappeared while it was being recorded to."""

    code = "output_lost"


class SettingsError(HavenError):
    """A setting that is unknown or has a value that can't be used."""

    code = "settings"
    exit_code: ClassVar[int] = 2


def _tree(cls: type[HavenError]) -> list[type[HavenError]]:
    return [cls, *(below for sub in cls.__subclasses__() for below in _tree(sub))]


def restore(code: str, error: str, detail: str) -> HavenError:
    """The error that another process recorded in the catalog, with its class and status again."""
    cls = {c.code: c for c in _tree(HavenError)}.get(code, HavenError)
    restored = cls.__new__(cls)
    HavenError.__init__(restored, error, detail)
    return restored
