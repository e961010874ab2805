"""Turns what one source's sessions receive into events: publications compared, frames timed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from orchestrator.media import MAX_FRAME_PIXELS, EncodedFrame, Publication, TrackKind
from orchestrator.sources.clock.participant_clock import (
    SETTLE_ALONE_NS,
    SETTLE_NS,
    ParticipantClock,
)
from orchestrator.sources.e2ee.key_ring import EMPTY, KeyRing
from orchestrator.sources.e2ee.room_keys import RoomKeys
from orchestrator.sources.received_media import ArrivedFrame, MediaFrame, SenderReport
from orchestrator.sources.source import (
    EncodedFrameReceived,
    FrameReceived,
    NoKeyframe,
    OnEvent,
    ParticipantsChanged,
    PublicationAdded,
    PublicationChanged,
    PublicationRemoved,
    PublicationsUpdated,
    TimesSettled,
    Undecryptable,
    VideoTooLarge,
)

CLOCKS_KEPT: Final = 16
"""Clocks kept of participants who publish nothing now."""

MOST_HELD: Final = 128
"""Frames that wait until their place is known: a quarter of a second of audio, in frames of 2.5 ms
as well (RFC 6716 §2.1.4)."""


class Receiver:
    """Turns what the sessions of one source receive into events."""

    def __init__(
        self,
        on_event: OnEvent,
        max_frame_pixels: int = MAX_FRAME_PIXELS,
        keyframe_interval_s: float | None = None,
        keys: RoomKeys | None = None,
    ) -> None:
        self.on_event = on_event
        self.max_frame_pixels = max_frame_pixels
        """Larger video isn't decoded."""
        self.keyframe_interval_s = keyframe_interval_s
        """Nothing is decoded, and keyframes are asked for so far apart; None: all is decoded."""
        self.keys = RoomKeys(None) if keys is None else keys
        """Those of what is end-to-end encrypted."""
        self.wanted: frozenset[str] = frozenset()
        self.publications: dict[str, Publication] = {}
        self._clocks: dict[str, ParticipantClock] = {}
        self._held: dict[str, list[ArrivedFrame]] = {}
        """Frames whose place those that follow will tell (see `arrival_delays`), by publication."""
        self._participants: int | None = None
        self._timed: dict[str, int] = {}
        """Time of the latest frame of each publication whose source knows its times."""

    def set_publications(self, publications: Iterable[Publication]) -> None:
        """All publications as they are now; what differs from before becomes events."""
        now = {each.sid: each for each in publications}
        if gone := self.publications.keys() - now.keys():
            for sid in gone:
                self._remove(self.publications.pop(sid))
            self.on_event(PublicationsUpdated())
        if new := [each for each in now.values() if self.publications.get(each.sid) != each]:
            for each in new:
                added = each.sid not in self.publications
                self.publications[each.sid] = each
                self.on_event(PublicationAdded(each) if added else PublicationChanged(each))
            self.on_event(PublicationsUpdated())

    def set_participant_count(self, count: int) -> None:
        """How many take part."""
        if count != self._participants:
            self._participants = count
            self.on_event(ParticipantsChanged(count))

    def forget_times(self) -> None:
        """A new connection begins: its arrivals and reports say nothing about the old one's."""
        self._release_all()
        for clock in self._clocks.values():
            clock.restart()

    def frame_arrived(self, arrived: ArrivedFrame) -> None:
        """A frame; those not wanted any more end here."""
        if not self.wants(arrived.label):
            return
        publication = self.publications[arrived.label]
        if arrived.kind is TrackKind.VIDEO:
            self._settle(
                publication, SETTLE_NS if self._expects_audio(publication) else SETTLE_ALONE_NS
            )
        self._release_other(publication, arrived.stream)
        known = self._clock(publication).arrive(
            arrived.label,
            arrived.stream,
            kind=arrived.kind,
            rate=arrived.rate,
            rtp=arrived.rtp,
            arrival_ns=arrived.arrival_ns,
        )
        held = self._held.setdefault(arrived.label, [])
        held.append(arrived)
        if known or len(held) >= MOST_HELD:
            self._release(publication)

    def frame_timed(self, label: str, time_ns: int, frame: MediaFrame) -> None:
        """A frame whose local time its source knows; those not wanted any more end here.

        Decoded frames that stand where others were, as after a reconnect, are left out: a server
        sends the last seconds again.
        """
        if not self.wants(label):
            return
        if isinstance(frame, EncodedFrame):
            self.on_event(EncodedFrameReceived(label, time_ns, frame))
        elif time_ns > self._timed.get(label, time_ns - 1):
            self.on_event(FrameReceived(label, time_ns, frame))
        else:
            return
        first = label not in self._timed
        self._timed[label] = time_ns
        if first and self.publications[label].kind is TrackKind.VIDEO:
            self.on_event(TimesSettled(label, 0))

    def wants(self, label: str) -> bool:
        """Whether the frames of this publication become events."""
        return label in self.wanted and label in self.publications

    def key_ring(self, label: str) -> KeyRing | None:
        """What decrypts a publication's frames; None if they are not encrypted.

        While it is unknown whose frames they are, nothing does if anybody's are encrypted.
        """
        publication = self.publications.get(label)
        if publication is None:
            some = any(each.encrypted for each in self.publications.values())
            return EMPTY if some else None
        if not publication.encrypted:
            return None
        return self.keys.ring(publication.participant) if publication.decryptable else EMPTY

    def undecryptable(self, label: str, why: str | None) -> None:
        """A publication's frames come, and can't be decrypted; why not may show later."""
        if self.wants(label):
            self.on_event(Undecryptable(label, why))

    def no_keyframe(self, label: str) -> None:
        """A publication's frames come, and none of them can be decoded."""
        if self.wants(label):
            self.on_event(NoKeyframe(label))

    def video_too_large(self, label: str, width: int, height: int) -> None:
        """A publication's keyframe says that it is larger than is decoded."""
        if label in self.publications:
            self.on_event(VideoTooLarge(label, width, height, self.max_frame_pixels))

    def finish(self) -> None:
        """Nothing more comes: what waits for reports or frames is put where arrivals say."""
        self._release_all()
        for publication in self.publications.values():
            self._settle(publication, 0)

    def report_arrived(self, arrived: SenderReport) -> None:
        """A sender report."""
        publication = self.publications.get(arrived.label)
        if publication is not None:
            self._release_other(publication, arrived.stream)
            self._clock(publication).report(
                arrived.label,
                arrived.stream,
                kind=arrived.kind,
                rate=arrived.rate,
                rtp=arrived.rtp,
                ntp=arrived.ntp,
                arrival_ns=arrived.arrival_ns,
            )

    def drift_ppm(self) -> float | None:
        """The largest of the participants' drifts; None while none is known."""
        drifts = [clock.drift_ppm() for clock in self._clocks.values()]
        return max((drift for drift in drifts if drift is not None), key=abs, default=None)

    def _release_all(self) -> None:
        for label in tuple(self._held):
            self._release(self.publications[label])

    def _release(self, publication: Publication) -> None:
        clock = self._clock(publication)
        for each in self._held.pop(publication.sid, ()):
            time_ns = clock.place(each.label, rtp=each.rtp, arrival_ns=each.arrival_ns)
            frame = each.frame
            self.on_event(
                EncodedFrameReceived(each.label, time_ns, frame)
                if isinstance(frame, EncodedFrame)
                else FrameReceived(each.label, time_ns, frame, each.concealed)
            )

    def _release_other(self, publication: Publication, stream: int) -> None:
        """Those of an earlier stream, before another one takes its clock's place."""
        held = self._held.get(publication.sid)
        if held and held[0].stream != stream:
            self._release(publication)

    def _settle(self, publication: Publication, patience_ns: int) -> None:
        by_ns = self._clock(publication).settle(publication.sid, patience_ns=patience_ns)
        if by_ns is not None:
            self.on_event(TimesSettled(publication.sid, by_ns))

    def _expects_audio(self, video: Publication) -> bool:
        """Whether audio of the same participant is expected."""
        return any(
            each.kind is TrackKind.AUDIO and each.sid in self.wanted and not each.muted
            for each in self.publications.values()
            if each.participant == video.participant
        )

    def _clock(self, publication: Publication) -> ParticipantClock:
        clock = self._clocks.get(publication.participant)
        if clock is None:
            clock = self._clocks[publication.participant] = ParticipantClock(unsettled=True)
        return clock

    def _forget_clocks(self) -> None:
        """Those of participants who left are of use when they come back, the latest few of them."""
        unused = [who for who, clock in self._clocks.items() if not len(clock)]
        for who in unused[:-CLOCKS_KEPT]:
            del self._clocks[who]

    def _remove(self, gone: Publication) -> None:
        self._release(gone)
        self._timed.pop(gone.sid, None)
        clock = self._clocks.get(gone.participant)
        if clock is not None:
            clock.forget(gone.sid)
            self._forget_clocks()
        self.on_event(PublicationRemoved(gone.sid))
