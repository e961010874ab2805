"""Signatures of S3, against the examples of its documentation."""

from __future__ import annotations

from datetime import UTC, datetime

from orchestrator.uploads.s3.signing import S3Keys, query_string, signed_headers

KEYS = S3Keys(
    "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", region="us-east-1"
)
AT = datetime(2013, 5, 24, tzinfo=UTC)
HOST = "examplebucket.s3.amazonaws.com"


def signature(headers: dict[str, str]) -> str:
    return headers["authorization"].rpartition("Signature=")[2]


def test_put_object() -> None:
    """sig-v4-header-based-auth.html, "Example: PUT Object"."""
    signed = signed_headers(
        KEYS,
        "PUT",
        HOST,
        "/test%24file.text",
        {},
        sha256="44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
        headers={
            "Date": "Fri, 24 May 2013 00:00:00 GMT",
            "x-amz-storage-class": "REDUCED_REDUNDANCY",
        },
        now=AT,
    )
    assert signature(signed) == "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"


def test_a_query_without_a_value() -> None:
    """The same page, "Example: GET Bucket Lifecycle"."""
    signed = signed_headers(KEYS, "GET", HOST, "/", {"lifecycle": ""}, now=AT)
    assert signature(signed) == "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"


def test_a_query_is_sorted() -> None:
    """The same page, "Example: Get Bucket (List Objects)"."""
    signed = signed_headers(KEYS, "GET", HOST, "/", {"prefix": "J", "max-keys": "2"}, now=AT)
    assert signature(signed) == "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"


def test_a_query_is_encoded_whole() -> None:
    assert query_string({"uploadId": "a/b+c=", "prefix": "ü ~"}) == (
        "prefix=%C3%BC%20~&uploadId=a%2Fb%2Bc%3D"
    )


def test_secrets_are_not_shown() -> None:
    assert "wJalr" not in repr(KEYS)
