"""Reads the bits of video headers, as all codecs here write them. Pure."""

from __future__ import annotations

from typing import Final

Size = tuple[int, int]
"""Width and height in pixels."""

MOST_ZEROS: Final = 32
"""Leading zeros of the largest number that standards allow in Exp-Golomb codes and uvlc."""


class Bits:
    """Reads bits, the highest first; ValueError at the end."""

    def __init__(self, data: bytes) -> None:
        self._value, self._left = int.from_bytes(data), 8 * len(data)
        self.taken = 0
        """Bits read so far."""

    def take(self, count: int) -> int:
        """The next bits as a number."""
        if count > self._left:
            raise ValueError("the header is cut")
        self._left -= count
        self.taken += count
        return self._value >> self._left & ((1 << count) - 1)

    def unsigned(self) -> int:
        """Exp-Golomb (ITU-T H.264 §9.1), and uvlc of AV1 (§4.10.3)."""
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > MOST_ZEROS:
                raise ValueError("no number is so large")
        return (1 << zeros) - 1 + self.take(zeros)

    def signed(self) -> int:
        """Exp-Golomb with a sign (ITU-T H.264 §9.1.1)."""
        number = self.unsigned()
        return (number + 1) // 2 if number % 2 else -number // 2
