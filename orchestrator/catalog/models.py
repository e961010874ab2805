"""The catalog's tables.

The server writes `Recording.wanted`; admission writes what each recording reserves and its speed
step, also for recordings that give up capacity; the worker writes everything else of its recording.
Times are aware UTC datetimes, durations float seconds, sizes bytes.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    String,
    Text,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

ACTIVE_STATES = ("starting", "recording", "reconnecting", "paused", "stopping")
"""Kept equal to recordings.states.ACTIVE by a test; the unique index below needs the literals."""

_IS_ACTIVE = text("state IN ({})".format(", ".join(f"'{s}'" for s in ACTIVE_STATES)))

NEEDS_CLEANUP = text("swept = 0 AND state = 'completed'")
TO_ENCODE = text("encode IS NOT NULL AND encode_id IS NULL AND state = 'completed'")
TO_ANNOUNCE = text("announced < 2")
HAS_NO_CHECKSUM = text("sha256 IS NULL AND integrity IS NOT NULL")
"""Conditions of partial indexes, which SQLite uses only for queries with the same condition and no
parameters in it (sqlite.org/partialindex.html)."""


class UtcDateTime(TypeDecorator[datetime]):
    """A time: an aware datetime when written, aware UTC when read (SQLite stores no time zone)."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


class Base(DeclarativeBase):
    """Root of the tables."""

    type_annotation_map = {datetime: UtcDateTime, dict[str, Any]: JSON}  # noqa: RUF012


