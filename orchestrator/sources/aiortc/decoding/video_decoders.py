"""Decoders of video: aiortc's, and FFmpeg's for what aiortc can't decode."""

from __future__ import annotations

from typing import Any, Final

import av
from aiortc.codecs import get_decoder
from aiortc.mediastreams import VIDEO_TIME_BASE

from orchestrator.sources.bitstreams.frame_size import decoder_options

_NAMES: Final = {"VP9": "vp9", "AV1": "libdav1d", "H265": "hevc"}
"""FFmpeg's own of VP9 rather than libvpx: it hands out its frames as they are, and keeps to the
limit of their size. Its own of AV1 needs hardware."""

_OPTIONS: Final = {
    # Else dav1d keeps each frame until the next one comes, while the server leaves out the
    # uppermost layer that the stream announces.
    "AV1": {"alllayers": "1"}
}


class LayeredDecoder:
    """Decodes the layers of a frame one by one, and gives the uppermost."""

    def __init__(self, name: str) -> None:
        """`name`: as in `_NAMES`."""
        codec = av.CodecContext.create(_NAMES[name], "r")
        assert isinstance(codec, av.VideoCodecContext)
        self.codec = codec

    def decode(self, encoded: Any) -> list[Any]:
        """The frame of a VideoFrame, if it has one. Raises av.FFmpegError."""
        shown: list[Any] = []
        for part in encoded.parts:
            packet = av.Packet(part)
            packet.pts, packet.time_base = encoded.timestamp, VIDEO_TIME_BASE
            shown += self.codec.decode(packet)
        return shown[-1:] if len(encoded.parts) > 1 else shown


def video_decoder(codec: Any, max_pixels: int) -> Any:
    """That of an RTP codec, on one thread: no stream needs more, and each waits.

    It takes no frame of more than `max_pixels`, whatever its headers say.
    """
    name = codec.name.upper()
    decoder: Any = LayeredDecoder(name) if name in _NAMES else get_decoder(codec)
    if name == "VP8":
        # FFmpeg's own hands out its frames as they are; its wrapper of libvpx copies each of them.
        decoder.codec = av.CodecContext.create("vp8", "r")
    if isinstance(getattr(decoder, "codec", None), av.VideoCodecContext):
        decoder.codec.thread_count = 1
        decoder.codec.options = decoder_options(max_pixels) | _OPTIONS.get(name, {})
    return decoder
