"""What recordings reserve of the CPU. Who decides it only reads rows; the catalog writes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from orchestrator.catalog.models import Recording


@dataclass(frozen=True, slots=True)
class Reservation:
    """What one recording reserves: cores, for a speed step of its pipeline (0 is the slowest)."""

    speed_step: int | None
    """None: the pipeline's default."""
    cores: float | None
    """None: an older version reserved nothing."""
    pinned: bool
    """The step was requested, and stays even if the encoder falls behind."""
    outputs_cores: float | None = None
    """What its outputs reserve besides from now on; None: as before."""

    @classmethod
    def of(cls, recording: Recording) -> Reservation:
        """What its row says."""
        return cls(recording.speed_step, recording.reserved_cores, recording.speed_pinned)

    def write_to(self, recording: Recording) -> None:
        """Sets the columns of its row."""
        recording.speed_step, recording.reserved_cores = self.speed_step, self.cores
        recording.speed_pinned = self.pinned
        if self.outputs_cores is not None:
            recording.outputs_cores = self.outputs_cores


@dataclass(frozen=True, slots=True)
class Reservations:
    """A decision for one recording, and for those that encode faster to make place for it."""

    own: Reservation
    others: Mapping[str, Reservation] = field(default_factory=dict)
    """By the recording's id."""

    def write_to(self, recording: Recording, others: Sequence[Recording]) -> None:
        """Sets the columns of all their rows."""
        self.own.write_to(recording)
        for other in others:
            if other.id in self.others:
                self.others[other.id].write_to(other)


Admit = Callable[[Recording, Sequence[Recording]], Reservations | None]
"""Gets a recording and the other active ones, and decides; None changes nothing. May raise."""
