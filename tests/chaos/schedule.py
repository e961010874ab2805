"""What happens to whom, and when: the same for the same seed. Pure."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

PAUSE_S: Final = (5.0, 15.0)
"""Between the beginnings of two faults."""

OUTAGE_S: Final = (1.0, 4.0)
"""How long whatever is taken away stays away."""

CALM_S: Final = 8.0
"""No fault begins so shortly before the end: what the last one did shows in the files."""


class Kind(StrEnum):
    """A fault, in words."""

    FFMPEG_KILLED = "ffmpeg killed"
    FFMPEG_HALTED = "ffmpeg halted"
    WORKER_KILLED = "worker killed"
    SERVER_KILLED = "server killed"
    SERVER_REPLACED = "server replaced"
    ZYGOTE_KILLED = "zygote killed"
    """The process that workers are forked from; they go on."""
    POWER_CUT = "power cut"
    PUBLISHER_AWAY = "publisher away"
    NETWORK_CUT = "network cut"
    LIVEKIT_RESTARTED = "LiveKit restarted"
    DISK_FULL = "disk full"
    MICROPHONE_STALLED = "microphone stalled"
    CAMERA_STALLED = "camera stalled"
    CLOCK_STEPPED = "clock stepped"
    """The recorder's wall clock: an hour off for a while."""


OF_ONE: Final = {
    Kind.FFMPEG_KILLED,
    Kind.FFMPEG_HALTED,
    Kind.WORKER_KILLED,
    Kind.PUBLISHER_AWAY,
    Kind.MICROPHONE_STALLED,
    Kind.CAMERA_STALLED,
}
"""They strike one recording; the others strike all of them."""

HARMLESS: Final = frozenset({Kind.CLOCK_STEPPED, Kind.ZYGOTE_KILLED})
"""They may cost nothing."""

OF_THE_SERVER: Final = frozenset({Kind.SERVER_KILLED, Kind.SERVER_REPLACED})

STALLS: Final = frozenset({Kind.MICROPHONE_STALLED, Kind.CAMERA_STALLED})


class Track(StrEnum):
    """Whose frames or audio it is."""

    CAMERA = "the host's camera"
    MICROPHONE = "the host's microphone"
    GUEST = "a guest's microphone"


SPARED: Final = {
    Track.CAMERA: {Kind.MICROPHONE_STALLED},
    Track.MICROPHONE: {Kind.CAMERA_STALLED},
    Track.GUEST: {Kind.MICROPHONE_STALLED, Kind.CAMERA_STALLED, Kind.PUBLISHER_AWAY},
}
"""Faults that may cost others something, and this track nothing."""

COSTS_S: Final = {Kind.MICROPHONE_STALLED: 0.3, Kind.CAMERA_STALLED: 2.0}
"""What a fault may cost beside the time that something was away, where that isn't what any may. A
camera that stalled goes on with its next keyframe, up to a second later."""


@dataclass(frozen=True, slots=True)
class Fault:
    """`at_s` after the beginning; `who` is a recording's number, None for all."""

    at_s: float
    kind: Kind
    who: int | None
    lasts_s: float
    """Of what is taken away and given back; the others need no time."""


def plan(seed: int, *, seconds: float, recordings: int) -> list[Fault]:
    """The faults of a run. Each kind comes once before one comes again."""
    chance = random.Random(seed)
    faults: list[Fault] = []
    deck: list[Kind] = []
    at_s = chance.uniform(*PAUSE_S)
    while at_s < seconds - CALM_S:
        deck = deck or chance.sample(list(Kind), len(Kind))
        kind = deck.pop()
        who = chance.randrange(recordings) if kind in OF_ONE else None
        faults.append(Fault(at_s, kind, who, chance.uniform(*OUTAGE_S)))
        at_s += chance.uniform(*PAUSE_S)
    return faults
