"""What happens to whom, and when: the same for the same seed. Pure."""

from __future__ import annotations

import random
from collections.abc import Sequence
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
    POWER_CUT = "power cut"
    PUBLISHER_AWAY = "publisher away"
    NETWORK_CUT = "network cut"
    LIVEKIT_RESTARTED = "LiveKit restarted"
    DISK_FULL = "disk full"


OF_ONE: Final = {
    Kind.FFMPEG_KILLED,
    Kind.FFMPEG_HALTED,
    Kind.WORKER_KILLED,
    Kind.PUBLISHER_AWAY,
}
"""They strike one recording; the others strike all of them."""


@dataclass(frozen=True, slots=True)
class Fault:
    """`at_s` after the beginning; `who` is a recording's number, None for all."""

    at_s: float
    kind: Kind
    who: int | None
    lasts_s: float
    """Of what is taken away and given back; the others need no time."""


def plan(
    seed: int, *, seconds: float, recordings: int, kinds: Sequence[Kind] = tuple(Kind)
) -> list[Fault]:
    """The faults of a run. Each kind comes once before one comes again."""
    chance = random.Random(seed)
    faults: list[Fault] = []
    deck: list[Kind] = []
    at_s = chance.uniform(*PAUSE_S)
    while at_s < seconds - CALM_S:
        deck = deck or chance.sample(kinds, len(kinds))
        kind = deck.pop()
        who = chance.randrange(recordings) if kind in OF_ONE else None
        faults.append(Fault(at_s, kind, who, chance.uniform(*OUTAGE_S)))
        at_s += chance.uniform(*PAUSE_S)
    return faults
