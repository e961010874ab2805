"""The catalog's tables: what is wanted, what is, and what was.

The control plane writes `Recording.wanted`, admission what each recording reserves and its speed
step, also of those that make room; the worker writes everything else of its recording.
Moments are aware UTC datetimes, durations float seconds, sizes bytes.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

ACTIVE_STATES = ("starting", "recording", "reconnecting", "stopping")
"""Kept equal to recordings.states.ACTIVE by a test; the unique index below needs the words."""

_IS_ACTIVE = text("state IN ({})".format(", ".join(f"'{s}'" for s in ACTIVE_STATES)))


class UtcDateTime(TypeDecorator[datetime]):
    """A moment: aware when it goes in, aware UTC when it comes out (SQLite keeps no zone)."""

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
    """One recording: what was asked for, how it stands, what came of it."""

    __tablename__ = "recordings"
    __table_args__ = (
        # One active recording of a stream, whoever asks, from whichever server.
        Index(
            "one_active_recording_per_stream",
            "mint_id",
            unique=True,
            sqlite_where=_IS_ACTIVE,
            postgresql_where=_IS_ACTIVE,
        ),
        Index("recordings_newest_first", "created_at", "id"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    mint_id: Mapped[str] = mapped_column(String(256))
    stream: Mapped[dict[str, Any]]
    """The stream as discovery described it at the start (media.Stream as a dict)."""

    output_format: Mapped[str] = mapped_column(String(16))
    pipeline: Mapped[str] = mapped_column(String(64))
    video_quality: Mapped[str] = mapped_column(String(16))
    audio_quality: Mapped[str] = mapped_column(String(16))
    video_codec: Mapped[str] = mapped_column(String(32))
    audio_codec: Mapped[str] = mapped_column(String(32))
    output_path: Mapped[str] = mapped_column(Text)
    """The file as it is (or will be) called when it is final."""
    work_directory: Mapped[str] = mapped_column(Text)
    """Hidden folder beside it; gone when the recording is completed."""
    limits: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """Where it ends by itself, and where it is split (recordings.limits.Limits)."""
    started_by: Mapped[str] = mapped_column(String(16), default="user")
    """Whose wish it is: user, depin or watch (recordings.request)."""

    speed_step: Mapped[int | None] = mapped_column(default=None)
    """Which of the preset's speed steps it has room for; None is the preset's own."""
    speed_pinned: Mapped[bool] = mapped_column(default=False)
    """Asked for, and therefore kept to, also by an encoder that falls behind."""
    reserved_cores: Mapped[float | None] = mapped_column(default=None)
    """What it may use of the machine as long as it is active (recordings.capacity)."""

    wanted: Mapped[str] = mapped_column(String(16), default="record")
    """`record` or `stop`: the control plane's word."""
    state: Mapped[str] = mapped_column(String(16), default="starting")
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None] = mapped_column(default=None)
    """When the first frame was recorded."""
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    reason: Mapped[str | None] = mapped_column(Text, default=None)
    """Why it ended, in words: stopped, room closed, …"""
    recovered: Mapped[bool] = mapped_column(default=False)
    """Finished from its segments by a later server: server and worker had died (power cut)."""
    error_code: Mapped[str | None] = mapped_column(String(32), default=None)
    error: Mapped[str | None] = mapped_column(Text, default=None)
    detail: Mapped[str | None] = mapped_column(Text, default=None)

    worker_pid: Mapped[int | None] = mapped_column(default=None)
    worker_created: Mapped[float | None] = mapped_column(default=None)
    """monitor.usage.created: with pid and boot it names one process, whatever reuses the pid."""
    worker_boot: Mapped[str | None] = mapped_column(String(64), default=None)
    """The run of the machine on which that process lives (monitor.usage.boot_id)."""
    worker_starts: Mapped[int] = mapped_column(default=0)
    figures: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """Latest figures of the worker, renewed once a second (recordings.figures.Figures)."""
    figures_at: Mapped[datetime | None] = mapped_column(default=None)

    duration_s: Mapped[float | None] = mapped_column(default=None)
    """Of all its files together, like `size_bytes`."""
    size_bytes: Mapped[int | None] = mapped_column(default=None)
    probe: Mapped[dict[str, Any] | None] = mapped_column(JSON, default=None)
    """What its (first) final file holds, read from the file itself (catalog.probe.Probe)."""


