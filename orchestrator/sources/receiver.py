"""What one source's sessions tell, turned into events: publications compared, frames timed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from orchestrator.media import Publication
from orchestrator.sources.arrived import ArrivedFrame, ArrivedReport
from orchestrator.sources.clock import ParticipantClock
from orchestrator.sources.source import (
    FrameReceived,
    OnEvent,
    ParticipantsChanged,
    PublicationAdded,
    PublicationChanged,
    PublicationRemoved,
)

CLOCKS_KEPT: Final = 16
"""Clocks kept of participants who publish nothing now."""


class Receiver:
    """What the sessions of one source tell, turned into events."""

    def __init__(self, on_event: OnEvent) -> None:
        self.on_event = on_event
        self.wanted: frozenset[str] = frozenset()
        self.publications: dict[str, Publication] = {}
        self._clocks: dict[str, ParticipantClock] = {}
        self._participants: int | None = None

    def show(self, publications: Iterable[Publication]) -> None:
        """All publications as they are now; what differs from before becomes events."""
        now = {each.sid: each for each in publications}
        for sid in self.publications.keys() - now.keys():
            self._remove(self.publications.pop(sid))
        for sid, publication in now.items():
            known = self.publications.get(sid)
            self.publications[sid] = publication
            if known is None:
                self.on_event(PublicationAdded(publication))
            elif known != publication:
                self.on_event(PublicationChanged(publication))

    def show_participants(self, count: int) -> None:
        """How many take part."""
        if count != self._participants:
            self._participants = count
            self.on_event(ParticipantsChanged(count))

    def forget_times(self) -> None:
        """A new connection begins: its arrivals and reports say nothing about the old one's."""
        for clock in self._clocks.values():
            clock.restart()

    def frame_arrived(self, arrived: ArrivedFrame) -> None:
        """A decoded frame; those not wanted any more end here."""
        publication = self.publications.get(arrived.label)
        if publication is None or arrived.label not in self.wanted:
            return
        time_ns = self._clock(publication).time(
            arrived.label,
            arrived.stream,
            kind=arrived.kind,
            rate=arrived.rate,
            rtp=arrived.rtp,
            arrival_ns=arrived.arrival_ns,
        )
        self.on_event(FrameReceived(arrived.label, time_ns, arrived.frame))

    def report_arrived(self, arrived: ArrivedReport) -> None:
        """A sender report."""
        publication = self.publications.get(arrived.label)
        if publication is not None:
            self._clock(publication).report(
                arrived.label,
                arrived.stream,
                kind=arrived.kind,
                rate=arrived.rate,
                rtp=arrived.rtp,
                ntp=arrived.ntp,
            )

    def drift_ppm(self) -> float | None:
        """The largest of the participants' drifts; None while none is known."""
        drifts = [clock.drift_ppm() for clock in self._clocks.values()]
        return max((drift for drift in drifts if drift is not None), key=abs, default=None)

    def _clock(self, publication: Publication) -> ParticipantClock:
        return self._clocks.setdefault(publication.participant, ParticipantClock())

    def _forget_clocks(self) -> None:
        """Those of participants who left are of use when they come back, the latest few of them."""
        unused = [who for who, clock in self._clocks.items() if not len(clock)]
        for who in unused[:-CLOCKS_KEPT]:
            del self._clocks[who]

    def _remove(self, gone: Publication) -> None:
        clock = self._clocks.get(gone.participant)
        if clock is not None:
            clock.forget(gone.sid)
            self._forget_clocks()
        self.on_event(PublicationRemoved(gone.sid))
