"""G.711 and G.722 as 16-bit PCM, which every player knows.

Matroska could hold them as they are (A_MS/ACM), but PyAV (18.1) makes no such stream, and the join
goes through it: it asks libavformat for codecs with a tag of Matroska's own (avformat_query_codec,
compliance "normal"). Nothing is lost: these codecs decode to 16-bit PCM by their definition.
"""

from __future__ import annotations

from typing import Final

import av
from av.audio.codeccontext import AudioCodecContext

PCM_RATES: Final = {"pcmu": 8000, "pcma": 8000, "g722": 16_000}
"""Samples per second of each codec's audio; one channel."""

_DECODERS: Final = {"pcmu": "pcm_mulaw", "pcma": "pcm_alaw", "g722": "g722"}


class PcmDecoder:
    """Decodes the packets of one track, in order: G.722 predicts from one to the next."""

    def __init__(self, codec: str) -> None:
        context = av.CodecContext.create(_DECODERS[codec], "r")
        assert isinstance(context, AudioCodecContext)
        context.sample_rate = PCM_RATES[codec]
        context.layout = "mono"
        self._context = context

    def decode(self, data: bytes) -> bytes:
        """Signed 16-bit samples, the low byte first."""
        frames = self._context.decode(av.Packet(data))
        return b"".join(bytes(frame.planes[0])[: 2 * frame.samples] for frame in frames)
