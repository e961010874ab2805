"""The keys of a room: what is given, and a ring for each participant."""

from __future__ import annotations

import heapq
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import structlog

from orchestrator.e2ee_keys import E2eeKeys, ParticipantKeys
from orchestrator.sources.e2ee.derivation import RatchetedKeys
from orchestrator.sources.e2ee.key_ring import EMPTY, KeyRing

log = structlog.get_logger(__name__)

MOST_RINGS: Final = 1000
"""Participants whose keys are kept; of those beyond, who was seen longest ago begins anew."""


class RoomKeys:
    """Gives each participant the keys that are given for it, else those that all share."""

    def __init__(self, keys: E2eeKeys | None) -> None:
        self._window = keys.ratchet_window if keys is not None else 0
        self._given: dict[str, ParticipantKeys] = dict(keys.participants) if keys else {}
        self._later = _LowestFirst()
        self._shared = self._derive(keys) if keys is not None else {}
        self._derived: dict[str, dict[int, RatchetedKeys]] = {}
        self._rings: OrderedDict[str, KeyRing] = OrderedDict()
        for each in self._shared.values():
            each.want(1)

    def has_key(self, participant: str) -> bool:
        """Whether there is one for it, which is derived from now on."""
        return self.ring(participant) is not EMPTY

    def ring(self, participant: str) -> KeyRing:
        """That of a participant, by its identity."""
        ring = self._rings.get(participant)
        if ring is not None:
            self._rings.move_to_end(participant)
            return ring
        if not (keys := self._keys_of(participant)):
            return EMPTY
        if len(self._rings) >= MOST_RINGS:
            self._rings.popitem(last=False)
        ring = self._rings[participant] = KeyRing(keys, self._window)
        return ring

    def _keys_of(self, participant: str) -> dict[int, RatchetedKeys]:
        given = self._given.get(participant)
        if given is None:
            return self._shared
        if participant not in self._derived:
            self._derived[participant] = self._derive(given)
        return self._derived[participant]

    def _derive(self, given: ParticipantKeys) -> dict[int, RatchetedKeys]:
        return {
            each.key_index: RatchetedKeys(each.derivation, each.material, self._later)
            for each in given.all
            if each.material is not None
        }


class _LowestFirst:
    """Runs functions, those with the lowest number first, in a thread that ends when there are no
    more.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[int, int, Callable[[], None]]] = []
        """A heap: number, how many came before, function."""
        self._came = 0
        self._lock = threading.Lock()
        self._running = False

    def __call__(self, number: int, do: Callable[[], None]) -> None:
        with self._lock:
            heapq.heappush(self._waiting, (number, self._came, do))
            self._came += 1
            if not self._running:
                self._running = True
                threading.Thread(target=self._run, name="keys", daemon=True).start()

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._running = False
                    return
                _, _, do = heapq.heappop(self._waiting)
            try:
                do()
            except Exception:  # a thread's boundary: frames that need this key are left out
                log.exception("a key could not be derived")
