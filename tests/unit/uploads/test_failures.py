"""What targets' answers mean."""

from __future__ import annotations

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
from orchestrator.uploads.failures import failure_of, failure_of_obstore

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
        ("GenericError", "something new", UploadError),
    ],
)
def test_obstores_errors_are_told_apart(kind: str, text: str, error: type[UploadError]) -> None:
    raised = type(kind, (Exception,), {})(text)
    assert type(failure_of_obstore(TARGET, raised)) is error
