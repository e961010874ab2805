"""What a target's answer means, and what to do about it. Pure.

Neither keys nor signatures are in an error: of an answer only its status, its `<Code>` and the
target's own name are passed on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
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
_CLOCK_WORDS: Final = (
    "Request date header too old",
    "Request has expired",
    "Request is not yet valid",
    "Request signature expired",
    "not valid in the specified time frame",
)
"""Of answers with a code that stands for other reasons, too: Azure's, S3's to a signed address,
Google's, Azure's to a shared access signature."""
REGION: Final = frozenset({"PermanentRedirect", "IllegalLocationConstraintException"})
_NO_LOCATION: Final = "redirect without LOCATION"
"""obstore's words for S3's answer to a request for a bucket of another region."""
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
        "InvalidAuthenticationInfo",
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
_GARBLED: Final = {
    "etag": "no ETag",
    "last-modified": "no time",
    "content-length": "no size",
    "xml": "no XML",
    "deserializ": "no XML",
    "decod": "a body that can't be read",
    "missing": "something is missing",
}
"""What obstore's errors without a status mean, by words of them in lower case."""
_WHY: Final = {
    "dns error": "its name can't be looked up",
    "[Errno -": "its name can't be looked up",
    "InvalidCertificate": "its certificate isn't one that this machine trusts",
    "CERTIFICATE_VERIFY_FAILED": "its certificate isn't one that this machine trusts",
    "InvalidMessage": "it doesn't speak TLS",
    "WRONG_VERSION_NUMBER": "it doesn't speak TLS",
    "refused": "it refuses the connection",
    "All connection attempts failed": "it takes no connection",
    "kind: Timeout": "no answer in time",
    "timed out": "no answer in time",
    "Timeout": "no answer in time",
}
"""By words of obstore's and httpx's errors."""

_TRIED_AGAIN: Final = "It is tried again; the recording is kept here."
_CLOCK: Final = (
    "refuses the request: its clock and this machine's differ too much",
    "Set the clock of this machine (timedatectl set-ntp true). " + _TRIED_AGAIN,
)
_REGION: Final = (
    "is in another region",
    "Set the option region to that of the bucket, and endpoint, if it is given, to an address of"
    " that region; then retry the output.",
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
    if any(words in body for words in _CLOCK_WORDS):
        return ClockWrong(f"{target} {_CLOCK[0]} ({said}).", _CLOCK[1])
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
    elif code in REGION:
        error, text, advice = UploadRefused, *_REGION
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
    what = "the address, the network and whether the server runs"
    if "certificate" in why:
        what = "the address; name the server's own authority in the settings (root_certificate)"
    return UploadUnreachable(f"{target} can't be reached: {why}.", f"Check {what}. {_TRIED_AGAIN}")


def failure_of_connection(target: str, error: Exception) -> UploadUnreachable:
    """The error of a request of httpx's that has no answer."""
    return unreachable(target, _why(f"{type(error).__name__} {error}"))


def unreadable(path: Path, error: OSError) -> UploadError:
    """A file here that can't be read."""
    why = error.strerror or type(error).__name__
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return FileGone(
            f"{path} can't be read: {why}.",
            "Put it back, from where another upload has it if that deleted it here; then retry the"
            " output.",
        )
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
    if _NO_LOCATION in text:
        return failure_of(target, 301, "<Code>PermanentRedirect</Code>")
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
    if (meaning := _meaning(_GARBLED, text.lower())) is not None:
        return garbled(target, meaning)
    return UploadError(f"{target} failed ({kind}).", _TRIED_AGAIN)


def _why(text: str) -> str:
    return _meaning(_WHY, text) or "the connection is cut off"


def _meaning(words: Mapping[str, str], text: str) -> str | None:
    return next((meaning for word, meaning in words.items() if word in text), None)
