"""What ffmpeg says of a push that fails, in words."""

from __future__ import annotations

import pytest

from orchestrator.pushing.address import address_of
from orchestrator.pushing.failure import failure_of, refuses_video, stalled
from orchestrator.pushing.hidden_arguments import CANNOT_HIDE

ADDRESS = address_of("rtmp://a.example/live/secret-key")
OPENING = "[out#0/flv @ 0x55dc3] [error] Error opening output rtmp://a.example: {}"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("[tcp @ 0x5581] [error] Connection to tcp://a failed: Connection refused", "is refused"),
        (OPENING.format("Connection timed out"), "doesn't answer"),
        ("[rtmp @ 0x5581] [error] Server error: NetStream.Publish.BadName", "stream key"),
        ("[tls @ 0x5581] [error] certificate verify failed", "certificate"),
        (OPENING.format("Server returned 401 Unauthorized (authorization failed)"), "token"),
        ("[tcp @ 0x5] [error] Failed to resolve hostname a.example: not known", "can't be found"),
        ("[av_interleaved @ 0x5] [error] Error muxing a packet: Broken pipe", "closed"),
        ("[vost @ 0x5] [error] Something new happened.", "Something new happened"),
    ],
)
def test_the_reason_is_in_the_error(line: str, why: str) -> None:
    error = failure_of(ADDRESS, 1, ["[info] Input #0, nut", line], sent=False)
    assert why in error.error
    assert error.error.startswith("The push to rtmp://a.example/live/*** doesn't begin: ")
    assert error.detail


def test_a_warning_is_no_reason() -> None:
    said = ["[libx264 @ 0x5] [warning] MB rate > level limit", "[whip @ 0x5] [error] No answer"]
    assert "No answer" in failure_of(ADDRESS, 1, said, sent=False).error


def test_one_that_was_sending_is_interrupted() -> None:
    assert (
        "is interrupted: ffmpeg ended with signal 9."
        in failure_of(ADDRESS, -9, [], sent=True).error
    )
    assert "took nothing for 15 s" in stalled(ADDRESS, 15.2).error


def test_a_system_that_hides_nothing_is_named() -> None:
    assert "ptrace" in failure_of(ADDRESS, CANNOT_HIDE, [], sent=False).detail


@pytest.mark.parametrize(
    ("line", "refused"),
    [
        ("[http @ 0x7fe820116340] [warning] HTTP error 400 Bad Request", True),
        ("[http @ 0x7f6d78116340] [warning] HTTP error 406 Not Acceptable", True),
        ("m=video 0 UDP/TLS/RTP/SAVPF 106", True),
        ("m=video 9 UDP/TLS/RTP/SAVPF 106 105", False),
        ("[http @ 0x7fe820116340] [warning] HTTP error 401 Unauthorized", False),
        ("[http @ 0x7fe820116340] [warning] HTTP error 503 Service Unavailable", False),
    ],
)
def test_a_whip_server_that_does_not_take_the_video_is_known(line: str, refused: bool) -> None:
    before = "[WHIP muxer @ 0x55a3] [verbose] Got state=3, answer: v=0"
    assert refuses_video([before, line]) is refused
