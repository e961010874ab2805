"""Reads the XML of S3's answers about uploads in parts. Pure.

Sources: docs.aws.amazon.com/AmazonS3/latest/API/: API_CreateMultipartUpload, API_ListParts,
API_ListMultipartUploads, API_CompleteMultipartUpload.
"""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree import ElementTree
from xml.sax.saxutils import escape


class NotXml(ValueError):
    """The answer isn't what it should be."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part that has arrived."""

    number: int
    e_tag: str
    size: int


def text_of(body: str, root: str, name: str) -> str:
    """The text of an element below the root of this name; NotXml if there is none."""
    found = _child(_root(body, root), name)
    if not found:
        raise NotXml(f"no {name}")
    return found


def read_parts(body: str) -> tuple[list[Part], str | None]:
    """Parts of ListParts, and the marker to ask for more with; None: that's all."""
    root = _root(body, "ListPartsResult", "ListPartsResponse")  # moto's name for it
    try:
        parts = [
            Part(
                int(_child(one, "PartNumber")),
                _child(one, "ETag").strip('"'),
                int(_child(one, "Size")),
            )
            for one in root
            if _name(one) == "Part"
        ]
    except ValueError as error:
        raise NotXml("a part without number or size") from error
    more = _child(root, "IsTruncated") == "true"
    return parts, _child(root, "NextPartNumberMarker") if more else None


def read_uploads(body: str, key: str) -> list[str]:
    """The ids of open uploads of exactly this key."""
    root = _root(body, "ListMultipartUploadsResult")
    uploads = [one for one in root if _name(one) == "Upload" and _child(one, "Key") == key]
    return [id for one in uploads if (id := _child(one, "UploadId"))]


def completion(parts: list[Part]) -> bytes:
    """The body of CompleteMultipartUpload."""
    listed = "".join(
        f"<Part><PartNumber>{part.number}</PartNumber><ETag>&quot;{escape(part.e_tag)}&quot;</ETag></Part>"
        for part in parts
    )
    return f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()


def _root(body: str, *names: str) -> ElementTree.Element:
    if "<!DOCTYPE" in body or "<!ENTITY" in body:  # S3 never has one
        raise NotXml("a document type")
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError as error:
        raise NotXml("no XML") from error
    if _name(root) not in names:
        raise NotXml(f"{_name(root)[:40]} instead of {names[0]}")
    return root


def _child(element: ElementTree.Element, name: str) -> str:
    return next((one.text or "" for one in element if _name(one) == name), "").strip()


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]