class Recording(Base):
    """One recording: the request, its state and its result."""

    __tablename__ = "recordings"
    __table_args__ = (
        # At most one active recording of a stream, across all servers.
        Index("one_active_recording_per_stream", "mint_id", unique=True, sqlite_where=_IS_ACTIVE),
        Index("recordings_newest_first", "created_at", "id"),
        Index("recordings_of_stream", "mint_id", "created_at", "id"),
        Index("recordings_by_state", "state", "created_at", "id"),
        Index("recordings_by_folder", "work_directory", "created_at"),
        Index("recordings_unswept", "created_at", "id", sqlite_where=NEEDS_CLEANUP),
        Index("recordings_to_encode", "created_at", sqlite_where=TO_ENCODE),
        Index("recordings_to_announce", "created_at", sqlite_where=TO_ANNOUNCE),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    stream_id: Mapped[str] = mapped_column("mint_id", String(256))
    stream: Mapped[dict[str, Any]]
    """The stream as discovery described it at the start (media.Stream as a dict)."""

    output_format: Mapped[str] = mapped_column(String(16))
    """A pipeline's `FORMAT` may be longer (`loading.LONGEST_NAME`): SQLite keeps it whole."""
    pipeline: Mapped[str] = mapped_column(String(64))
    video_quality: Mapped[str] = mapped_column(String(16))
    audio_quality: Mapped[str] = mapped_column(String(16))
    video_codec: Mapped[str] = mapped_column(String(32))
    audio_codec: Mapped[str] = mapped_column(String(32))
    output_path: Mapped[str] = mapped_column(Text)
    """The path that the final file has or will have."""
    work_directory: Mapped[str] = mapped_column(Text)
    """Hidden folder beside it; deleted when the recording is completed."""
    swept: Mapped[bool] = mapped_column(default=False, server_default="0")
    """A server has checked, after the end, that the work folder is deleted or is to be kept."""
    limits: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    """Where it ends and where it is split (recordings.limits.Limits)."""
    started_by: Mapped[str] = mapped_column(String(16), default="user", server_default="user")
    """What started it: user, depin or watch (recordings.start_request)."""
    tracks: Mapped[str | None] = mapped_column(String(16), default=None)
    """What it has of the room if it copies (start_request.TRACKS); None if it encodes."""
    instead_of: Mapped[str | None] = mapped_column(String(64), default=None)
    """The pipeline that was asked for, if there was no capacity for it and it copies instead."""
    e2ee: Mapped[str | None] = mapped_column(Text, default=None)
    """The keys of an end-to-end encrypted stream, sealed (sealing); None once it has ended."""
    webhooks: Mapped[str | None] = mapped_column(Text, default=None)
    """Those of its request, sealed."""
    announced: Mapped[int | None] = mapped_column(default=0)
    """How far its web hooks are: 1 with its beginning, 2 with its end. None: it had none, as it is
    of an older version."""
    announced_event: Mapped[int | None] = mapped_column(default=0)
    """The last event of its log that they had."""
    data: Mapped[bool | None] = mapped_column(default=None)
    """Whether data, chat and what participants do are kept; None: as the setting says."""
    hide_recording: Mapped[bool | None] = mapped_column(default=None)
    """Whether participants aren't shown that they are recorded; None: likewise."""
    encode: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True), default=None)
    """How it is encoded again when it is completed (encodes.options.EncodeOptions)."""
    encode_id: Mapped[str | None] = mapped_column(String(32), default=None)
    """The encode that was made of that, once only."""

    speed_step: Mapped[int | None] = mapped_column(default=None)
    """Which of the pipeline's speed steps fits; None is the pipeline's default."""
    speed_pinned: Mapped[bool] = mapped_column(default=False, server_default="0")
    """The step was requested, and stays even if the encoder falls behind."""
    reserved_cores: Mapped[float | None] = mapped_column(default=None)
    outputs_cores: Mapped[float] = mapped_column(default=0.0, server_default="0")
    """Reserved besides, for outputs that encode it again."""
    """Cores that it may use while it is active (capacity.cpu_budget)."""

    wanted: Mapped[str] = mapped_column(String(16), default="record")
    """`record` or `stop`; the server sets it."""
    pause: Mapped[str | None] = mapped_column(String(16), default=None)
    """Whether it is wanted to pause, and how: `cut` or `still` (pausing); None: to go on."""
    paused_since: Mapped[datetime | None] = mapped_column(default=None)
    """When the pause began that lasts; its worker writes it with the state."""
    state: Mapped[str] = mapped_column(String(16), default="starting")
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None] = mapped_column(default=None)
    """Wall-clock time of the first frame; for display only, because the clock can be set."""
    origin_ns: Mapped[int | None] = mapped_column(BigInteger, default=None)
    """Time zero of the recording on the monotonic clock of the boot `origin_boot`."""
    origin_boot: Mapped[str | None] = mapped_column(String(64), default=None)
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    reason: Mapped[str | None] = mapped_column(Text, default=None)
    """Why it ended: stopped, room closed, …"""
    recovered: Mapped[bool] = mapped_column(default=False, server_default="0")
    """A later server finished it from its segments after server and worker had died (power cut)."""
    error_code: Mapped[str | None] = mapped_column(String(32), default=None)
    error: Mapped[str | None] = mapped_column(Text, default=None)
    detail: Mapped[str | None] = mapped_column(Text, default=None)

    worker_pid: Mapped[int | None] = mapped_column(default=None)
    worker_created: Mapped[float | None] = mapped_column(default=None)
    """monitor.usage.created: with pid and boot it identifies one process, even if the pid is
    reused."""
    worker_boot: Mapped[str | None] = mapped_column(String(64), default=None)
    """The boot in which that process runs (monitor.usage.boot_id)."""
    worker_starts: Mapped[int] = mapped_column(default=0)
    figures: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """Latest figures of the worker, updated once a second (recordings.figures.LiveFigures)."""
    figures_at: Mapped[datetime | None] = mapped_column(default=None)

    duration_s: Mapped[float | None] = mapped_column(default=None)
    """Total of all its files, like `size_bytes`."""
    size_bytes: Mapped[int | None] = mapped_column(default=None)
    probe: Mapped[dict[str, Any] | None] = mapped_column(JSON, default=None)
    """Contents of its first final file, read from the file itself (mediafiles.probe.Probe)."""


