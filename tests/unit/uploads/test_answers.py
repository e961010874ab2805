"""What S3 answers about uploads in parts."""

from __future__ import annotations

import pytest

from orchestrator.uploads.s3.answers import (
    NotXml,
    Part,
    completion,
    read_parts,
    read_uploads,
    text_of,
)

NS = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


def test_an_id_is_read_with_and_without_a_namespace() -> None:
    for attributes in ("", NS):
        body = f"<Result {attributes}><UploadId>u 1</UploadId></Result>"
        assert text_of(body, "Result", "UploadId") == "u 1"


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<html>",
        "<html></html>",
        "<InitiateMultipartUploadResult/>",
        '<!DOCTYPE a [<!ENTITY b "c">]><InitiateMultipartUploadResult/>',
    ],
)
def test_anything_else_is_no_answer(body: str) -> None:
    with pytest.raises(NotXml):
        text_of(body, "InitiateMultipartUploadResult", "UploadId")


def test_parts_are_read_and_where_to_go_on() -> None:
    part = '<Part><PartNumber>3</PartNumber><ETag>"ab"</ETag><Size>7</Size></Part>'
    more = "<IsTruncated>true</IsTruncated><NextPartNumberMarker>3</NextPartNumberMarker>"
    body = f"<ListPartsResult {NS}>{part}{more}</ListPartsResult>"
    assert read_parts(body) == ([Part(3, "ab", 7)], "3")
    assert read_parts(f"<ListPartsResult>{part}</ListPartsResult>") == ([Part(3, "ab", 7)], None)
    with pytest.raises(NotXml):
        read_parts("<ListPartsResult><Part/></ListPartsResult>")


def test_only_uploads_of_the_key_itself_are_taken() -> None:
    def upload(key: str, id: str) -> str:
        return f"<Upload><Key>{key}</Key><UploadId>{id}</UploadId></Upload>"

    uploads = upload("a/b.mp4", "1") + upload("a/b.mp4.part", "2") + upload("a/b.mp4", "3")
    body = f"<ListMultipartUploadsResult {NS}>{uploads}</ListMultipartUploadsResult>"
    assert read_uploads(body, "a/b.mp4") == ["1", "3"]


def test_a_completion_names_each_part() -> None:
    assert completion([Part(1, "a&b", 5)]) == (
        b"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber>"
        b"<ETag>&quot;a&amp;b&quot;</ETag></Part></CompleteMultipartUpload>"
    )
