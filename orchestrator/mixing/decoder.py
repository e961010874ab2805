"""An audio track of a copy, decoded to 16-bit samples of 48 kHz in stereo."""

from __future__ import annotations

from typing import Any, Final

import av
import numpy as np
import numpy.typing as npt

RATE: Final = 48_000
CHANNELS: Final = 2
LAYOUT: Final = "stereo"
BLOCK: Final = 960
"""Samples of what is given out at a time: 20 ms."""
STEADY: Final = RATE // 100
"""Times of packets are rounded to milliseconds, and a clock drifts: one that comes within so many
samples of where the one before ended goes on there."""
_DECODERS: Final = {"opus": "libopus"}
"""libavformat's own (8.1) gives another number of samples where Opus changes its mode."""

Samples = npt.NDArray[np.int32]


class Decoder:
    """Of one track, from packet to packet."""

    def __init__(self, stream: Any) -> None:
        context = stream.codec_context
        self._kind = _kind(stream)
        name = _DECODERS.get(context.name, context.name)
        self._decoder: Any = av.CodecContext.create(name, "r")
        self._decoder.extradata = context.extradata
        self._decoder.sample_rate = context.sample_rate
        self._decoder.layout = context.layout.name
        # libswresample makes mono 3 dB quieter on its way to stereo.
        mono = context.layout.nb_channels == 1
        self._channels = 1 if mono else CHANNELS
        self._resampler = av.AudioResampler("s16", "mono" if mono else LAYOUT, RATE)

    def decodes(self, stream: Any) -> bool:
        """Whether that stream's packets are this decoder's."""
        return _kind(stream) == self._kind

    def samples(self, packet: Any) -> Samples:
        """What comes of a packet: of other rates as many less at first as the resampler holds.

        av.FFmpegError, ValueError if it doesn't decode.
        """
        made: list[Samples] = [np.zeros((0, CHANNELS), np.int32)]
        for frame in self._decoder.decode(packet):
            frame.pts = None
            for resampled in self._resampler.resample(frame):
                own = resampled.to_ndarray().reshape(-1, self._channels).astype(np.int32)
                made.append(np.repeat(own, CHANNELS // self._channels, axis=1))
        return np.concatenate(made)


def clipped(samples: Samples) -> npt.NDArray[np.int16]:
    """A sum of several microphones."""
    return np.clip(samples, -32768, 32767).astype(np.int16)


def _kind(stream: Any) -> tuple[Any, ...]:
    context = stream.codec_context
    return context.name, context.extradata, context.sample_rate, context.layout.name
