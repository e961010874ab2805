"""Requests that can't be carried out as they are: bad values, unknown ids, conflicts."""

from __future__ import annotations

from orchestrator.errors.base import HavenError


class InvalidRequest(HavenError):
    """A bad value in the request; nothing was changed."""

    status = 422
    code = "invalid_request"


class InvalidOutputDirectory(InvalidRequest):
    """The output directory is missing, not a directory, not writable or not allowed."""

    status = 400
    code = "invalid_output_directory"


class NotFound(HavenError):
    """The requested object does not exist."""

    status = 404
    code = "not_found"


class StreamNotFound(NotFound):
    """No directory lists the stream, or it is not live."""

    code = "stream_not_found"

    def __init__(self, stream_id: str, detail: str = "") -> None:
        super().__init__(
            f"Stream not found or not live for mint_id: {stream_id}",
            detail or "Check the id, and that the stream is live now; GET /api/streams lists them.",
        )


class NotAdded(NotFound):
    """No stream with a name of its own has this id."""

    code = "not_added"

    def __init__(self, stream_id: str) -> None:
        super().__init__(
            f"No stream was added as {stream_id}",
            "GET /api/streams lists them; those of platforms end by themselves.",
        )


class RecordingNotFound(NotFound):
    """No recording has this id."""

    code = "recording_not_found"

    def __init__(self, recording_id: str) -> None:
        super().__init__(
            f"No recording with id {recording_id}",
            "GET /api/recordings lists all recordings; /start and /status answer with it as `id`.",
        )


class OutputNotFound(NotFound):
    """The recording has no output with this id."""

    code = "output_not_found"

    def __init__(self, id: str) -> None:
        super().__init__(
            f"The recording has no output with id {id}",
            "GET /api/recordings/{id}/outputs lists its outputs.",
        )


class SidecarNotFound(NotFound):
    """No file of this name lies beside the recording's."""

    code = "sidecar_not_found"

    def __init__(self, recording_id: str, name: str) -> None:
        super().__init__(
            f"Recording {recording_id} has no file {name[:200]!r}",
            "GET /api/recordings/{id}/sidecars lists the files beside its own.",
        )


class DeliveryNotFound(NotFound):
    """No web hook delivery has this id, or it ended long ago."""

    code = "delivery_not_found"

    def __init__(self, id: str) -> None:
        super().__init__(
            f"There is no web hook delivery {id[:64]!r}", "GET /api/webhooks/deliveries lists them."
        )


class UploadedFileNotFound(NotFound):
    """No file of this name of the recording is at an upload target."""

    code = "uploaded_file_not_found"

    def __init__(self, recording_id: str, name: str) -> None:
        super().__init__(
            f"Recording {recording_id} has no uploaded file {name[:200]!r}",
            "GET /api/recordings/{id}/uploads lists what was uploaded.",
        )


class OutputConflict(HavenError):
    """The recording or the output is in a state in which that can't be done."""

    status = 409
    code = "output_conflict"


class VideoNotFound(NotFound):
    """No finished recording has a file at this path."""

    code = "video_not_found"

    def __init__(self, path: str) -> None:
        super().__init__(
            f"No recording has the file {path[:400]}",
            "GET /api/videos/ lists the files of recordings; other files can't be added.",
        )


class NotWatched(NotFound):
    """The stream isn't watched."""

    code = "not_watched"

    def __init__(self, stream_id: str) -> None:
        super().__init__(
            f"Stream {stream_id} isn't watched",
            "GET /api/recording/watch lists the watched streams.",
        )


class NothingToStop(NotFound):
    """/stop for a stream that is not being recorded."""

    code = "nothing_to_stop"

    def __init__(self, stream_id: str) -> None:
        super().__init__(
            f"No active recording found for {stream_id}",
            "GET /api/recording/active lists the running recordings.",
        )


class NothingToPause(NotFound):
    """/pause or /resume for a stream that is not being recorded."""

    code = "nothing_to_pause"

    def __init__(self, stream_id: str) -> None:
        super().__init__(
            f"No active recording found for {stream_id}",
            "GET /api/recording/active lists the running recordings.",
        )


class PauseConflict(HavenError):
    """The recording is in a state in which it can't be paused, or not in that way."""

    status = 409
    code = "pause_conflict"


class NoFrame(NotFound):
    """There is no frame to show: audio only, nothing recorded yet, or nothing that decodes."""

    code = "no_video"


class HlsImpossible(HavenError):
    """A recording can't be had as HLS: its codecs, or it has no media."""

    status = 409
    code = "hls_impossible"

    def __init__(self, recording_id: str, why: str) -> None:
        super().__init__(
            f"Recording {recording_id} can't be played as HLS: {why}.",
            "Its file can be played once it is final; the recording itself is not affected.",
        )


class AlreadyActive(HavenError):
    """/start for a stream that is being recorded."""

    status = 409
    code = "already_active"

    def __init__(self, stream_id: str) -> None:
        super().__init__(
            f"Recording already active for {stream_id}",
            "Stop it first, or watch it with GET /api/recording/status.",
        )


class StreamExists(HavenError):
    """A stream with a name of its own has this id already."""

    status = 409
    code = "stream_exists"

    def __init__(self, stream_id: str, detail: str) -> None:
        super().__init__(f"There is a stream {stream_id} already", detail)


class StreamConfigured(HavenError):
    """The settings define the stream: no request removes it."""

    status = 409
    code = "stream_configured"

    def __init__(self, stream_id: str) -> None:
        super().__init__(
            f"The settings define stream {stream_id}",
            "Take it out of `streams` in the settings, and restart the server.",
        )


class StillActive(HavenError):
    """The recording has to be stopped first, or its stream's recording."""

    status = 409
    code = "still_active"


class StoppedWhileStarting(HavenError):
    """/stop ended the recording before its first frame."""

    status = 409
    code = "stopped_while_starting"