class File(Base):
    """One final file of a recording; a split recording has one for each part."""

    __tablename__ = "files"
    __table_args__ = (
        Index("files_by_path", "path"),
        Index("files_in_order", "position", "made_at", "path"),
        Index("files_without_sum", "made_at", sqlite_where=HAS_NO_CHECKSUM),
    )

    recording_id: Mapped[str] = mapped_column(
        ForeignKey("recordings.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True)
    """Number of the part, from 1."""
    path: Mapped[str] = mapped_column(Text)
    offset_s: Mapped[float]
    """Its beginning on the recording's timeline."""
    duration_s: Mapped[float | None]
    size_bytes: Mapped[int]
    integrity: Mapped[str | None] = mapped_column(String(16), default=None)
    """whole or incomplete (recordings.integrity); None for files of versions that did not check."""
    problem: Mapped[str | None] = mapped_column(Text, default=None)
    """What is wrong with it, if anything."""
    sha256: Mapped[str | None] = mapped_column(String(64), default=None)
    """In hexadecimal digits; None until it is computed after the end of the recording."""
    probe: Mapped[dict[str, Any] | None] = mapped_column(JSON, default=None)
    made_at: Mapped[datetime]
    replaced: Mapped[int] = mapped_column(default=0, server_default="0")
    """How often an encode has taken its place."""

    listed: Mapped[bool] = mapped_column(default=True, server_default="1")
    """Whether the desktop app's library shows it; the file exists either way."""
    position: Mapped[int] = mapped_column(default=0, server_default="0")
    """Its position there: the highest first, of equal ones the newest."""
    remembered: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    """What the app stored about it: where it was uploaded to."""


class Segment(Base):
    """One segment of a recording, written by one run of ffmpeg."""

    __tablename__ = "segments"

    recording_id: Mapped[str] = mapped_column(
        ForeignKey("recordings.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True)
    path: Mapped[str] = mapped_column(Text)
    part: Mapped[int] = mapped_column(default=1, server_default="1")
    """Number of the final file that contains it."""
    started_at: Mapped[datetime]
    offset_s: Mapped[float] = mapped_column(default=0.0)
    """Position of its first frame on the recording's timeline."""
    end_s: Mapped[float | None] = mapped_column(default=None)
    """End, on that timeline, of what was written to ffmpeg; up to a second old if the worker
    died."""
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    outcome: Mapped[str | None] = mapped_column(String(16), default=None)
    """finished, failed or killed; None while it runs."""
    returncode: Mapped[int | None] = mapped_column(default=None)
    speed_step: Mapped[int | None] = mapped_column(default=None)
    """Index into the pipeline's speed steps that it was encoded with."""
    video_frames: Mapped[int] = mapped_column(default=0)
    audio_samples: Mapped[int] = mapped_column(default=0)
    stderr_tail: Mapped[str | None] = mapped_column(Text, default=None)


class Event(Base):
    """One event of a recording's event log."""

    __tablename__ = "events"
    __table_args__ = (
        Index("events_of_recording", "recording_id", "id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    """Never reused within a catalog, even if the newest events were deleted."""
    recording_id: Mapped[str] = mapped_column(ForeignKey("recordings.id", ondelete="CASCADE"))
    at: Mapped[datetime]
    kind: Mapped[str] = mapped_column(String(32))
    message: Mapped[str] = mapped_column(Text)
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)


class Sample(Base):
    """Resource usage of one process, once a second (monitor.usage)."""

    __tablename__ = "samples"
    __table_args__ = (Index("samples_of_recording", "recording_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    recording_id: Mapped[str] = mapped_column(ForeignKey("recordings.id", ondelete="CASCADE"))
    at: Mapped[datetime]
    role: Mapped[str] = mapped_column(String(16))
    """worker or ffmpeg."""
    pid: Mapped[int]
    cpu_cores: Mapped[float | None]
    """Cores used since the last sample; None for a process's first sample."""
    cpu_seconds: Mapped[float]
    rss_bytes: Mapped[int]


class Preference(Base):
    """What the user chose through the API and the server must keep."""

    __tablename__ = "preferences"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[str] = mapped_column(Text)


class Watch(Base):
    """A watched stream, which is recorded whenever it is live."""

    __tablename__ = "watches"

    stream_id: Mapped[str] = mapped_column("mint_id", String(256), primary_key=True)
    request: Mapped[dict[str, Any]]
    """How it is recorded (recordings.start_request.StartRequest.as_dict)."""
    created_at: Mapped[datetime]
    held: Mapped[bool] = mapped_column(default=False)
    """Not recorded until it has gone offline once: a request or a limit stopped its recording."""
    recording_id: Mapped[str | None] = mapped_column(String(32), default=None)
    """The last recording that it started, until its end was handled."""
