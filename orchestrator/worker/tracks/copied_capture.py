"""Encoded frames on their way to the writer's queue: the track and the time of each."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

from orchestrator.errors import HavenError, NoMedia, UnsupportedCodec
from orchestrator.media import VIDEO_TIME_BASE, EncodedFrame, Publication, TrackKind
from orchestrator.pausing import EarlierPauses
from orchestrator.sources.source import EncodedFrameReceived, FrameReceived
from orchestrator.stream_copy.containers import CONTAINERS, Container
from orchestrator.stream_copy.packet_queue import PacketQueue
from orchestrator.stream_copy.packet_timeline import PacketTimeline
from orchestrator.stream_copy.track import Packet, Track
from orchestrator.worker.tracks.absence import NOTHING
from orchestrator.worker.tracks.capture import Capture, Note
from orchestrator.worker.tracks.capture_figures import CaptureFigures, copied_figures
from orchestrator.worker.tracks.file_tracks import MOST, FileTracks
from orchestrator.worker.tracks.selection_policy import (
    SelectionPolicy,
    codec_received,
    described,
)

MOST_PENDING: Final = 256
"""Packets that don't wait for the next `tick`."""

ASK_AGAIN_S: Final = 0.5
"""So long after a keyframe was asked for behind a pause frames may still come without it. Asked for
in vain, LiveKit sends no lost packet again before the next keyframe."""

_PTS_NS: Final = int(VIDEO_TIME_BASE * 1_000_000_000)