class File(Base):
    """One final file of a recording. A recording that was split has one for each part."""

    __tablename__ = "files"

    recording_id: Mapped[str] = mapped_column(
        ForeignKey("recordings.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True)
    """Which part it is, from 1 on."""
    path: Mapped[str] = mapped_column(Text)
    offset_s: Mapped[float]
    """Where it begins on the recording's timeline."""
    duration_s: Mapped[float | None]
    size_bytes: Mapped[int]
    integrity: Mapped[str | None] = mapped_column(String(16), default=None)
    """whole or incomplete (recordings.integrity); None for files of versions that didn't check."""
    problem: Mapped[str | None] = mapped_column(Text, default=None)
    """What is wrong with it, when something is."""
    sha256: Mapped[str | None] = mapped_column(String(64), default=None)
    """In hexadecimal digits; None until it is computed, just after the recording is final."""
    probe: Mapped[dict[str, Any] | None] = mapped_column(JSON, default=None)
    made_at: Mapped[datetime]

    listed: Mapped[bool] = mapped_column(default=True)
    """Whether the desktop app's library shows it; the file itself stays either way."""
    position: Mapped[int] = mapped_column(default=0)
    """Its place there, the highest first; the newest first where it is the same."""
    remembered: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """What the app wants to be told again of it: where it was uploaded to."""


class Segment(Base):
    """One file of a recording, written by one run of ffmpeg."""

    __tablename__ = "segments"

    recording_id: Mapped[str] = mapped_column(
        ForeignKey("recordings.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True)
    path: Mapped[str] = mapped_column(Text)
    part: Mapped[int] = mapped_column(default=1)
    """Number of the final file that it goes into."""
    started_at: Mapped[datetime]
    offset_s: Mapped[float] = mapped_column(default=0.0)
    """Where its first frame stands on the recording's timeline."""
    end_s: Mapped[float | None] = mapped_column(default=None)
    """Where what was given to its ffmpeg ends there; at most a second old if its worker died."""
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    outcome: Mapped[str | None] = mapped_column(String(16), default=None)
    """finished, failed or killed; None while it runs."""
    returncode: Mapped[int | None] = mapped_column(default=None)
    speed_step: Mapped[int | None] = mapped_column(default=None)
    """Index into the preset's speed steps that it was encoded with."""
    video_frames: Mapped[int] = mapped_column(default=0)
    audio_samples: Mapped[int] = mapped_column(default=0)
    stderr_tail: Mapped[str | None] = mapped_column(Text, default=None)


class Event(Base):
    """One line of a recording's story."""

    __tablename__ = "events"
    __table_args__ = (
        Index("events_of_recording", "recording_id", "id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    """Of one catalog's events never used twice, also when the newest were deleted."""
    recording_id: Mapped[str] = mapped_column(ForeignKey("recordings.id", ondelete="CASCADE"))
    at: Mapped[datetime]
    kind: Mapped[str] = mapped_column(String(32))
    message: Mapped[str] = mapped_column(Text)
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)


class Sample(Base):
    """What one process used, once a second (monitor.usage)."""

    __tablename__ = "samples"
    __table_args__ = (Index("samples_of_recording", "recording_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    recording_id: Mapped[str] = mapped_column(ForeignKey("recordings.id", ondelete="CASCADE"))
    at: Mapped[datetime]
    role: Mapped[str] = mapped_column(String(16))
    """worker or ffmpeg."""
    pid: Mapped[int]
    cpu_cores: Mapped[float | None]
    """Cores used since the last sample; None for the first one of a process."""
    cpu_seconds: Mapped[float]
    rss_bytes: Mapped[int]


class Cost(Base):
    """What one speed step of a preset costs on one machine, as it was measured there."""

    __tablename__ = "costs"

    machine: Mapped[str] = mapped_column(String(256), primary_key=True)
    """Processor, cores and ffmpeg (recordings.calibration)."""
    pipeline: Mapped[str] = mapped_column(String(64), primary_key=True)
    step: Mapped[str] = mapped_column(String(64), primary_key=True)
    """The encoder's own word for it, as in the preset."""
    preset: Mapped[str] = mapped_column(String(16))
    """The preset's digest: one that was edited since was not measured."""
    cpu_s_per_megapixel: Mapped[float]
    measured_at: Mapped[datetime]


class Preference(Base):
    """What the user chose through the API and what has to outlive the server."""

    __tablename__ = "preferences"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[str] = mapped_column(Text)


class Watch(Base):
    """A stream that is to be recorded whenever it is live."""

    __tablename__ = "watches"

    mint_id: Mapped[str] = mapped_column(String(256), primary_key=True)
    request: Mapped[dict[str, Any]]
    """How it is recorded (recordings.request.StartRequest.as_dict)."""
    created_at: Mapped[datetime]
    held: Mapped[bool] = mapped_column(default=False)
    """Not recorded until it was not live once: somebody stopped it, or a limit did."""
    recording_id: Mapped[str | None] = mapped_column(String(32), default=None)
    """The recording it began last, until the end of that was looked at."""
