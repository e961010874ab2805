"""The keys of one participant, by index, and how far each was ratcheted."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from orchestrator.e2ee_keys import RING
from orchestrator.sources.e2ee.derivation import RatchetedKeys
from orchestrator.sources.e2ee.frame_layout import EncryptedFrame

SEARCHES: Final = 10
"""Frames for which every known key is tried, until one fits; then only one in `SEARCH_S`."""

SEARCH_S: Final = 0.5


class Undecryptable(Exception):
    """A frame can't be decrypted; `why`, as the end of a sentence."""

    def __init__(self, why: str, *, yet: bool = False, untried: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.yet = yet
        """Keys are being derived: a later frame may be."""
        self.untried = untried
        """No key is derived so far, so none is wrong."""


class _Slot:
    """One index of a ring."""

    def __init__(self, keys: RatchetedKeys, window: int, clock: Callable[[], float]) -> None:
        self._keys, self._window, self._clock = keys, window, clock
        self._ratcheted = 0
        """How often the key that fitted last was ratcheted."""
        self._failures = 0
        self._searched_at = -1e9
        self.all_known = False
        """Whether every key that may fit was known when it was looked for last."""
        keys.want(1)

    @property
    def untried(self) -> bool:
        """Whether its first key is still being derived."""
        return not self._keys.known

    def decrypt(self, frame: EncryptedFrame) -> bytes | None:
        """None if no key that is known fits."""
        known = self._keys.known
        if self._ratcheted < len(known):
            plain = _decrypted(known[self._ratcheted], frame)
            if plain is not None:
                self._failures = 0
                return plain
        return self._search(frame)

    def _search(self, frame: EncryptedFrame) -> bytes | None:
        now = self._clock()
        if self._failures >= SEARCHES and now - self._searched_at < SEARCH_S:
            return None
        self._searched_at = now
        count = self._ratcheted + 1 + self._window
        self.all_known = self._keys.want(count)
        # A publisher that joins anew begins with the key as it was; frames of before may be late.
        for number, key in enumerate(self._keys.known[:count]):
            if number != self._ratcheted and (plain := _decrypted(key, frame)) is not None:
                self._ratcheted, self._failures = number, 0
                return plain
        self._failures += 1
        return None


def _decrypted(key: AESGCM, frame: EncryptedFrame) -> bytes | None:
    try:
        return key.decrypt(frame.iv, frame.encrypted, frame.clear)
    except InvalidTag:
        return None


class KeyRing:
    """Decrypts the frames of one participant."""

    def __init__(
        self,
        keys: Mapping[int, RatchetedKeys],
        window: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._slots = {index: _Slot(each, window, clock) for index, each in keys.items()}

    def decrypt(self, frame: EncryptedFrame) -> bytes:
        """What was encrypted, behind the clear bytes; raises Undecryptable."""
        index = frame.key_index % RING
        slot = self._slots.get(index)
        if slot is None:
            raise Undecryptable(
                f"no key is given for it with the key_index {index} that it is encrypted with"
                if self._slots
                else NO_KEY
            )
        if slot.untried:
            why = f"the key that is given for it (key_index {index}) is still being derived"
            raise Undecryptable(why, yet=True, untried=True)
        plain = slot.decrypt(frame)
        if plain is None:
            why = f"the key that is given for it (key_index {index}) is not the right one"
            raise Undecryptable(why, yet=not slot.all_known)
        return frame.clear + plain


NO_KEY: Final = "no key is given for it"

EMPTY: Final = KeyRing({}, 0)
"""Of a participant without a key."""
