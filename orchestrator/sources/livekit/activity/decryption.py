"""End-to-end encrypted data packets: AES-GCM as of frames, without clear bytes
(livekit client-sdk-js, src/e2ee/worker/DataCryptor.ts).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from google.protobuf.message import DecodeError
from livekit.protocol import models

from orchestrator.media import SECOND_NS
from orchestrator.sources.e2ee.frame_layout import IV_BYTES, TAG_BYTES, EncryptedFrame
from orchestrator.sources.e2ee.key_ring import Undecryptable
from orchestrator.sources.e2ee.room_keys import RoomKeys

MOST_WAITING: Final = 256
"""Packets that wait for a key that is being derived."""

LONGEST_WAIT_NS: Final = 2 * SECOND_NS

_GCM: Final = models.Encryption.Type.GCM


@dataclass(frozen=True, slots=True)
class EncryptedData:
    """A packet that isn't decrypted yet."""

    sender: str
    packet: models.EncryptedPacket
    came_ns: int
    lossy: bool


@dataclass(frozen=True, slots=True)
class Opened:
    """What became of one: its content, or why there is none."""

    data: EncryptedData
    payload: models.EncryptedPacketPayload | None
    why: str = ""


class DataDecryption:
    """Decrypts packets in the order they came, waiting for keys that are being derived."""

    def __init__(self, keys: RoomKeys) -> None:
        self._keys = keys
        self._waiting: deque[EncryptedData] = deque()

    def add(self, data: EncryptedData) -> list[Opened]:
        """Takes a packet; returns those that are decrypted now, or never will be."""
        self._waiting.append(data)
        return self.look(data.came_ns)

    def look(self, now_ns: int) -> list[Opened]:
        """The same when time has passed."""
        opened: list[Opened] = []
        while self._waiting:
            first = self._waiting[0]
            late = now_ns - first.came_ns > LONGEST_WAIT_NS or len(self._waiting) > MOST_WAITING
            if (each := self._open(first, wait=not late)) is None:
                break
            opened.append(each)
            self._waiting.popleft()
        return opened

    @property
    def waits(self) -> bool:
        """Whether packets wait."""
        return bool(self._waiting)

    def _open(self, data: EncryptedData, *, wait: bool) -> Opened | None:
        packet = data.packet
        if packet.encryption_type != _GCM or len(packet.iv) != IV_BYTES:
            return Opened(data, None, "it is not encrypted in the way of LiveKit's clients")
        if len(packet.encrypted_value) < TAG_BYTES:
            return Opened(data, None, "it is too short")
        frame = EncryptedFrame(
            b"", memoryview(packet.encrypted_value), memoryview(packet.iv), packet.key_index
        )
        try:
            plain = self._keys.ring(data.sender).decrypt(frame)
            return Opened(data, models.EncryptedPacketPayload.FromString(plain))
        except Undecryptable as problem:
            return None if problem.yet and wait else Opened(data, None, problem.why)
        except DecodeError:
            return Opened(data, None, "what it holds is no data packet")
