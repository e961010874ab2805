"""OBUs of AV1 out of the payloads of a frame."""

from __future__ import annotations

import pytest

from orchestrator.sources.payloads.av1 import temporal_unit


@pytest.mark.parametrize(
    ("payloads", "unit"),
    [
        (["10 30 aa"], "32 01 aa"),
        (["20 02 30 aa 30 bb"], "32 01 aa 32 01 bb"),
        (["00 02 30 aa 02 30 bb"], "32 01 aa 32 01 bb"),
        (["50 30 aa", "90 bb"], "32 02 aa bb"),
        (["50 30 aa", "d0 bb", "90 cc"], "32 03 aa bb cc"),
        (["50 30 aa", "a0 01 bb 30 cc"], "32 02 aa bb 32 01 cc"),
        (["50 30 aa", "e0 01 bb 30 cc", "90 dd"], "32 02 aa bb 32 02 cc dd"),
        (["10 32 01 aa"], "32 01 aa"),  # has its size already
        (["10 34 20 aa"], "36 20 01 aa"),  # with an extension
        (["20 01 10 30 aa"], "32 01 aa"),  # a temporal delimiter
        (["20 02 78 00 30 aa"], "32 01 aa"),  # padding
        (["10 30" + 200 * " 01"], "32 c8 01" + 200 * " 01"),
        (["", "10 30 aa", ""], "32 01 aa"),
    ],
)
def test_obus_of_several_payloads(payloads: list[str], unit: str) -> None:
    assert temporal_unit([*map(bytes.fromhex, payloads)]) == bytes.fromhex(unit)


@pytest.mark.parametrize(
    "payloads",
    [
        ["90 aa"],
        ["50 30 aa"],
        ["50 30 aa", "10 30 bb"],
        ["50 30 aa", "d0 bb"],
        ["10"],
        ["10 34"],
        ["10 32 05 aa"],
        ["10 b0 aa"],
    ],
)
def test_a_missing_piece_of_an_obu_is_a_value_error(payloads: list[str]) -> None:
    with pytest.raises(ValueError, match=r"missing|OBU"):
        temporal_unit([*map(bytes.fromhex, payloads)])


def test_a_unit_of_av1_has_an_end_of_obus() -> None:
    """Thousands of empty ones held up the event loop."""
    many = b"\0" + 700 * bytes.fromhex("01 30")
    assert len(temporal_unit([many])) == 2 * 700
    with pytest.raises(ValueError, match="more than 1024"):
        temporal_unit([many, many])
    pieces = [b"\x50\x30", *(2000 * [b"\xd0\xaa"]), b"\x90\xbb"]
    assert temporal_unit(pieces).endswith(2000 * b"\xaa" + b"\xbb"), "a large one is one"
