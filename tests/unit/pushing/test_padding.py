"""Filler behind a stream's end."""

from __future__ import annotations

import pytest

from orchestrator.pushing.padding import filler

HVCC = bytes([1, *20 * [0], 0b11111100 | 3, 0])


@pytest.mark.parametrize(
    ("codec", "extradata", "expected"),
    [
        ("h264", b"\x01\x64\x00\x1e\xff\xe1", "000000020c80"),
        ("h264", b"\x01\x64\x00\x1e\xfd\xe1", "00020c80"),
        ("h264", b"\0\0\0\1\x67", "000000010c80"),
        ("h264", b"", "000000010c80"),
        ("hevc", HVCC, "000000034c0180"),
        ("vp9", b"", None),
    ],
)
def test_it_has_lengths_as_the_stream_has_them(
    codec: str, extradata: bytes, expected: str | None
) -> None:
    made = filler(codec, extradata)
    assert (made and made.hex()) == expected
