"""What keys of frames are derived from, and how far a key was ratcheted. Pure.

livekit client-sdk-js, src/e2ee/utils.ts: AES-128-GCM with a key derived by PBKDF2 or HKDF, both
with SHA-256 and the same salt; ratcheting derives 256 bits that take the place of the passphrase.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from orchestrator.e2ee_keys import Kdf

SALT: Final = b"LKFrameEncryptionKey"
ROUNDS: Final = 100_000
"""Of PBKDF2: some 30 ms, without the interpreter's lock."""

_INFO: Final = bytes(128)

MOST_RATCHETS: Final = 10_000
"""Of one key; a publisher that ratchets each minute does so in a week."""


def derived(kdf: Kdf, material: bytes, length: int) -> bytes:
    """So many bytes."""
    if kdf == "pbkdf2":
        return hashlib.pbkdf2_hmac("sha256", material, SALT, ROUNDS, length)
    return HKDF(SHA256(), length, SALT, _INFO).derive(material)


class RatchetedKeys:
    """A key and those that it becomes by ratcheting, as far as they were derived.

    All participants who share a key share these. `later` runs a function in another thread, one
    after the other, the lowest numbers first: PBKDF2 takes its time, HKDF none.
    """

    def __init__(
        self, kdf: Kdf, material: bytes, later: Callable[[int, Callable[[], None]], None]
    ) -> None:
        self._kdf, self._material = kdf, material
        self._later = later
        self._wanted = 0
        self._deriving = False
        self.known: list[AESGCM] = []
        """The key, then ratcheted once, twice, …"""

    def __repr__(self) -> str:
        return f"<{self._kdf}, {len(self.known)} known>"

    def want(self, count: int) -> bool:
        """So many are needed; whether they are all known. If not, they are derived later."""
        self._wanted = max(self._wanted, min(count, MOST_RATCHETS))
        if self._kdf == "hkdf":
            while len(self.known) < self._wanted:
                self._derive_one()
        elif len(self.known) < self._wanted and not self._deriving:
            self._deriving = True
            self._later(len(self.known), self._derive)
        return len(self.known) >= min(count, MOST_RATCHETS)

    def _derive(self) -> None:
        """One, then the next, behind those of which fewer are known: nobody's first has to wait."""
        try:
            self._derive_one()
        except BaseException:
            self._deriving = False
            raise
        if len(self.known) < self._wanted:
            self._later(len(self.known), self._derive)
        else:
            self._deriving = False

    def _derive_one(self) -> None:
        if self.known:
            self._material = derived(self._kdf, self._material, 32)
        self.known.append(AESGCM(derived(self._kdf, self._material, 16)))
