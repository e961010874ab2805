"""EBML as Matroska is made of it (RFC 8794): elements of identifier, size and content. Pure."""

from __future__ import annotations

import struct
from typing import Final

UNKNOWN_SIZE: Final = b"\x01" + 7 * b"\xff"
"""Of an element that is being written: it ends where one begins that can't be inside (§6.2)."""

VOID: Final = 0xEC


def element(identifier: int, *contents: bytes) -> bytes:
    """One with its content; identifiers are written as in RFC 9559, with their marker bits."""
    content = b"".join(contents)
    return identified(identifier) + size(len(content)) + content


def identified(identifier: int) -> bytes:
    """The identifier alone."""
    return identifier.to_bytes((identifier.bit_length() + 7) // 8)


def size(length: int) -> bytes:
    """In as few bytes as it takes; all bits 1 would mean that it is unknown (§4, §6.2)."""
    width = 1
    while length >= (1 << 7 * width) - 1:
        width += 1
    return (1 << 7 * width | length).to_bytes(width)


def size_of_8(length: int) -> bytes:
    """In the eight bytes of UNKNOWN_SIZE."""
    return (1 << 56 | length).to_bytes(8)


def unsigned(identifier: int, number: int) -> bytes:
    """An unsigned integer (§7.2)."""
    return element(identifier, number.to_bytes(max(1, (number.bit_length() + 7) // 8)))


def floating(identifier: int, number: float) -> bytes:
    """A float of eight bytes (§7.3)."""
    return element(identifier, struct.pack(">d", number))


def text(identifier: int, words: str) -> bytes:
    """UTF-8; a zero byte would end it (§7.5)."""
    return element(identifier, words.replace("\0", "").encode("utf-8", "replace"))


def void(length: int) -> bytes:
    """What is skipped, 2 bytes or more in all (§11.3.2)."""
    if length <= 128:
        return bytes((VOID, 0x80 | length - 2)) + bytes(length - 2)
    return bytes((VOID,)) + size_of_8(length - 9) + bytes(length - 9)
