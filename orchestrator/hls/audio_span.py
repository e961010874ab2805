"""Where the audio of a piece lies whose microphones are mixed. Pure.

It is whole packets of Opus on one grid for all of a segment, so that a piece's audio begins at the
sample at which that of the piece before ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from orchestrator.hls.pieces import Piece
from orchestrator.media import AUDIO_RATE

BLOCK: Final = AUDIO_RATE // 50
"""Samples in a packet."""
TICKS: Final = AUDIO_RATE // 1000
"""Samples in a millisecond."""
LOOKAHEAD: Final = 120
"""Samples by which an encoder of `lowdelay` is late: it gets what is so much later."""
PRE_ROLL_MS: Final = 320
"""Decoded before the piece: decoders are right after 80 ms (RFC 7845 §4.6), then the encoder runs
up for 200."""
ANCHOR_MS: Final = 1000
"""At each full second of the segment a microphone's packets are at their own times again, which are
rounded to milliseconds: so nothing depends on what is further before the piece."""
_BLOCK_MS: Final = BLOCK // TICKS


@dataclass(frozen=True, slots=True)
class Span:
    """In samples of the segment's clock."""

    begin: int
    end: int

    @property
    def decoded_ms(self) -> int:
        """Where the first packet is that is decoded."""
        return self.begin // TICKS - PRE_ROLL_MS

    @property
    def begin_ms(self) -> int:
        """From where on packets are of use."""
        return max(0, self.decoded_ms // ANCHOR_MS * ANCHOR_MS)

    @property
    def end_ms(self) -> int:
        """Before which packets are of use."""
        return -(-(self.end + LOOKAHEAD) // TICKS)


def span_of(piece: Piece, pieces: Sequence[Piece]) -> Span:
    """That of one of a segment's pieces, as far as they are known: from where the one before ends,
    unless there is a gap.
    """
    goes_on = piece.number > 0 and not piece.gap
    begin = _block_at(pieces[piece.number - 1].end_s if goes_on else piece.begin_s)
    return Span(begin * BLOCK, max(begin, _block_at(piece.end_s)) * BLOCK)


def _block_at(time_s: float) -> int:
    """The first one that begins there or later; pieces begin at whole milliseconds."""
    return -(-round(1000 * time_s) // _BLOCK_MS)
