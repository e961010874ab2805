"""When a failed upload is tried again, and where; how much is sent at once and how fast."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.errors import BucketMissing, FileGone, UploadBusy, UploadError, UploadHindered
from orchestrator.uploads.bandwidth import Bandwidth
from orchestrator.uploads.retries import GIVE_UP, LONGEST_S, TRIES_BEFORE_FALLBACK, decide, pause_s
from orchestrator.uploads.s3.multipart import MOST_PARTS, PART_BYTES, part_size

NOW = datetime(2026, 11, 30, 18, tzinfo=UTC)
BUSY, MISSING = UploadBusy("busy", ""), BucketMissing("missing", "")


def test_an_outage_is_tried_for_days_with_longer_pauses() -> None:
    for tries in range(1, 2000):
        decision = decide(BUSY, tries, has_fallback=False, since=NOW, now=NOW)
        assert decision.next_try_at is not None
        assert NOW < decision.next_try_at <= NOW + timedelta(seconds=LONGEST_S)
    assert pause_s(1) <= 2 < pause_s(4)
    late = NOW + GIVE_UP + timedelta(seconds=1)
    assert decide(BUSY, 3000, has_fallback=False, since=NOW, now=late).gives_up


@pytest.mark.parametrize("error", [FileGone("gone", ""), UploadHindered("full", "")])
def test_another_target_is_no_help_against_what_is_wrong_here(error: UploadError) -> None:
    tries = TRIES_BEFORE_FALLBACK
    decision = decide(error, tries, has_fallback=True, since=NOW, now=NOW)
    assert not decision.fallback
    assert decision.gives_up is error.lasting


def test_what_lasts_is_given_up_or_goes_to_the_second_target() -> None:
    assert decide(MISSING, 1, has_fallback=False, since=NOW, now=NOW).gives_up
    assert decide(MISSING, 1, has_fallback=True, since=NOW, now=NOW).fallback


def test_an_outage_goes_to_the_second_target_after_some_tries() -> None:
    decisions = [
        decide(BUSY, tries, has_fallback=True, since=NOW, now=NOW).fallback
        for tries in range(1, TRIES_BEFORE_FALLBACK + 1)
    ]
    assert decisions == [False] * (TRIES_BEFORE_FALLBACK - 1) + [True]


@pytest.mark.parametrize("size", [1, PART_BYTES, 10**9, 48 * 10**9, 5 * 2**40])
def test_parts_are_few_enough_and_not_too_small(size: int) -> None:
    step = part_size(size)
    assert -(-size // step) <= MOST_PARTS
    assert 5 * 2**20 <= step <= 5 * 2**30
    assert step % 2**20 == 0


async def test_a_bandwidth_is_kept() -> None:
    pace, began_s = Bandwidth(8_000_000), time.monotonic()
    for _ in range(6):
        await pace.take(100_000)
    assert time.monotonic() - began_s >= 0.3
