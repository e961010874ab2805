"""Guessing an API key: how often it may be tried, what that costs others, and what the log says."""

from __future__ import annotations

from pydantic import SecretStr
from structlog.testing import capture_logs

from orchestrator.api.access.key_attempts import (
    LOG_S,
    MOST_ADDRESSES,
    TRIES,
    TRIES_OF_ALL,
    TRIES_OF_ALL_PER_S,
    TRIES_PER_S,
    KeyAttempts,
)
from orchestrator.settings import Settings
from tests.kit.api.callers import calling
from tests.kit.api.memory import MemoryManager

KEY = "a key of 22 characters"
ONE, OTHER = "198.51.100.1", "203.0.113.1"
ACTIVE = "/api/recording/active"


class Clock:
    """Stands still until the test moves it."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def guessed(attempts: KeyAttempts, host: str, keys: list[str]) -> int:
    """How many of these wrong keys were looked at."""
    looked = 0
    for key in keys:
        if attempts.refusal(host) is None:
            attempts.failed(host, key)
            looked += 1
    return looked


KEYS = [f"key{number}" for number in range(4000)]


def test_an_address_has_some_tries_which_come_back_slowly() -> None:
    clock = Clock()
    attempts = KeyAttempts(clock)
    assert guessed(attempts, ONE, KEYS) == TRIES
    error = attempts.refusal(ONE)
    assert error is not None
    assert 0 < error.context["retry_after_s"] <= 1 / TRIES_PER_S
    assert attempts.refusal(OTHER) is None
    clock.now_s += 60
    assert guessed(attempts, ONE, KEYS) == min(TRIES, 60 * TRIES_PER_S)
    clock.now_s += 1 / TRIES_PER_S
    assert guessed(attempts, ONE, KEYS) == 1


def test_an_old_key_over_and_over_shuts_nobody_out() -> None:
    """A program asks once a second with a key that was changed."""
    clock = Clock()
    attempts = KeyAttempts(clock)
    for _ in range(1000):
        assert guessed(attempts, ONE, ["old"]) == 1
        clock.now_s += 1
    assert guessed(attempts, ONE, ["old"] * 4000) < 100, "but not as fast as it can"


def test_addresses_of_one_line_are_one() -> None:
    attempts = KeyAttempts(Clock())
    assert sum(guessed(attempts, f"2001:db8::{n}", [KEYS[n]]) for n in range(100)) == TRIES


def test_what_is_remembered_is_bounded() -> None:
    attempts = KeyAttempts(Clock())
    for number in range(2 * MOST_ADDRESSES):
        attempts.failed(f"10.0.{number // 256}.{number % 256}", "wrong")
    assert len(attempts._of) == MOST_ADDRESSES


def test_all_addresses_together_have_a_number_of_tries() -> None:
    clock = Clock()
    attempts = KeyAttempts(clock)
    hosts = iter(f"10.0.{number // 256}.{number % 256}" for number in range(1000))

    def answered_401(number: int) -> int:
        return sum(attempts.failed(next(hosts), "wrong") is None for _ in range(number))

    assert answered_401(300) == TRIES_OF_ALL
    error = attempts.failed(next(hosts), "wrong")
    assert error is not None
    assert 0 < error.context["retry_after_s"] <= 1 / TRIES_OF_ALL_PER_S
    assert attempts.refusal(ONE) is None, "its key is checked, and may be right"
    clock.now_s += 1
    assert answered_401(300) == TRIES_OF_ALL_PER_S


def test_the_log_has_one_line_a_minute() -> None:
    clock = Clock()
    attempts = KeyAttempts(clock)
    with capture_logs() as lines:
        guessed(attempts, ONE, KEYS)
        guessed(attempts, OTHER, KEYS)
        assert [(line["address"], line["attempts"]) for line in lines] == [(ONE, 1)]
        clock.now_s += LOG_S
        guessed(attempts, OTHER, ["again"])
    assert [(line["address"], line["attempts"]) for line in lines[1:]] == [(OTHER, 20)]
    assert "key" not in str([value for line in lines for value in line.values()]).replace(
        "wrong API key", ""
    )


async def test_who_guesses_is_refused_and_others_are_not(settings: Settings) -> None:
    manager = MemoryManager(settings.model_copy(update={"api_key": SecretStr(KEY)}))
    async with calling(manager.settings, manager) as client:

        async def status(key: str, host: str = ONE, **headers: str) -> int:
            sent = {"X-API-Key": key, "X-Forwarded-For": host, **headers}
            return (await client.get(ACTIVE, headers=sent)).status_code

        statuses = [await status(key) for key in KEYS[:12]]
        assert statuses == [401] * 10 + [429] * 2
        assert await status(KEY) == 429, "or the answer would tell that it is the right one"
        assert await status(KEY, OTHER) == 200
        await client.post("/api/session", headers={"X-API-Key": KEY})
        assert (await client.get(ACTIVE, headers={"X-Forwarded-For": ONE})).status_code == 200
        refused = await client.get(ACTIVE, headers={"X-API-Key": "x", "X-Forwarded-For": ONE})
        assert refused.json()["code"] == "too_many_attempts"
        assert 1 <= int(refused.headers["retry-after"]) <= 4
        # A page that may not ask at all uses up nobody's tries.
        page = {"Sec-Fetch-Site": "cross-site"}
        assert {await status(key, "192.0.2.1", **page) for key in KEYS[:50]} == {403}
        assert await status(KEY, "192.0.2.1") == 200


async def test_many_addresses_that_guess_lock_nobody_out(settings: Settings) -> None:
    manager = MemoryManager(settings.model_copy(update={"api_key": SecretStr(KEY)}))
    async with calling(manager.settings, manager) as client:

        async def status(key: str, host: str) -> int:
            sent = {"X-API-Key": key, "X-Forwarded-For": host}
            return (await client.get(ACTIVE, headers=sent)).status_code

        guesses = [await status("wrong", f"198.51.100.{number}") for number in range(250)]
        assert guesses[:100] == [401] * 100
        assert 429 in guesses[100:]
        assert await status(KEY, OTHER) == 200
        assert [await status(key, OTHER) for key in KEYS[:30]][-1] == 429
        assert await status(KEY, OTHER) == 429, "it has used up its own tries"
