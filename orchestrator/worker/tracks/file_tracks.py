"""Which track of the file each publication's frames go into.

A participant who comes back goes on in the track of before, as it has the same name. Read by the
writer's thread as well: what is known is replaced as a whole, never changed.
"""

from __future__ import annotations

from itertools import count
from typing import Final

from orchestrator.media import EncodedFrame, Publication, TrackKind, TrackSource
from orchestrator.stream_copy.packet_file import KnownTracks
from orchestrator.stream_copy.track import Track

MOST: Final = 100
"""Tracks of one file; libavformat's Matroska muxer takes 126 (libavformat/matroskaenc.c)."""

NAME_BYTES: Final = 96
"""Of a track's name: a file has room for `MOST` such tracks (stream_copy.matroska)."""

_VIDEO: Final = "video"
"""Name of the one video track, if that isn't one publication's."""


class FileTracks:
    """The tracks of a recording. `every_track`: each video has one of its own."""

    def __init__(self, *, every_track: bool) -> None:
        self.every_track = every_track
        self._known: dict[Track, EncodedFrame] = {}
        self._track_of: dict[str, Track] = {}
        """By the sid of each publication that is there."""
        self._only_video: Track | None = None
        """The newest video track, where a file may have one."""

    def known(self) -> KnownTracks:
        """The tracks that a file is to have, videos first."""
        known, only = self._known, self._only_video
        tracks = (each for each in known if only is None or _is_audio(each) or each == only)
        return {track: known[track] for track in sorted(tracks, key=_is_audio)}

    def of(self, publication: Publication, frame: EncodedFrame) -> Track | None:
        """The track of a frame that came; None if those that are there have all that a file takes.

        More would end each file as soon as it has begun.
        """
        if publication.sid not in self._track_of and len(self._track_of) >= MOST:
            return None
        track = self._assigned(publication, frame.codec)
        if track not in self._known or self._has_new_size(track, frame):
            self._known = {**self._known, track: frame}
        if not self.every_track and track.kind is TrackKind.VIDEO:
            self._only_video = track
        return track

    def may_add(self, track: Track, tracks: frozenset[Track]) -> bool:
        """Whether a file that has `tracks` may have this one as well.

        A recording of one video has one video track, so that every player shows it.
        """
        if len(tracks) >= MOST:
            return False
        videos = [each for each in tracks if each.kind is TrackKind.VIDEO]
        return self.every_track or track.kind is TrackKind.AUDIO or not videos

    def sids(self, track: Track) -> list[str]:
        """The publications whose frames go into a track."""
        return [sid for sid, its in self._track_of.items() if its == track]

    def gone(self, sid: str) -> None:
        """A publication is gone: its track stays for whoever comes back."""
        self._track_of.pop(sid, None)

    def begin_part(self) -> None:
        """A new final file begins: it has the tracks of those that are there."""
        present = frozenset(self._track_of.values())
        self._known = {track: frame for track, frame in self._known.items() if track in present}

    @property
    def main_video(self) -> Track | None:
        """The first video track."""
        return next((track for track in self._known if track.kind is TrackKind.VIDEO), None)

    def _has_new_size(self, track: Track, frame: EncodedFrame) -> bool:
        known = self._known[track]
        return frame.width > 0 and (frame.width, frame.height) != (known.width, known.height)

    def _assigned(self, publication: Publication, codec: str) -> Track:
        track = self._track_of.get(publication.sid)
        if track is None or track.codec != codec:
            self._track_of.pop(publication.sid, None)
            track = self._free(publication, codec)
            self._track_of[publication.sid] = track
        return track

    def _free(self, publication: Publication, codec: str) -> Track:
        if publication.kind is TrackKind.VIDEO and not self.every_track:
            return Track(_VIDEO, TrackKind.VIDEO, codec)
        name, taken = track_name(publication), set(self._track_of.values())
        names = (name if number == 1 else f"{name} {number}" for number in count(1))
        tracks = (Track(each, publication.kind, codec) for each in names)
        return next(track for track in tracks if track not in taken)


def track_name(publication: Publication) -> str:
    """Participant and source, such as ``alice camera``; at most `NAME_BYTES`, all printable."""
    known = publication.source is not TrackSource.UNKNOWN
    what = str(publication.source).replace("_", " ") if known else str(publication.kind)
    words = "".join(each for each in publication.participant if each.isprintable())
    who = words.encode("utf-8", "ignore")[: NAME_BYTES - len(what) - 1]
    return f"{who.decode('utf-8', 'ignore')} {what}".strip()


def _is_audio(track: Track) -> bool:
    return track.kind is TrackKind.AUDIO
