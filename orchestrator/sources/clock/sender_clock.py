"""A track's clock on the sender, from all of its sender reports. Pure: no clock, no I/O.

A report (RFC 3550 §6.4.1) gives one moment in RTP time and on the sender's clock. Their difference
would be one number if reports were exact. Those that libwebrtc makes of audio disagree by up to
15 ms (of video by less than 1 ms), and a microphone's crystal runs up to 200 ppm off. So a
Kalman filter keeps both, the difference and how fast it moves, and how sure it is of it.
"""

from __future__ import annotations

import math
from typing import Final

from orchestrator.media import SECOND_NS, TrackKind

REPORT_NOISE_S: Final = {TrackKind.VIDEO: 0.002, TrackKind.AUDIO: 0.006}
"""Standard deviation of one report."""

DRIFT: Final = 50e-6
"""The same of an unknown crystal against the sender's clock, in seconds per second."""

DRIFT_KNOWN: Final = 10e-6
"""Standard deviation of a drift that is worth reporting; audio has it after some minutes."""

NEAR_NS: Final = 3_000_000
"""Two tracks are left alone so near to their places beside each other: nobody sees or hears that,
and to go on would only be to follow the reports' noise."""

WANDER: Final = 0.05e-3**2
"""Variance that the difference gains each second by itself, s²/s: some 50 reports count."""

DRIFT_WANDER: Final = 0.1e-6**2
"""The same of the drift: crystals warm up by about 1 ppm in minutes."""


_WRAP: Final = 1 << 32


def unwrap(reference: int, value: int) -> int:
    """The number nearest to `reference` that equals `value` modulo 2**32 (RFC 3550 §5.1)."""
    return reference + ((value - reference + (_WRAP >> 1)) % _WRAP) - (_WRAP >> 1)


def ntp_ns(timestamp: int) -> int:
    """Nanoseconds of a 64-bit NTP timestamp with 32 fractional bits (RFC 3550 §4)."""
    return (timestamp * SECOND_NS) >> 32


class SenderClock:
    """``sender's time - media time`` of a track, in nanoseconds, from its reports so far."""

    def __init__(self, kind: TrackKind, media_ns: int, difference_ns: int) -> None:
        self._noise = REPORT_NOISE_S[kind] ** 2
        self._media_ns = media_ns
        self._base_ns = difference_ns
        """What `_difference_s` counts from, so that floats stay exact."""
        self._difference_s = 0.0
        self._drift = 0.0
        self._variance = self._noise
        self._covariance = 0.0
        self._drift_variance = DRIFT**2

    def at(self, media_ns: int) -> int:
        """The difference at a moment of media time."""
        passed_s = (media_ns - self._media_ns) / SECOND_NS
        return self._base_ns + round((self._difference_s + self._drift * passed_s) * SECOND_NS)

    @property
    def drift_ppm(self) -> float | None:
        """How much faster the track's clock runs than the sender's; None while not known well."""
        if self._drift_variance > DRIFT_KNOWN**2:
            return None
        return round(-1e6 * self._drift, 1)

    def add(self, media_ns: int, difference_ns: int) -> None:
        """Takes in another report."""
        self._pass((media_ns - self._media_ns) / SECOND_NS)
        self._media_ns = max(self._media_ns, media_ns)
        error_s = (difference_ns - self._base_ns) / SECOND_NS - self._difference_s
        total = self._variance + self._noise
        gain, drift_gain = self._variance / total, self._covariance / total
        self._difference_s += gain * error_s
        self._drift += drift_gain * error_s
        self._drift_variance -= drift_gain * self._covariance
        self._covariance *= 1 - gain
        self._variance *= 1 - gain

    def shift(self, by_ns: int) -> None:
        """The RTP clock was set back by so much: the same media times mean later moments."""
        self._base_ns += by_ns

    def _pass(self, passed_s: float) -> None:
        passed_s = max(passed_s, 0.0)
        self._difference_s += self._drift * passed_s
        self._variance += passed_s * (
            2 * self._covariance + passed_s * self._drift_variance + WANDER
        )
        self._covariance += passed_s * self._drift_variance
        self._drift_variance += passed_s * DRIFT_WANDER


def near_ns(one: SenderClock, other: SenderClock) -> int:
    """How near two tracks need to be to their places beside each other.

    Crystals that drift apart for certain (by two standard deviations) are followed sooner, or a
    track would trail behind for good: by half of what may just as well be noise.
    """
    apart = abs(one._drift - other._drift)
    if apart**2 < 4 * (one._drift_variance + other._drift_variance):
        return NEAR_NS
    return min(NEAR_NS, round(math.sqrt(one._variance + other._variance) * SECOND_NS) // 2)
