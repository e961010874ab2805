"""Lost audio packets concealed: what was heard last goes on, fading out, so that nothing clicks.

Only what RTP's sequence numbers call lost is concealed. A sender that sends nothing (DTX, mute)
leaves a gap in the timestamps alone: that is silence.
"""

from __future__ import annotations

from typing import Any, Final, Protocol, cast

import av
import numpy as np
from aiortc.codecs import get_decoder
from aiortc.jitterbuffer import JitterFrame
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from orchestrator.media import AUDIO_RATE
from orchestrator.sources.aiortc.decoding import opus
from orchestrator.sources.aiortc.decoding.opus import Samples, samples_of

LONGEST_MS: Final = 120
"""Of a loss so much is concealed; then it is silence, until packets come again."""

SHORTEST_MS: Final = 3
"""Less than this is not worth it; what libopus conceals are multiples of 2.5 ms."""

FADE_MS: Final = 20
"""In which it ends, if the loss is longer."""

JOIN_MS: Final = 5
"""In which what comes after a loss takes over."""


class AudioPacket(JitterFrame):
    """An encoded frame, and how many packets before it were lost."""

    def __init__(self, data: bytes, timestamp: int, lost: int = 0, payload_type: int = 0) -> None:
        super().__init__(data, timestamp)
        self.lost = lost
        self.payload_type = payload_type


_CONCEALED: Final = "concealed"


def is_concealed(frame: av.AudioFrame | av.VideoFrame) -> bool:
    """Whether it stands where packets were lost: nobody sent it."""
    return frame.opaque == _CONCEALED


class Codec(Protocol):
    """How one stream's packets are decoded, and what goes on where they end."""

    rate: int
    ticks: int
    """RTP ticks per second."""

    def decode(self, encoded: JitterFrame) -> list[av.AudioFrame]:
        """As aiortc's decoders; raises av.FFmpegError."""

    def extend(self, count: int, following: bytes | None) -> tuple[Samples, Samples]:
        """So many samples after the last ones, and more of it to blend with what comes then.

        `following`: the packet that comes right after them, if it is there.
        """


class OpusCodec:
    """libopus conceals by itself, and what comes then fits."""

    rate = ticks = AUDIO_RATE

    def __init__(self) -> None:
        self._opus = opus.decoder()

    def decode(self, encoded: JitterFrame) -> list[av.AudioFrame]:
        """A packet's frame."""
        return self._opus.decode(encoded)

    def extend(self, count: int, following: bytes | None) -> tuple[Samples, Samples]:
        """What libopus thinks was there."""
        filled = self._opus.extend(count - count % opus.STEP, following)
        return filled, filled[:0]


class RepeatingCodec:
    """G.711 and G.722: the last period of what was heard is repeated (as G.711 appendix I does)."""

    WINDOW_MS: Final = 10
    PERIOD_MS: Final = (2, 20)

    def __init__(self, codec: Any) -> None:
        self._decoder: Any = get_decoder(codec)
        self.ticks: int = codec.clockRate
        self.rate: int = codec.clockRate
        self._last = np.zeros((0, 1), np.int16)

    def decode(self, encoded: JitterFrame) -> list[av.AudioFrame]:
        """A packet's frames; its end is remembered."""
        frames = cast(list[av.AudioFrame], self._decoder.decode(encoded))
        if frames:
            self.rate = frames[0].sample_rate
            heard = np.concatenate((self._last, *map(samples_of, frames)))
            self._last = heard[-self._samples(self.WINDOW_MS + self.PERIOD_MS[1]) :].copy()
        return frames

    def extend(self, count: int, following: bytes | None) -> tuple[Samples, Samples]:
        """The last period again and again, softer and softer."""
        period, longest = self._last[-self._period() :], self._samples(LONGEST_MS)
        at = np.arange(count + self._samples(JOIN_MS))
        softer = np.clip(1 - at / longest, 0, 1)[:, np.newaxis]
        filled = np.rint(period[at % len(period)] * softer).astype(np.int16)
        return filled[:count], filled[count:]

    def _samples(self, ms: int) -> int:
        return self.rate * ms // 1000

    def _period(self) -> int:
        """That after which the last samples are most like themselves."""
        window, (shortest, longest) = self._samples(self.WINDOW_MS), self.PERIOD_MS
        heard = self._last.mean(axis=1)
        if len(heard) < window + self._samples(longest):
            return len(heard)
        before = sliding_window_view(heard, window)[: -self._samples(shortest)]
        alike = (before @ heard[-window:]) / (np.linalg.norm(before, axis=1) + 1)
        last: int = len(before) - 1 + self._samples(shortest)
        return last - int(alike.argmax())


