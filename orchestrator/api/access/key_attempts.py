"""Limits for wrong API keys, per address and in all, and a rate-limited log line about them.

Each address has a number of tries, which refill slowly. While it has none, no key from it is
checked, not even a correct one: otherwise the response would reveal it. Repeating the same wrong
key, as a program with an old key does, costs a fraction of a try. Session cookies remain valid.

All addresses together have tries, too. While those are used up, a wrong key gets the same error,
but the right one is accepted from an address that has tries left: nobody can lock others out. So
this limit can't stop guessing from ever new addresses; a long random key does.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import structlog
from cachetools import LRUCache

from orchestrator.api.access.proxies import client_network
from orchestrator.errors import HavenError

log = structlog.get_logger(__name__)

TRIES: Final = 10.0
TRIES_PER_S: Final = 0.25

TRIES_OF_ALL: Final = 100.0
TRIES_OF_ALL_PER_S: Final = 10.0
"""Wrong keys of all addresses together."""

SAME_AGAIN: Final = 0.2
"""Cost of repeating the same key, in tries."""

MOST_ADDRESSES: Final = 1024
"""Addresses that are remembered; a new one replaces the one that was inactive longest."""

LOG_S: Final = 60.0
"""Time between two log lines, for all addresses together."""


class TooManyAttempts(HavenError):
    """This address, or all of them together, have sent too many wrong keys."""

    status = 429
    code = "too_many_attempts"

    def __init__(
        self,
        wait_s: float,
        sender: str = "this address",
        *,
        kind: str = "API keys",
        place: str = " (ORCHESTRATOR_API_KEY)",
    ) -> None:
        super().__init__(
            f"Too many wrong {kind} came from {sender}",
            f"Correct the key{place}, and try again in {math.ceil(wait_s)} s.",
            retry_after_s=wait_s,
        )


@dataclass(slots=True)
class _Bucket:
    """Tries that refill at a constant rate."""

    most: float
    per_s: float
    at_s: float
    tries: float = field(init=False)

    def __post_init__(self) -> None:
        self.tries = self.most

    def wait_s(self, now_s: float) -> float:
        """Time until there is a whole try; 0 if there is one."""
        self.tries = min(self.most, self.tries + (now_s - self.at_s) * self.per_s)
        self.at_s = now_s
        return max(0.0, (1 - self.tries) / self.per_s)


@dataclass(slots=True)
class _Address:
    bucket: _Bucket
    last: bytes = b""


class KeyAttempts:
    """The remaining tries of each address, and of all together."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        *,
        kind: str = "API keys",
        place: str = " (ORCHESTRATOR_API_KEY)",
    ) -> None:
        """`kind`: of these keys, for the error; `place`: where the right one is set."""
        self._clock = clock
        self._too_many = partial(TooManyAttempts, kind=kind, place=place)
        self._kind = kind
        self._of: LRUCache[str, _Address] = LRUCache(MOST_ADDRESSES)
        self._of_all = _Bucket(TRIES_OF_ALL, TRIES_OF_ALL_PER_S, clock())
        self._unlogged = 0
        self._logged_at_s = -math.inf

    def refusal(self, host: str) -> TooManyAttempts | None:
        """The error if no key from this address is checked now, else None."""
        known = self._of.get(client_network(host))
        wait_s = known.bucket.wait_s(self._clock()) if known else 0.0
        return self._too_many(wait_s) if wait_s else None

    def failed(self, host: str, key: str) -> TooManyAttempts | None:
        """Counts a wrong key from this address.

        Returns the error if there were too many from all addresses, else None.
        """
        now_s = self._clock()
        address = client_network(host)
        known = self._of.get(address) or _Address(_Bucket(TRIES, TRIES_PER_S, now_s))
        self._of[address] = known
        digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
        cost = SAME_AGAIN if digest == known.last else 1.0
        known.last = digest
        known.bucket.wait_s(now_s)
        known.bucket.tries -= cost
        self._log(host)
        if wait_s := self._of_all.wait_s(now_s):
            return self._too_many(wait_s, "all addresses together")
        self._of_all.tries -= cost
        return None

    def _log(self, host: str) -> None:
        self._unlogged += 1
        if self._clock() - self._logged_at_s < LOG_S:
            return
        log.warning(f"wrong {self._kind}", address=host, attempts=self._unlogged)
        self._unlogged, self._logged_at_s = 0, self._clock()
