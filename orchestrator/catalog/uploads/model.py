"""The catalog's tables of uploaded files and pieces."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.catalog.models import Base


class UploadedFile(Base):
    """One file of an upload output, from the moment when it is begun; its uploader writes it."""

    __tablename__ = "uploaded_files"

    output_id: Mapped[str] = mapped_column(
        ForeignKey("outputs.id", ondelete="CASCADE"), primary_key=True
    )
    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    """Its path below the recording's folder at the target, with /."""
    part: Mapped[int | None] = mapped_column(default=None)
    """Of a final file: its number."""
    path: Mapped[str] = mapped_column(Text)
    """Where it lies here, or lay."""
    key: Mapped[str] = mapped_column(Text)
    """Below the target's address."""
    fallback: Mapped[bool] = mapped_column(default=False, server_default="0")
    """Whether it goes to the second target."""
    location: Mapped[str] = mapped_column(Text)
    """Its address there, without secrets."""
    content_type: Mapped[str] = mapped_column(String(128))
    size_bytes: Mapped[int]
    mtime_ns: Mapped[int | None] = mapped_column(BigInteger, default=None)
    """When it was changed last; while this and its size stay, so does its SHA-256."""
    sha256: Mapped[str] = mapped_column(String(64))
    open_id: Mapped[str | None] = mapped_column(Text, default=None)
    """S3's id of the upload in parts that is open for it."""
    verified: Mapped[str | None] = mapped_column(String(16), default=None)
    """How it was checked there (uploads.objects.Verified); None: it isn't there yet."""
    uploaded_at: Mapped[datetime | None] = mapped_column(default=None)
    removed_at: Mapped[datetime | None] = mapped_column(default=None)
    """When the file here was deleted, as it is there."""


class UploadedPiece(Base):
    """A piece for HLS of an upload output, or the header of some, once it is there.

    A day has 43200 of them, so a row has what isn't known otherwise.
    """

    __tablename__ = "uploaded_pieces"

    output_id: Mapped[str] = mapped_column(
        ForeignKey("outputs.id", ondelete="CASCADE"), primary_key=True
    )
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    """As the playlist names it: below hls/ in the recording's folder at the target."""
    fallback: Mapped[bool] = mapped_column(default=False, server_default="0")
    """Whether it is at the second target."""
    size_bytes: Mapped[int]
    sha256: Mapped[bytes] = mapped_column(LargeBinary)
    """Its 32 bytes."""
    verified: Mapped[str] = mapped_column(String(16))
    """How it was checked there (uploads.objects.Verified)."""
