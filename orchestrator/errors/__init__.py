"""All errors that users see, with their HTTP status, what happened, and what to do.

::

    HavenError                    500  the root; `error` says what, `detail` what to do
    ├─ InvalidRequest             422  a bad value
    │  ├─ InvalidOutputDirectory  400  the path can't hold recordings
    │  ├─ UnusableOffer                a publisher's offer that can't be answered
    │  └─ NoIceRestart                 a publisher asks for one
    ├─ NotFound                   404
    │  ├─ StreamNotFound               unknown or not live
    │  ├─ RecordingNotFound
    │  ├─ EncodeNotFound
    │  ├─ OutputNotFound
    │  ├─ DeliveryNotFound             no such web hook delivery
    │  ├─ SidecarNotFound              no such file beside a recording's
    │  ├─ UploadedFileNotFound         no such file at an upload target
    │  ├─ VideoNotFound                no final file at this path
    │  ├─ NotWatched                   the stream isn't watched
    │  ├─ NotAdded                     no stream with a name of its own has this id
    │  ├─ PublisherNotFound            a publisher's session that has ended
    │  ├─ NothingToStop
    │  ├─ NothingToPause
    │  └─ NoFrame                    audio only, or nothing recorded yet
    ├─ AlreadyActive              409  the stream is being recorded
    ├─ AlreadyEncoding            409  the recording is in the queue of encodes
    ├─ StreamExists           409  a stream with a name of its own has this id
    ├─ StreamConfigured       409  the settings define the stream
    ├─ StillActive                409  the recording or its encode has to end first
    ├─ HlsImpossible              409  no HLS of this recording: its codecs, or no media
    ├─ OutputConflict             409  not in this state of the recording or its output
    ├─ PauseConflict              409  not in this state of the recording
    ├─ StoppedWhileStarting       409  /stop came before the first frame
    ├─ Unavailable                503  not possible on this machine now
    │  ├─ FFmpegNotFound
    │  ├─ HlsNotReady                  nothing of the recording can be played yet
    │  ├─ EncoderMissing
    │  ├─ TooManyRecordings            max_recordings is reached
    │  ├─ TooManyWatches               the limit of watches is reached
    │  ├─ TooManyStreams               the limit of added streams is reached
    │  ├─ TooManyEncodes               the queue of encodes is full
    │  ├─ TooManyOutputs               a recording has as many outputs as it may have
    │  ├─ TooManyPublishers            max_publishers is reached
    │  ├─ NoCapacity                   too little CPU for another recording
    │  ├─ PipelineBroken               a pipeline that doesn't load or build
    │  └─ LayoutBroken                 a layout that doesn't load, raises or returns nonsense
    ├─ WrongStreamKey             401  of a publisher
    ├─ StaleSession               412  a publisher's ETag is another one
    ├─ WrongMediaType             415  a body that isn't SDP
    ├─ SessionTagMissing          428  a publisher's PATCH without its ETag
    ├─ NotEnoughDisk              507
    ├─ SourceError                502  the stream can't be received
    │  ├─ SourceRefused                wrong key or token, or no such room
    │  │  └─ NotLive           404  its server says that nobody publishes it now
    │  ├─ SourceUnreachable            no answer
    │  ├─ SourceGarbled                an answer that can't be parsed
    │  ├─ SourceBusy              503  too many requests; `retry_after_s` if known
    │  ├─ NoMedia                 504  joined, but no media came
    │  │  ├─ NobodyPublishes           listed as live, but nobody publishes
    │  │  └─ EverybodyMuted            everything published is muted
    │  ├─ UnsupportedCodec        422  no codec that can be received
    │  ├─ EndToEndEncrypted       422  no key, or not the right one
    │  └─ VideoTooLarge           422  larger than max_frame_pixels
    ├─ UploadError                502  files can't be uploaded; `lasting` ones fail at once
    │  ├─ UploadDenied                 wrong keys, or not allowed
    │  ├─ BucketMissing                no such bucket, container or folder
    │  ├─ UploadRefused                for another reason that stays
    │  ├─ UploadUnreachable            no answer
    │  ├─ UploadBusy                   5xx, 429, full
    │  ├─ ClockWrong                   the clocks differ too much
    │  ├─ UploadGarbled                not an answer of object storage
    │  ├─ UploadMismatch               what lies there isn't what was sent
    │  ├─ FileGone                     the file isn't there any more
    │  └─ UploadHindered               something of this machine is in the way
    ├─ SourceDamaged              422  a file to encode again can't be decoded whole
    ├─ EncodingFailed             500  ffmpeg failed repeatedly; has its last lines
    ├─ WorkerFailed               500  the worker process died
    ├─ FilesNotDeleted            500  a recording's files can't be deleted
    ├─ OutputLost                 500  the output folder disappeared
    ├─ PushFailed                 502  a recording can't be sent to another server now
    └─ SettingsError              2    (exit code) a bad setting
"""

