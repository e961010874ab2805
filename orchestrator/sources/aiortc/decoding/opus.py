"""Opus by libopus itself, which PyAV brings along: it can conceal a loss, which PyAV doesn't offer.

FFmpeg's wrapper of libopus takes whole packets only. A packet without a frame (RFC 6716 §3.1: lost
or not sent) makes it conceal one, but the redundancy that a sender may put into the packet after a
lost one (in-band FEC, §2.1.7) is out of reach. `decoder` falls back to that wrapper where the
library isn't found.
"""

from __future__ import annotations

import ctypes
import itertools
import weakref
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final, Protocol

import av
import numpy as np
from aiortc.codecs.opus import OpusDecoder
from aiortc.jitterbuffer import JitterFrame
from numpy.typing import NDArray

from orchestrator.media import AUDIO_CHANNELS, AUDIO_RATE, AUDIO_TIME_BASE

Samples = NDArray[np.int16]
"""PCM, shape (samples, channels)."""

STEP: Final = AUDIO_RATE // 400
"""libopus conceals multiples of 2.5 ms."""

_NAMES: Final = ("libopus.so.0", "libopus.0.dylib")


def samples_of(frame: av.AudioFrame) -> Samples:
    """A frame's own memory; packed 16 bits, as all that aiortc's decoders give."""
    channels = frame.layout.nb_channels
    count = frame.samples * channels
    return np.frombuffer(memoryview(frame.planes[0]), np.int16, count).reshape(-1, channels)


class Opus(Protocol):
    """One stream's decoder; 48 kHz, stereo."""

    def decode(self, encoded: JitterFrame) -> list[av.AudioFrame]:
        """A packet's frame; av.InvalidDataError."""

    def extend(self, count: int, following: bytes | None) -> Samples:
        """What may have been in the `count` samples (whole `STEP`s) after those decoded last.

        `following`: the packet that comes right after them.
        """


class LibOpus:
    """libopus' own decoder."""

    def __init__(self, library: Any) -> None:
        error = ctypes.c_int()
        self._library = library
        self._state = library.opus_decoder_create(AUDIO_RATE, AUDIO_CHANNELS, ctypes.byref(error))
        if not self._state:
            raise MemoryError(f"libopus could not create a decoder: error {error.value}")
        weakref.finalize(self, library.opus_decoder_destroy, self._state)

    def decode(self, encoded: JitterFrame) -> list[av.AudioFrame]:
        """A packet's frame."""
        data = encoded.data
        count = self._checked(
            self._library.opus_decoder_get_nb_samples(self._state, data, len(data))
        )
        frame = av.AudioFrame("s16", "stereo", count)
        where = frame.planes[0].buffer_ptr
        self._checked(self._library.opus_decode(self._state, data, len(data), where, count, 0))
        frame.sample_rate, frame.time_base = AUDIO_RATE, AUDIO_TIME_BASE
        frame.pts = encoded.timestamp
        return [frame]

    def extend(self, count: int, following: bytes | None) -> Samples:
        """The end of it out of the redundancy in `following`, if there is any; else concealed."""
        samples = np.zeros((count, AUDIO_CHANNELS), np.int16)
        data, length = following, len(following or b"")
        fec = int(following is not None)
        where = samples.ctypes.data
        self._checked(self._library.opus_decode(self._state, data, length, where, count, fec))
        return samples

    @staticmethod
    def _checked(result: int) -> int:
        if result <= 0:  # 0: a packet that says it holds no frame (RFC 6716 §3.2.5)
            raise av.InvalidDataError(result, "not an Opus packet")
        return result


class AvOpus:
    """FFmpeg's wrapper of libopus, as aiortc has it: without in-band FEC."""

    def __init__(self) -> None:
        self._decoder = OpusDecoder()
        self._empty = b""
        """A packet like the last one, without a frame in it."""

    def decode(self, encoded: JitterFrame) -> list[av.AudioFrame]:
        """A packet's frame."""
        frames = self._decoder.decode(encoded)
        self._empty = bytes([encoded.data[0] & 0xFC])  # RFC 6716 §3.1: code 0, one frame
        return [frame for frame in frames if isinstance(frame, av.AudioFrame)]

    def extend(self, count: int, following: bytes | None) -> Samples:
        """Concealed."""
        filled = [np.zeros((0, AUDIO_CHANNELS), np.int16)]
        while self._empty and sum(map(len, filled)) < count:
            frames = self._decoder.decode(JitterFrame(self._empty, 0))
            filled += [samples_of(frame) for frame in frames if isinstance(frame, av.AudioFrame)]
        return np.concatenate(filled)[:count]


def decoder() -> Opus:
    """A new one."""
    library = libopus()
    return AvOpus() if library is None else LibOpus(library)


@cache
def libopus() -> Any:
    """The library, with what we call of it declared; None where there is none."""
    for name in itertools.chain(_bundled(), _NAMES):
        try:
            return _declared(ctypes.CDLL(name))
        except (OSError, AttributeError):
            continue
    return None


def _bundled() -> Iterator[str]:
    """The one that PyAV has loaded already, where its wheel has one."""
    package = Path(av.__file__).parent
    yield from map(str, (package.parent / "av.libs").glob("libopus-*.so*"))
    yield from map(str, (package / ".dylibs").glob("libopus.*.dylib"))


def _declared(library: ctypes.CDLL) -> ctypes.CDLL:
    """As opus.h has them; opus_int32 is an int wherever Python runs."""
    state, integer = ctypes.c_void_p, ctypes.c_int
    library.opus_decoder_create.restype = state
    library.opus_decoder_create.argtypes = [integer, integer, ctypes.POINTER(integer)]
    library.opus_decoder_destroy.restype = None
    library.opus_decoder_destroy.argtypes = [state]
    library.opus_decoder_get_nb_samples.restype = integer
    library.opus_decoder_get_nb_samples.argtypes = [state, ctypes.c_char_p, integer]
    library.opus_decode.restype = integer
    library.opus_decode.argtypes = [
        *(state, ctypes.c_char_p, integer, ctypes.c_void_p, integer, integer)
    ]
    return library
