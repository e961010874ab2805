"""Uploads that fail. `lasting`: tried again it would fail, until somebody changes something."""

from __future__ import annotations

from typing import ClassVar

from orchestrator.errors.base import HavenError


class UploadError(HavenError):
    """The files can't be uploaded."""

    status = 502
    code = "upload_failed"
    lasting: ClassVar[bool] = False
    of_target: ClassVar[bool] = True
    """Whether another target could do better."""


class UploadDenied(UploadError):
    """The target refuses the keys, or what they may do."""

    code = "upload_denied"
    lasting = True


class BucketMissing(UploadError):
    """There is no such bucket, container or folder."""

    code = "bucket_missing"
    lasting = True


class UploadRefused(UploadError):
    """The target refuses the request for another reason that stays."""

    code = "upload_refused"
    lasting = True


class UploadUnreachable(UploadError):
    """No answer from the target."""

    code = "upload_unreachable"


class UploadBusy(UploadError):
    """The target says that it can't do it now (5xx, 429, or a timeout of its own)."""

    code = "upload_busy"


class ClockWrong(UploadError):
    """The target and this machine don't have the same time."""

    code = "clock_wrong"


class UploadGarbled(UploadError):
    """An answer that isn't one of object storage."""

    code = "upload_garbled"


class UploadMismatch(UploadError):
    """What lies at the target isn't what was sent."""

    code = "upload_mismatch"


class FileGone(UploadError):
    """A file that is to be uploaded isn't there, or was changed meanwhile."""

    code = "file_gone"
    lasting = True
    of_target = False


class UploadHindered(UploadError):
    """Something of this machine is in the way: a full disk, missing rights."""

    code = "upload_hindered"
    of_target = False