from __future__ import annotations

from typing import Any

from orchestrator.errors.base import HavenError
from orchestrator.errors.machine import (
    EncoderMissing,
    FFmpegNotFound,
    HlsNotReady,
    LayoutBroken,
    NoCapacity,
    NotEnoughDisk,
    PipelineBroken,
    TooManyOutputs,
    TooManyRecordings,
    TooManyStreams,
    TooManyWatches,
    Unavailable,
)
from orchestrator.errors.publishing import (
    NoIceRestart,
    PublisherNotFound,
    SessionTagMissing,
    StaleSession,
    TooManyPublishers,
    UnusableOffer,
    WrongMediaType,
    WrongStreamKey,
)
from orchestrator.errors.recording import (
    EncodingFailed,
    FilesNotDeleted,
    OutputLost,
    PushFailed,
    WorkerFailed,
)
from orchestrator.errors.requests import (
    AlreadyActive,
    DeliveryNotFound,
    HlsImpossible,
    InvalidOutputDirectory,
    InvalidRequest,
    NoFrame,
    NotAdded,
    NotFound,
    NothingToPause,
    NothingToStop,
    NotWatched,
    OutputConflict,
    OutputNotFound,
    PauseConflict,
    RecordingNotFound,
    SidecarNotFound,
    StillActive,
    StoppedWhileStarting,
    StreamConfigured,
    StreamExists,
    StreamNotFound,
    UploadedFileNotFound,
    VideoNotFound,
)
from orchestrator.errors.settings import SettingsError
from orchestrator.errors.sources import (
    EndToEndEncrypted,
    EverybodyMuted,
    NobodyPublishes,
    NoMedia,
    NotLive,
    SourceBusy,
    SourceError,
    SourceGarbled,
    SourceRefused,
    SourceUnreachable,
    UnsupportedCodec,
    VideoTooLarge,
)
from orchestrator.errors.transcoding import (
    AlreadyEncoding,
    EncodeNotFound,
    SourceDamaged,
    TooManyEncodes,
)
from orchestrator.errors.uploads import (
    BucketMissing,
    ClockWrong,
    FileGone,
    UploadBusy,
    UploadDenied,
    UploadError,
    UploadGarbled,
    UploadHindered,
    UploadMismatch,
    UploadRefused,
    UploadUnreachable,
)

__all__ = [
    "AlreadyActive",
    "AlreadyEncoding",
    "BucketMissing",
    "ClockWrong",
    "DeliveryNotFound",
    "EncodeNotFound",
    "EncoderMissing",
    "EncodingFailed",
    "EndToEndEncrypted",
    "EverybodyMuted",
    "FFmpegNotFound",
    "FileGone",
    "FilesNotDeleted",
    "HavenError",
    "HlsImpossible",
    "HlsNotReady",
    "InvalidOutputDirectory",
    "InvalidRequest",
    "LayoutBroken",
    "NoCapacity",
    "NoFrame",
    "NoIceRestart",
    "NoMedia",
    "NobodyPublishes",
    "NotAdded",
    "NotEnoughDisk",
    "NotFound",
    "NotLive",
    "NotWatched",
    "NothingToPause",
    "NothingToStop",
    "OutputConflict",
    "OutputLost",
    "OutputNotFound",
    "PauseConflict",
    "PipelineBroken",
    "PublisherNotFound",
    "PushFailed",
    "RecordingNotFound",
    "SessionTagMissing",
    "SettingsError",
    "SidecarNotFound",
    "SourceBusy",
    "SourceDamaged",
    "SourceError",
    "SourceGarbled",
    "SourceRefused",
    "SourceUnreachable",
    "StaleSession",
    "StillActive",
    "StoppedWhileStarting",
    "StreamConfigured",
    "StreamExists",
    "StreamNotFound",
    "TooManyEncodes",
    "TooManyOutputs",
    "TooManyPublishers",
    "TooManyRecordings",
    "TooManyStreams",
    "TooManyWatches",
    "Unavailable",
    "UnsupportedCodec",
    "UnusableOffer",
    "UploadBusy",
    "UploadDenied",
    "UploadError",
    "UploadGarbled",
    "UploadHindered",
    "UploadMismatch",
    "UploadRefused",
    "UploadUnreachable",
    "UploadedFileNotFound",
    "VideoNotFound",
    "VideoTooLarge",
    "WorkerFailed",
    "WrongMediaType",
    "WrongStreamKey",
    "restore",
]


def _tree(cls: type[HavenError]) -> list[type[HavenError]]:
    return [cls, *(below for sub in cls.__subclasses__() for below in _tree(sub))]


def restore(code: str, error: str, detail: str, **context: Any) -> HavenError:
    """The error that another process wrote to the catalog, with its class and status."""
    cls = {c.code: c for c in _tree(HavenError)}.get(code, HavenError)
    restored = cls.__new__(cls)
    HavenError.__init__(restored, error, detail, **context)
    return restored
