"""What of a room is recorded at present; what of that doesn't arrive, since when and why."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from orchestrator.errors import HavenError, NobodyPublishes, NoMedia, UnsupportedCodec
from orchestrator.media import Publication, TrackKind
from orchestrator.recordings.policy import Policy, choose_audio, codec_name, described

STALL_S: Final = 2.0
"""A picture or sound that stays away so long is told of."""


@dataclass(slots=True)
class Absence:
    """Something that doesn't come: since when."""

    reason: str | None = None
    since: datetime | None = None

    def look(self, reason: str | None) -> None:
        """Why it is missing now; None while it comes. The first moment stays."""
        self.reason = reason
        self.since = None if reason is None else self.since or datetime.now(UTC)


class Choice:
    """The publications of a room, and which of them the policy takes."""

    def __init__(self, policy: Policy, clock: Callable[[], float] = time.monotonic) -> None:
        self.publications: dict[str, Publication] = {}
        self.video: Publication | None = None
        """The picture to record."""
        self.audio: dict[str, Publication] = {}
        self.idle_since: float | None = clock()
        """Since when nothing is published; None while something is."""
        self.no_picture, self.no_sound = Absence(), Absence()
        self._policy = policy
        self._clock = clock
        self._shown: str | None = None
        """Whose picture is recorded until the first one of `video` comes."""
        self._began_at = clock()
        self._frame_at: dict[str, float] = {}

    def put(self, publication: Publication) -> None:
        """A publication is there, or has changed."""
        self.publications[publication.sid] = publication
        self._choose()

    def remove(self, sid: str) -> Publication | None:
        """It is gone; returns what it was."""
        self._frame_at.pop(sid, None)
        gone = self.publications.pop(sid, None)
        self._choose()
        return gone

    def takes(self, sid: str) -> bool:
        """A frame of it came: whether it is to be recorded."""
        if self.video is not None and sid == self.video.sid:
            self._shown = sid
        elif sid != self._shown and sid not in self.audio:
            return False
        self._frame_at[sid] = self._clock()
        return True

    @property
    def wanted(self) -> frozenset[str]:
        """What is to be received: the chosen picture, the one before until it comes, all sound."""
        videos = {self._shown} if self._shown is not None else set()
        if self.video is not None:
            videos.add(self.video.sid)
        return frozenset(videos | self.audio.keys())

    @property
    def expects_video(self) -> bool:
        """Whether pictures should be coming."""
        return self._shown is not None or (self.video is not None and not self.video.muted)

    @property
    def expects_audio(self) -> frozenset[str]:
        """The publications whose sound should be coming."""
        return frozenset(p.sid for p in self.audio.values() if not p.muted)

    @property
    def unsupported(self) -> Publication | None:
        """The chosen picture, if it is in a codec we can't receive and no frame of it came."""
        video = self.video
        if video is None or video.receivable or video.sid in self._frame_at:
            return None
        return video

    def look(self) -> None:
        """Time passed: see what is missing."""
        self.no_picture.look(self._why_no_picture())
        self.no_sound.look(self._why_no_sound())

    def why_nothing(self, listed_by: str) -> HavenError:
        """Why no frame has come, as an error with advice; `listed_by` says that it is live."""
        if not self.publications:
            return NobodyPublishes(
                f"{listed_by} says that the stream is live, but nobody publishes in it:"
                " joined, and there is nothing to record.",
                "Start publishing, then start the recording again.",
            )
        if (video := self.video) is not None and not video.receivable:
            return _unsupported(video)
        known = ", ".join(described(p) for p in self.publications.values())
        return NoMedia(
            f"No frame came of what is published ({known}).",
            "Check that the publisher is sending and not muted, and that UDP gets through.",
        )

    def warnings(self) -> list[str]:
        """What a person watching should know now, in words."""
        lost = [
            f"{described(p)} can't be received and is missing in the recording."
            for p in self.publications.values()
            if not p.receivable and p.kind is not TrackKind.VIDEO
        ]
        return lost + [a.reason for a in (self.no_picture, self.no_sound) if a.reason is not None]

    def _choose(self) -> None:
        everything = self.publications.values()
        current = self.video.sid if self.video is not None else None
        self.video = self._policy.choose_video(everything, current)
        self.audio = {p.sid: p for p in choose_audio(everything)}
        shown = self.publications.get(self._shown or "")
        if shown is None or shown.muted:
            self._shown = None
        self.idle_since = None if self.publications else self.idle_since or self._clock()

    def _why_no_picture(self) -> str | None:
        video = self.video
        if video is None:
            return "No video is published; the picture is black."
        if self.unsupported is not None:
            return _unsupported(video).error
        if video.muted:
            return "The video is muted; the picture is black."
        silent_s = self._silent_s({self._shown or video.sid})
        held = f"No picture for {silent_s:.0f} s; the last one is held."
        return held if silent_s >= STALL_S else None

    def _why_no_sound(self) -> str | None:
        if not self.audio:
            return "No audio is published; there is silence."
        if not self.expects_audio:
            return "All audio is muted; there is silence."
        silent_s = self._silent_s(self.expects_audio)
        return f"No sound for {silent_s:.0f} s; there is silence." if silent_s >= STALL_S else None

    def _silent_s(self, sids: set[str] | frozenset[str]) -> float:
        latest = max(self._frame_at.get(sid, self._began_at) for sid in sids)
        return self._clock() - latest


def _unsupported(video: Publication) -> UnsupportedCodec:
    return UnsupportedCodec(
        f"The video is published as {codec_name(video)}, which can't be received.",
        "Have the publisher send VP8 or H.264 (unencrypted), then start again.",
    )
