"""Encrypts frames as LiveKit's clients do, written for the tests after what they document."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

SALT: Final = b"LKFrameEncryptionKey"


def stretched(material: bytes, bits: int, *, hkdf: bool) -> bytes:
    """What is derived of a passphrase or a key."""
    length, sha = bits // 8, hashes.SHA256()
    if hkdf:
        return HKDF(algorithm=sha, length=length, salt=SALT, info=bytes(128)).derive(material)
    return PBKDF2HMAC(algorithm=sha, length=length, salt=SALT, iterations=100_000).derive(material)


@dataclass
class Encryptor:
    """A publisher's."""

    material: bytes
    hkdf: bool = True
    index: int = 0
    count: int = 0

    def __post_init__(self) -> None:
        self._key = stretched(self.material, 128, hkdf=self.hkdf)

    def ratchet(self) -> None:
        """Goes on with the next key."""
        self.material = stretched(self.material, 256, hkdf=self.hkdf)
        self._key = stretched(self.material, 128, hkdf=self.hkdf)

    def encrypt(self, codec: str, data: bytes) -> bytes:
        """A frame as it is sent."""
        clear, escapes = self._clear(codec, data)
        self.count += 1
        iv = struct.pack("!III", 0x1234, 3000 * self.count, self.count)
        gcm = Cipher(algorithms.AES(self._key), modes.GCM(iv)).encryptor()
        gcm.authenticate_additional_data(data[:clear])
        hidden = gcm.update(data[clear:]) + gcm.finalize() + gcm.tag + iv + b"\x0c"
        hidden += bytes([self.index])
        return data[:clear] + (_escaped(hidden) if escapes else hidden)

    @staticmethod
    def _clear(codec: str, data: bytes) -> tuple[int, bool]:
        if codec == "VP8":
            return (10 if data[0] % 2 == 0 else 3), False
        if codec == "VP9":
            return 0, False
        if codec in ("H264", "H265"):
            slices = b"[\x01\x05\x21\x25\x41\x45\x61\x65]" if codec == "H264" else b"[\x02\x26]"
            found = re.search(b"\x00\x00\x01" + slices, data)
            assert found is not None
            return found.end() + 1, True
        return 1, False


def _escaped(data: bytes) -> bytes:
    """ITU-T H.264 §7.4.1.1."""
    out, zeros = bytearray(), 0
    for byte in data:
        if zeros == 2 and byte <= 3:
            out.append(3)
            zeros = 0
        out.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return bytes(out)
