"""Seals secrets for the catalog: who reads the database alone doesn't learn them.

Fernet (AES-128-CBC and HMAC-SHA256) with a key in a file of its own beside the database, 0600.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

from cryptography.fernet import Fernet, InvalidToken

from orchestrator.errors import Unavailable

SUFFIX: Final = ".key"


class SealingKey:
    """The key of one catalog; it is made when it is needed first. Its methods block."""

    def __init__(self, catalog: Path) -> None:
        """`catalog`: the path of its database."""
        self._path = catalog.with_name(catalog.name + SUFFIX)

    def seal(self, secret: str) -> str:
        """The secret, sealed; Unavailable if there can be no key."""
        try:
            key = self._read() or self._make()
        except OSError as error:
            raise self._unusable(error) from error
        return key.encrypt(secret.encode()).decode()

    def unseal(self, sealed: str) -> str:
        """What was sealed; Unavailable if the key is gone or another one."""
        try:
            key = self._read()
        except OSError as error:
            raise self._unusable(error) from error
        try:
            if key is not None:
                return key.decrypt(sealed.encode()).decode()
        except InvalidToken:
            pass
        raise Unavailable(
            f"A secret in the catalog can't be read: {self._path} is missing or another key.",
            "Put the file back that belongs to this catalog, or give the secret again.",
        )

    def _read(self) -> Fernet | None:
        try:
            return Fernet(self._path.read_bytes().strip())
        except FileNotFoundError:
            return None
        except ValueError as error:  # what is in it is no key
            raise self._unusable(error) from error

    def _make(self) -> Fernet:
        """Whole and on the disk before it has its name; of two processes one's key stays."""
        draft = self._path.with_name(f".{self._path.name}.{secrets.token_hex(8)}")
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(Fernet.generate_key())
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):
                os.link(draft, self._path)
        finally:
            draft.unlink(missing_ok=True)
        key = self._read()
        assert key is not None
        return key

    def _unusable(self, error: Exception) -> Unavailable:
        return Unavailable(
            f"The key for secrets in the catalog, {self._path}, can't be used: {error}.",
            "Make its folder writable, and the file readable, for the user who runs this.",
        )