class ConcealingDecoder:
    """Takes the place of aiortc's decoder of an audio codec: losses are concealed."""

    def __init__(self, codec: Any) -> None:
        is_opus = codec.name.lower() == "opus"
        self._codec: Codec = OpusCodec() if is_opus else RepeatingCodec(codec)
        self._end: int | None = None
        """RTP time at which the last frame ends."""
        self._duration = 0
        """Of the last packet, in RTP ticks."""
        self._missing = 0
        """Packets lost or not decodable since then."""
        self._like: av.AudioFrame | None = None

    def decode(self, encoded: JitterFrame) -> list[av.AudioFrame]:
        """The packet's frames, those that stand for lost ones before them."""
        self._missing += encoded.lost if isinstance(encoded, AudioPacket) else 0
        try:
            concealed, beyond = self._conceal(encoded) if self._missing else (None, None)
            frames = self._codec.decode(encoded)
        except av.FFmpegError:
            self._missing += 1
            raise
        if not frames:
            return []
        if beyond is not None:
            _blend(frames[0], beyond)
        self._like, self._missing = frames[-1], 0
        self._duration = self._in_ticks(sum(frame.samples for frame in frames))
        self._end = encoded.timestamp + self._duration
        return [*([concealed] if concealed is not None else []), *frames]

    def _conceal(self, encoded: JitterFrame) -> tuple[av.AudioFrame | None, Samples | None]:
        """What stands for lost packets, and what its end is blended with what comes then."""
        if self._end is None or (gap := encoded.timestamp - self._end) <= 0:
            return None, None
        lost = min(gap, self._missing * self._duration)
        count = min(lost * self._codec.rate // self._codec.ticks, self._ms(LONGEST_MS))
        if count < self._ms(SHORTEST_MS):
            return None, None
        whole = self._in_ticks(count) >= gap
        filled, beyond = self._codec.extend(count, encoded.data if whole else None)
        if not whole:
            _fade_out(filled, self._ms(FADE_MS))
            beyond = np.zeros((self._ms(JOIN_MS), filled.shape[1]), np.int16)
        return self._frame(filled), beyond

    def _frame(self, samples: Samples) -> av.AudioFrame | None:
        if self._end is None or self._like is None:
            return None
        frame = av.AudioFrame("s16", self._like.layout.name, len(samples))
        samples_of(frame)[:] = samples
        frame.sample_rate, frame.opaque = self._codec.rate, _CONCEALED
        frame.pts = self._end * self._codec.rate // self._codec.ticks
        return frame

    def _ms(self, ms: int) -> int:
        return self._codec.rate * ms // 1000

    def _in_ticks(self, samples: int) -> int:
        return samples * self._codec.ticks // self._codec.rate


def _fade_out(samples: Samples, length: int) -> None:
    end = samples[max(len(samples) - length, 0) :]
    end[:] = _scaled(end, _rise(len(end))[::-1])


def _blend(frame: av.AudioFrame, beyond: Samples) -> None:
    """Go from what was concealed to what came."""
    came = samples_of(frame)[: len(beyond)]
    rise = _rise(len(came))
    came[:] = _scaled(came, rise) + _scaled(beyond[: len(came)], 1 - rise)


def _rise(length: int) -> NDArray[np.float64]:
    return (np.arange(length) + 0.5) / max(length, 1)


def _scaled(samples: Samples, gains: NDArray[np.float64]) -> Samples:
    scaled: Samples = np.rint(samples * gains[:, np.newaxis]).astype(np.int16)
    return scaled