class CopiedCapture(Capture):
    """Keeps the timeline, fills the queue.

    `every_track`: each publication is a track of its own; else one video is recorded, whoever
    publishes it.
    """

    def __init__(
        self,
        queue: PacketQueue,
        policy: SelectionPolicy,
        *,
        origin_ns: int | None,
        earlier: EarlierPauses | None = None,
        container: Container,
        every_track: bool,
        note: Note,
    ) -> None:
        super().__init__(policy, instead=NOTHING, note=note)
        self.queue = queue
        self.timeline = PacketTimeline(origin_ns=origin_ns, earlier=earlier)
        self.tracks = FileTracks(every_track=every_track)
        self._container = container
        self._left_out: dict[str, str] = {}
        """Why nothing of these is recorded, by sid."""
        self._no_track: dict[str, str] = {}
        """Publications for which the file has no track, in words, by sid."""
        self._no_keyframes: dict[str, str] = {}
        """Videos of which nothing can be recorded until a keyframe comes, in words, by sid."""
        self._undescribed: dict[str, str] = {}
        """Publications of which nothing is written, as no file can say how they are decoded, in
        words, by sid."""
        self._pending: list[Packet] = []
        """For the queue."""
        self._video_sid: str | None = None
        self._size: tuple[int, int] | None = None
        """Of the video's latest keyframe."""
        self._asked_s = 0.0
        """When a keyframe was asked for last, on the monotonic clock."""

    @property
    def clock(self) -> PacketTimeline:
        """The recording's timeline."""
        return self.timeline

    def figures(self) -> CaptureFigures:
        """What is known of the video and audio before they are written."""
        return copied_figures(
            self.selection, self.timeline.statistics(), self._size, self.queue.statistics()
        )

    def cannot_hold(self) -> HavenError | None:
        """Why the file can't hold what is selected; None if it can."""
        selected = self._left_out.keys() & self.selection.wanted
        codecs = {codec_received(self.selection.publications[sid]) for sid in selected}
        if not codecs:
            return self._nothing_decodable()
        words = [word for word, each in CONTAINERS.items() if all(map(each.holds, codecs))]
        return UnsupportedCodec(
            " ".join(why for sid, why in self._left_out.items() if sid in selected),
            f"Start it again with another output_format: {' or '.join(words)}.",
        )

    def _nothing_decodable(self) -> HavenError | None:
        if not self._no_keyframes:
            return None
        return NoMedia(
            " ".join(self._no_keyframes.values()),
            "Have them turn their camera off and on again; if that doesn't help, their encoder"
            " ignores requests for keyframes: record with a pipeline that encodes.",
        )

    def left_out_by_writer(self, why: Mapping[Track, str], written: frozenset[Track]) -> None:
        """Tracks that the file doesn't have, each with the reason, and those that it has."""
        for track in written:
            for sid in self.tracks.sids(track):
                self._undescribed.pop(sid, None)
        for track, reason in why.items():
            for sid in self.tracks.sids(track):
                if sid not in self._undescribed:
                    publication = self.selection.publications[sid]
                    self._undescribed[sid] = (
                        f"Nothing of the {described(publication)} can be recorded as it comes:"
                        f" {reason}."
                    )
                    self._note("left_out", self._undescribed[sid])

    def cannot_write(self) -> HavenError | None:
        """Why nothing was written so far, if that is the reason."""
        if not self._undescribed:
            return None
        return NoMedia(
            " ".join(self._undescribed.values()),
            "Record with a pipeline that encodes, or have them publish with another encoder or"
            " codec.",
        )

    def resume(self) -> None:
        """Goes on with the next keyframe, which is asked for."""
        super().resume()
        self._ask_for_keyframes()

    def tick(self) -> None:
        """Time passed: give out what waited for earlier packets of other tracks."""
        if not self._finished:
            self._put(self.timeline.tick(time.monotonic_ns()))
            self._put_pending()
        if self.timeline.lacked_keyframe() and time.monotonic() - self._asked_s >= ASK_AGAIN_S:
            self._ask_for_keyframes()

    def finish(self) -> None:
        """Nothing more arrives: release what is held, and close the queue."""
        self._put(self.timeline.finish())
        self._put_pending()
        self._finished = True
        self.queue.close()

    def _ask_for_keyframes(self) -> None:
        self._asked_s = time.monotonic()
        self.keyframes_wanted.set()

    def _own_warnings(self) -> list[str]:
        return [
            *(f"{why} Nothing of it is recorded." for why in self._left_out.values()),
            *self._no_track.values(),
            *self._no_keyframes.values(),
            *self._undescribed.values(),
        ]

    def _no_keyframe(self, sid: str) -> None:
        if (publication := self.selection.publications.get(sid)) is None:
            return
        why = (
            f"No keyframe comes of the {described(publication)}, though it was asked for:"
            " nothing of it can be recorded until one does."
        )
        self._no_keyframes[sid] = why
        self._note("no_keyframe", why)

    def _forget(self, sid: str) -> None:
        self._left_out.pop(sid, None)
        self._no_keyframes.pop(sid, None)
        self._no_track.pop(sid, None)
        self._undescribed.pop(sid, None)
        self.timeline.forget(sid)
        self.tracks.gone(sid)

    def _follow_selection(self) -> None:
        selection = self.selection
        self.timeline.expect(audio=selection.expects_audio, video=selection.expects_video)
        for publication in filter(_is_receivable, selection.publications.values()):
            held = self._can_hold(publication, codec_received(publication))
            if not held and publication.sid in selection.wanted:
                self.left_out.set()

    def _frame(self, event: FrameReceived | EncodedFrameReceived) -> None:
        if isinstance(event, FrameReceived) or not self.selection.takes(event.sid):
            return
        publication, frame = self.selection.publications[event.sid], event.frame
        if self._no_keyframes.pop(event.sid, None) is not None:
            self._note("keyframe", f"A keyframe of the {described(publication)} came.")
        if not self._can_hold(publication, frame.codec):
            return
        if publication.kind is TrackKind.VIDEO:
            self._saw_video(publication, frame)
        track = self.tracks.of(publication, frame)
        if track is None:
            self._has_no_track(publication)
            return
        self._no_track.pop(publication.sid, None)
        self._put(self.timeline.push(event.sid, event.time_ns, track, frame))
        if self.timeline.begun:
            self.began.set()

    def _has_no_track(self, publication: Publication) -> None:
        if publication.sid in self._no_track:
            return
        why = (
            f"The {described(publication)} is not recorded: a file has {MOST} tracks, and"
            f" {MOST} others are being recorded."
        )
        self._no_track[publication.sid] = why
        self._note("left_out", why)

    def _saw_video(self, publication: Publication, frame: EncodedFrame) -> None:
        video = self.selection.video
        if frame.width and frame.height and video is not None and publication.sid == video.sid:
            self._size = (frame.width, frame.height)
        if publication.sid != self._video_sid and not self.tracks.every_track:
            self._note("video", described(publication))
            self._video_sid = publication.sid
            self.rate.clear()
            self._selection_changed()

    def _settled(self, sid: str, by_ns: int) -> None:
        self._put(self.timeline.settle(sid, by_ns))

    def _can_hold(self, publication: Publication, codec: str) -> bool:
        if not codec or self._container.holds(codec):
            self._left_out.pop(publication.sid, None)
            return True
        if publication.sid not in self._left_out:
            why = f"The {self._container.word} file can't hold the {described(publication)}."
            self._left_out[publication.sid] = why
            self._note("left_out", why)
        return False

    def _put(self, packets: list[Packet]) -> None:
        """To the queue with the next `tick`, all together: each time wakes the writer up."""
        self._pending += packets
        if not self.began.is_set() or len(self._pending) >= MOST_PENDING:
            self._put_pending()

    def _put_pending(self) -> None:
        packets, self._pending = self._pending, []
        main = self.tracks.main_video
        for packet in packets:
            if packet.track == main:
                self.rate.add(packet.time_ns // _PTS_NS)
        if packets:
            self.queue.put_nowait(*packets)


def _is_receivable(publication: Publication) -> bool:
    return publication.receivable
