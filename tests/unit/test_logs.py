"""Log lines: one form for everybody's, and no token in any of them."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from orchestrator import logs
from orchestrator.errors import SettingsError
from tests.kit.clocks import HandClock

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_ours_and_others_lines_have_the_same_form() -> None:
    stream = io.StringIO()
    logs.configure("info", "json", stream)
    structlog.get_logger("ours").info("recording", id=7)
    logging.getLogger("theirs").warning("late by %d ms", 3)
    ours, theirs = lines(stream)
    assert {**ours, "timestamp": 0} == {
        **{"event": "recording", "id": 7, "logger": "ours", "level": "info", "timestamp": 0}
    }
    assert (theirs["event"], theirs["logger"]) == ("late by 3 ms", "theirs")
    assert str(theirs["timestamp"]).endswith("Z")


def test_what_others_send_neither_steers_a_terminal_nor_forges_a_line() -> None:
    stream = io.StringIO()
    logs.configure("info", "console", stream)
    structlog.get_logger("ours").warning("refused", answer="\x1b[31mred\x9b2J", name="a\nb")
    logging.getLogger("theirs").warning("said %s", "\x1b]52;c;aGk=\x07\nforged")
    try:
        raise ValueError("\x1b[2J")
    except ValueError:
        structlog.get_logger("ours").exception("failed")
    written = stream.getvalue()
    assert not {"\x1b", "\x9b", "\x07"} & set(written)
    assert not any(line.startswith(("b", "forged")) for line in written.splitlines())
    assert "\nTraceback (most recent call last):\n" in written


@pytest.mark.parametrize("form", ["console", "json"])
def test_no_token_is_written(form: str) -> None:
    stream = io.StringIO()
    logs.configure("debug", form, stream)
    logging.getLogger("theirs").info("GET /rtc?access_token=%s&protocol=15", TOKEN)
    structlog.get_logger("ours").info("joined", url=f"wss://x/rtc?access_token={TOKEN}", token="ab")
    structlog.get_logger("ours").info(f"Authorization: Bearer {TOKEN}, X-API-Key: k3y")
    try:
        raise ValueError(f"refused {TOKEN}")
    except ValueError:
        structlog.get_logger("ours").exception("failed")
    written = stream.getvalue()
    assert "eyJ" not in written
    assert "k3y" not in written
    assert '"ab"' not in written
    assert "token=ab" not in written
    assert "protocol=15" in written


def test_packets_are_not_logged_even_when_debugging() -> None:
    stream = io.StringIO()
    logs.configure("debug", "json", stream)
    logging.getLogger("aiortc.rtcrtpreceiver").debug("RtpPacket(seq=1)")
    structlog.get_logger("ours").debug("kept")
    assert [line["event"] for line in lines(stream)] == ["kept"]


def test_lower_levels_are_left_out() -> None:
    stream = io.StringIO()
    logs.configure("warning", "json", stream)
    structlog.get_logger("ours").info("hidden")
    structlog.get_logger("ours").warning("shown")
    assert [line["event"] for line in lines(stream)] == ["shown"]


def test_a_value_is_cut_so_that_a_line_stays_a_line() -> None:
    stream = io.StringIO()
    logs.configure("info", "json", stream)
    structlog.get_logger("ours").info("x", text="y" * 100_000)
    assert len(str(lines(stream)[0]["text"])) == logs.LONGEST


def test_an_unknown_form_is_refused() -> None:
    with pytest.raises(SettingsError, match="It is one of console, json"):
        logs.configure("info", "xml")


def test_what_happens_often_is_one_line_a_second_with_how_often() -> None:
    clock, logged = HandClock(), list[tuple[str, dict[str, object]]]()
    say = logs.Repeated(lambda event, **values: logged.append((event, values)), clock)
    for number in range(25):
        say("broken", number=number)
        clock.now += 0.125
    assert logged == [
        ("broken", {"number": 0}),
        ("broken", {"number": 8, "and_more": 7}),
        ("broken", {"number": 16, "and_more": 7}),
        ("broken", {"number": 24, "and_more": 7}),
    ]
