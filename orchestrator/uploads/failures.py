"""What a target's answer means, and what to do about it. Pure.

Neither keys nor signatures are in an error: of an answer only its status, its `<Code>` and the
target's own name are passed on.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from orchestrator.errors import (
    BucketMissing,
    ClockWrong,
    FileGone,
    UploadBusy,
    UploadDenied,
    UploadError,
    UploadGarbled,
    UploadHindered,
    UploadRefused,
    UploadUnreachable,
)

_CODE: Final = re.compile(r"<Code>\s*([A-Za-z0-9_.-]{1,64})\s*</Code>")
_STATUS: Final = re.compile(r"status code: (\d{3})")

CLOCK: Final = frozenset({"RequestTimeTooSkewed", "RequestExpired"})
MISSING: Final = frozenset(
    {"NoSuchBucket", "ContainerNotFound", "InvalidBucketName", "ContainerBeingDeleted"}
)
KEYS: Final = frozenset(
    {
        "InvalidAccessKeyId",
        "SignatureDoesNotMatch",
        "XAdminUserNotFound",
        "InvalidToken",
        "ExpiredToken",
        "AuthenticationFailed",
        "InvalidSecurity",
        "AuthorizationHeaderMalformed",
    }
)
"""XAdminUserNotFound: versitygw's, with 404."""
BUSY: Final = frozenset(
    {
        "SlowDown",
        "ServiceUnavailable",
        "InternalError",
        "RequestTimeout",
        "OperationAborted",
        "ServerBusy",
        "OperationTimedOut",
        "TooManyRequests",
    }
)
_BUSY_STATUS: Final = frozenset({408, 409, 425, 429})
_NO_CONNECTION: Final = (
    "dns error",
    "kind: Connect",
    "kind: Timeout",
    "kind: Request",
    "error sending request",
    "timed out",
)
_NO_KEYS: Final = ("credential", "metadata.google", "169.254.169.254", "access token", "oauth")
_GARBLED: Final = ("etag", "xml", "deserializ", "decod", "missing")
"""Words of obstore's errors without a status, in lower case."""

_TRIED_AGAIN: Final = "It is tried again; the recording is kept here."
_CLOCK: Final = (
    "refuses the request: its clock and this machine's differ too much",
    "Set the clock of this machine (timedatectl set-ntp true). " + _TRIED_AGAIN,
)
_MISSING: Final = (
    "doesn't exist",
    "Create the bucket or container, or correct the address; then retry the output.",
)
_KEYS: Final = (
    "refuses the keys",
    "Check access_key_id, secret_access_key, region and endpoint (of Azure account_name and"
    " account_key, of Google its service account); then retry the output.",
)
_DENIED: Final = (
    "doesn't allow the upload",
    "Allow these keys to put objects there (of S3: s3:PutObject, s3:GetObject and"
    " s3:AbortMultipartUpload); then retry the output.",
)
_GIVE_KEYS: Final = (
    "Give them in the output's options, or in the environment of the server (AWS_ACCESS_KEY_ID and"
    " AWS_SECRET_ACCESS_KEY, GOOGLE_APPLICATION_CREDENTIALS, AZURE_STORAGE_ACCOUNT_NAME and"
    " AZURE_STORAGE_ACCOUNT_KEY); then retry it."
)


def failure_of(target: str, status: int | None, body: str) -> UploadError:
    """The error of an answer that isn't 2xx, or of one that is and says <Error> all the same.

    `target`: as users may see it.
    """
    found = _CODE.search(body)
    code = found[1] if found else ""
    said = " ".join(part for part in (f"HTTP {status}" if status else "", code) if part)
    if (known := _by_code(target, status, code, said)) is not None:
        return known
    if code in BUSY or (status is not None and (status in _BUSY_STATUS or status >= 500)):
        return UploadBusy(f"{target} can't take the upload now ({said}).", _TRIED_AGAIN)
    if status is not None and 200 <= status < 300:
        return garbled(target, said)
    return UploadRefused(
        f"{target} refuses the upload ({said or 'without a reason'}).",
        "Check the address and the options of the output; then retry it.",
    )


def _by_code(target: str, status: int | None, code: str, said: str) -> UploadError | None:
    error: type[UploadError]
    if code in CLOCK:
        error, text, advice = ClockWrong, *_CLOCK
    elif code in MISSING or (status == 404 and not code):
        error, text, advice = BucketMissing, *_MISSING
    elif code in KEYS or status == 401:
        error, text, advice = UploadDenied, *_KEYS
    elif status == 403:
        error, text, advice = UploadDenied, *_DENIED
    elif status == 501 or code == "NotImplemented":
        error, text, advice = UploadRefused, "has no such call", "Use another target."
    else:
        return None
    return error(f"{target} {text} ({said}).", advice)


def garbled(target: str, said: str) -> UploadGarbled:
    """An answer that makes no sense."""
    return UploadGarbled(
        f"{target} answered with something that isn't object storage's ({said}).",
        "Check that the address is that of object storage, not of a web page or a proxy. "
        + _TRIED_AGAIN,
    )


def unreachable(target: str, why: str) -> UploadUnreachable:
    """No answer."""
    return UploadUnreachable(
        f"{target} can't be reached: {why}.",
        "Check the address, the network and whether the server runs. " + _TRIED_AGAIN,
    )


def unreadable(path: Path, error: OSError) -> UploadError:
    """A file here that can't be read."""
    why = error.strerror or type(error).__name__
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return FileGone(f"{path} can't be read: {why}.", "Put it back; then retry the output.")
    return UploadHindered(f"{path} can't be read: {why}.", _TRIED_AGAIN)


def hindered(error: OSError) -> UploadHindered:
    """Whatever else of this machine is in the way."""
    what = f"{error.filename}: " if error.filename else ""
    return UploadHindered(
        f"The upload can't go on here: {what}{error.strerror or type(error).__name__}.",
        "Make room, or allow the recorder's user to write there. " + _TRIED_AGAIN,
    )


def failure_of_obstore(target: str, error: Exception) -> UploadError:
    """The error that obstore raised; it has the whole answer in its text."""
    text = str(error)
    status = _STATUS.search(text)
    if status is not None:
        return failure_of(target, int(status[1]), text)
    if _CODE.search(text):
        return failure_of(target, None, text)
    return _without_status(target, type(error).__name__, text)


def _without_status(target: str, kind: str, text: str) -> UploadError:
    if kind in ("PermissionDeniedError", "PermissionError", "UnauthenticatedError"):
        return failure_of(target, 403, "")
    if kind in ("FileNotFoundError", "NotFoundError"):
        return failure_of(target, 404, "")
    if any(word in text for word in _NO_CONNECTION):
        return unreachable(target, _why(text))
    if any(word in text.lower() for word in _NO_KEYS):
        return UploadDenied(f"There are no keys for {target}.", _GIVE_KEYS)
    if any(word in text.lower() for word in _GARBLED):
        return garbled(target, kind)
    return UploadError(f"{target} failed ({kind}).", _TRIED_AGAIN)


def _why(text: str) -> str:
    for word, meaning in (
        ("dns error", "its name can't be looked up"),
        ("refused", "it refuses the connection"),
        ("kind: Timeout", "no answer in time"),
        ("timed out", "no answer in time"),
    ):
        if word in text:
            return meaning
    return "the connection fails"
