"""Who waits how long for whom at a stop: nobody gives up before the one that is waited for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orchestrator.client.http_clients import TIMEOUT_S
from orchestrator.recordings import orphans
from orchestrator.server import lock
from orchestrator.settings import Settings
from orchestrator.sources.aiortc import peer
from orchestrator.stop_policy import STOP
from orchestrator.whep import http
from orchestrator.worker import catalog_entry

ROOT = Path(__file__).parents[2]

APP_WAITS_FOR_STOP_S = 120
"""The desktop app gives up POST /stop then; it shows an error though the file gets finished."""

APP_RESTARTS_AFTER_S = 3
"""The desktop app sends SIGTERM and starts the next server so much later, at the earliest."""


def seconds(text: str) -> float:
    minutes = re.fullmatch(r"(\d+)min", text)
    return 60.0 * int(minutes[1]) if minutes else float(text.removesuffix("s"))


def test_each_waits_longer_than_what_it_waits_for() -> None:
    worker_s = (
        catalog_entry.LOOK_S
        + 2 * peer.FLUSH_S
        + STOP.working_s
        + 2 * STOP.signal_s
        + STOP.reap_s
        + STOP.writer_s
        + http.DELETE_S
        + peer.CLOSE_S
        + STOP.file_s
    )
    assert worker_s <= STOP.answer_s < TIMEOUT_S
    assert STOP.grace_s <= STOP.working_s
    assert orphans.MOST_S <= STOP.ffmpeg_s < STOP.answer_s
    assert STOP.notes_s < STOP.exit_s
    assert STOP.requests_s + STOP.answer_s + STOP.exit_s <= STOP.server_s
    assert STOP.requests_s < lock.WAIT_S


def test_the_limits_of_the_contract() -> None:
    assert STOP.answer_s <= APP_WAITS_FOR_STOP_S - 5
    assert STOP.requests_s <= APP_RESTARTS_AFTER_S


def test_a_server_that_ends_waits_as_long_as_a_stop_may_take() -> None:
    settings = Settings(_env_file=None)
    assert settings.shutdown_timeout_s >= STOP.answer_s


@pytest.mark.parametrize("limit_s", [-1, 0, 7, 20, 74, 75, 100])
def test_a_last_run_has_the_time_that_is_left(limit_s: float) -> None:
    policy = STOP.ffmpeg_within(limit_s)
    assert policy.ffmpeg_s <= max(7, min(limit_s, STOP.ffmpeg_s))
    assert policy.working_s > 0


def test_service_managers_wait_for_the_server() -> None:
    unit = (ROOT / "packaging/systemd/haven-recorder.service").read_text()
    stop = re.search(r"^TimeoutStopSec=(\w+)$", unit, re.MULTILINE)
    assert stop is not None
    assert seconds(stop[1]) > STOP.server_s
    for name in ("Containerfile", "docs/install.md"):
        text = (ROOT / name).read_text()
        seconds_now = re.findall(r"podman stop --time (\d+)", text)
        assert seconds_now, name
        assert all(float(each) > STOP.server_s for each in seconds_now), name
        assert f"{STOP.answer_s:g} s" in text, name
