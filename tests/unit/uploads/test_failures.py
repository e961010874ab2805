"""What targets' answers mean."""

from __future__ import annotations

import httpx
import pytest

from orchestrator.errors import (
    BucketMissing,
    ClockWrong,
    UploadBusy,
    UploadDenied,
    UploadError,
    UploadGarbled,
    UploadRefused,
    UploadUnreachable,
)
from orchestrator.uploads.failures import failure_of, failure_of_connection, failure_of_obstore

TARGET = "s3://bucket/prefix"


def xml(code: str) -> str:
    return (
        f"<Error><Code>{code}</Code><Message>m</Message><AWSAccessKeyId>AKID</AWSAccessKeyId>"
        "<SignatureProvided>cafe</SignatureProvided></Error>"
    )


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (403, xml("SignatureDoesNotMatch"), UploadDenied),
        (403, xml("InvalidAccessKeyId"), UploadDenied),
        (404, xml("XAdminUserNotFound"), UploadDenied),
        (401, "", UploadDenied),
        (403, xml("AccessDenied"), UploadDenied),
        (403, "", UploadDenied),
        (404, xml("NoSuchBucket"), BucketMissing),
        (404, "", BucketMissing),
        (404, "<Code>ContainerNotFound</Code>", BucketMissing),
        (403, xml("RequestTimeTooSkewed"), ClockWrong),
        (301, xml("PermanentRedirect"), UploadRefused),
        (403, "<Code>AuthenticationFailed</Code> Request date header too old: 'x'", ClockWrong),
        (403, xml("AccessDenied") + "<Message>Request has expired</Message>", ClockWrong),
        (503, xml("SlowDown"), UploadBusy),
        (503, "<html>", UploadBusy),
        (500, xml("InternalError"), UploadBusy),
        (400, xml("RequestTimeout"), UploadBusy),
        (409, xml("OperationAborted"), UploadBusy),
        (429, "", UploadBusy),
        (501, xml("NotImplemented"), UploadRefused),
        (400, xml("InvalidArgument"), UploadRefused),
        (301, "", UploadRefused),
        (200, "<html>hello</html>", UploadGarbled),
    ],
)
def test_answers_are_told_apart(status: int, body: str, error: type[UploadError]) -> None:
    failure = failure_of(TARGET, status, body)
    assert type(failure) is error
    assert str(status) in failure.error
    assert failure.detail
    for secret in ("AKID", "cafe"):
        assert secret not in str(failure)


def test_what_lasts_needs_somebody_and_the_rest_is_tried_again() -> None:
    lasting = {kind for kind in UploadError.__subclasses__() if kind.lasting}
    assert {one.__name__ for one in lasting} == {
        "UploadDenied",
        "BucketMissing",
        "UploadRefused",
        "FileGone",
    }


@pytest.mark.parametrize(
    ("kind", "text", "error"),
    [
        ("GenericError", "… status code: 403 Forbidden: <Code>AccessDenied</Code>", UploadDenied),
        ("FileNotFoundError", "… status code: 404 Not Found: ", BucketMissing),
        ("GenericError", "HTTP error: error sending request kind: Connect", UploadUnreachable),
        ("GenericError", "dns error: failed to lookup", UploadUnreachable),
        ("GenericError", "missing ETag header", UploadGarbled),
        ("GenericError", "error requesting http://169.254.169.254/latest/api/token", UploadDenied),
        ("GenericError", "Received redirect without LOCATION, this …", UploadRefused),
        ("GenericError", "something new", UploadError),
    ],
)
def test_obstores_errors_are_told_apart(kind: str, text: str, error: type[UploadError]) -> None:
    raised = type(kind, (Exception,), {})(text)
    assert type(failure_of_obstore(TARGET, raised)) is error


@pytest.mark.parametrize(
    ("error", "why", "advice"),
    [
        (
            "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed",
            "trusts",
            "root_certificate",
        ),
        ("[SSL: WRONG_VERSION_NUMBER] wrong version number", "doesn't speak TLS", "the address"),
        ("[Errno -2] Name or service not known", "can't be looked up", "the address"),
        ("All connection attempts failed", "takes no connection", "whether the server runs"),
        ("", "is cut off", "the network"),
    ],
)
def test_why_there_is_no_connection_is_told(error: str, why: str, advice: str) -> None:
    failure = failure_of_connection(TARGET, httpx.ConnectError(error))
    assert why in failure.error
    assert advice in (failure.detail or "")


def test_a_bucket_of_another_region_is_told() -> None:
    error = "Received redirect without LOCATION, this normally indicates an incorrect region"
    failure = failure_of_obstore(TARGET, Exception(error))
    assert "is in another region" in failure.error
    assert "option region" in (failure.detail or "")
