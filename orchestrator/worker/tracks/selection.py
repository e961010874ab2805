"""Which tracks of a room are recorded now; which of them don't arrive, since when and why."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from orchestrator.errors import (
    EndToEndEncrypted,
    EverybodyMuted,
    HavenError,
    NobodyPublishes,
    NoMedia,
)
from orchestrator.media import Publication, TrackKind
from orchestrator.worker.tracks.absence import FILLED, Absence, Instead
from orchestrator.worker.tracks.missing_tracks import ADVICE, MissingTracks
from orchestrator.worker.tracks.refusals import Refusals, unsupported
from orchestrator.worker.tracks.selection_policy import (
    MOST_AUDIO,
    SelectionPolicy,
    choose_audio,
    described,
    receivable_audio,
)

STALL_S: Final = 2.0
"""Video or audio that is missing for so long is warned about."""


class TrackSelection:
    """The publications of a room, and which of them the policy selects."""

    def __init__(
        self,
        policy: SelectionPolicy,
        clock: Callable[[], float] = time.monotonic,
        *,
        instead: Instead = FILLED,
    ) -> None:
        self._instead = instead
        self.publications: dict[str, Publication] = {}
        self.video: Publication | None = None
        """The video to record."""
        self.other_videos: dict[str, Publication] = {}
        """What is recorded beside it, by sid."""
        self.audio: dict[str, Publication] = {}
        """The audio to record, by sid."""
        self._audio_left_out = 0
        self.idle_since: float | None = clock()
        """Since when nothing is published; None while something is."""
        self.no_video, self.no_audio = Absence(), Absence()
        self._policy = policy
        self._clock = clock
        self._recorded_sid: str | None = None
        """Sid of the video that is recorded until the first frame of `video` arrives."""
        self._began_at = clock()
        self._frame_at: dict[str, float] = {}
        self._refusals = Refusals()
        self._hoped_for: str | None = None
        """Sid of a video that would be recorded if it could be decrypted."""
        self.arrivals = MissingTracks(clock)

    def put(self, publication: Publication) -> None:
        """A publication is new or has changed; `choose` follows."""
        self.publications[publication.sid] = publication

    def remove(self, sid: str) -> Publication | None:
        """A publication is gone, and returned; `choose` follows."""
        self._frame_at.pop(sid, None)
        self._refusals.take_back(sid)
        return self.publications.pop(sid, None)

    def choose(self) -> None:
        """Chooses anew what is recorded; once for all that changed together."""
        everything = self.publications.values()
        current = self.video.sid if self.video is not None else None
        hoped_for = self._policy.choose_video(everything, current)
        self.video = self._policy.choose_video(everything, current, self._refusals.undecryptable)
        self._hoped_for = hoped_for.sid if hoped_for is not None else None
        others = self._policy.other_videos(everything, self.video)
        self.other_videos = {p.sid: p for p in others}
        audio = receivable_audio(everything)
        self.audio = {p.sid: p for p in choose_audio(audio, self.audio)}
        self._audio_left_out = len(audio) - len(self.audio)
        shown = self.publications.get(self._recorded_sid or "")
        if shown is None or shown.muted:
            self._recorded_sid = None
        self.idle_since = None if self.publications else self.idle_since or self._clock()
        self.arrivals.expect(self._expected())

    def refuse(self, sid: str, why: HavenError) -> bool:
        """No frame of a publication comes, until its next one; False if that was known before."""
        new = self._refusals.refuse(sid, why)
        self.arrivals.expect(self._expected())
        return new

    def fails(self, sid: str) -> None:
        """A frame of a publication came, and could not be decrypted: its key may be changing."""
        self._refusals.fails(sid)
        self.arrivals.arrived(sid)

    def why_refused(self, sid: str) -> HavenError | None:
        """Why no frame of a publication comes; None if that isn't known."""
        return self._refusals.why(sid)

    def decrypted(self, sid: str) -> bool:
        """A frame arrived: whether the publication could not be decrypted; `choose` follows."""
        return sid in self._refusals.undecryptable and self._refusals.take_back(sid)

    def takes(self, sid: str) -> bool:
        """A frame arrived: whether it is to be recorded."""
        if self._refusals.take_back(sid):
            self.arrivals.expect(self._expected())
        if self.video is not None and sid == self.video.sid:
            self._recorded_sid = sid
        elif sid != self._recorded_sid and sid not in self.audio.keys() | self.other_videos.keys():
            return False
        self._frame_at[sid] = self._clock()
        self.arrivals.arrived(sid)
        return True

    def reconnected(self) -> None:
        """A new connection: each track has to begin again."""
        self.arrivals.restart()

    @property
    def wanted(self) -> frozenset[str]:
        """Sids to subscribe to: what is selected, and the previous video until the next arrives."""
        videos = {self._recorded_sid} if self._recorded_sid is not None else set()
        if self.video is not None:
            videos.add(self.video.sid)
        if self._hoped_for is not None:
            videos.add(self._hoped_for)
        return frozenset(videos | self.other_videos.keys() | self.audio.keys())

    @property
    def expects_video(self) -> bool:
        """Whether frames of video should be arriving."""
        videos = [*self.other_videos.values(), *([self.video] if self.video is not None else [])]
        return self._recorded_sid is not None or any(not video.muted for video in videos)

    @property
    def expects_audio(self) -> frozenset[str]:
        """The publications whose audio should be arriving."""
        return frozenset(p.sid for p in self.audio.values() if not p.muted)

    @property
    def unsupported(self) -> Publication | None:
        """The selected video, if its codec can't be received and no frame of it arrived."""
        video = self.video
        if video is None or video.receivable or video.sid in self._frame_at:
            return None
        return video if video.decryptable else None

    @property
    def encrypted(self) -> EndToEndEncrypted | None:
        """Why nothing that isn't muted can be decrypted; None if something can, or is plain."""
        return self._refusals.all_encrypted(self.publications.values())

    @property
    def encrypted_so_far(self) -> EndToEndEncrypted | None:
        """The same where nothing came of another one, of which nobody knows whether it can be."""
        return self._refusals.encrypted_so_far(self.publications.values(), self.arrivals.begun)

    @property
    def everybody_muted(self) -> bool:
        """Whether everything published that could be recorded is muted."""
        videos = [*self.other_videos.values(), *([self.video] if self.video is not None else [])]
        selected = [*self.audio.values(), *videos]
        return bool(selected) and all(publication.muted for publication in selected)

    def look(self) -> None:
        """Time passed: update what is missing."""
        self.no_video.look(self._why_no_video())
        self.no_audio.look(self._why_no_audio())

    def why_nothing(self, listed_by: str) -> HavenError:
        """Why no frame has arrived, as an error; `listed_by`: who lists the stream as live."""
        if not self.publications:
            return NobodyPublishes(
                f"{listed_by} lists the stream as live, but nobody publishes in the room:"
                " joined it, and there is nothing to record.",
                "Start publishing, then start the recording again.",
            )
        if (problem := self._problem()) is not None:
            return problem
        known = ", ".join(described(p) for p in self.publications.values())
        if self.everybody_muted:
            return EverybodyMuted(
                f"Everything published is muted ({known}).",
                "Start again when somebody has unmuted, or let a watch begin by itself"
                " (POST /api/recording/watch, `orchestrator record --wait`).",
            )
        return NoMedia(
            f"No frame arrived of what is published ({known}).",
            "Check that the publisher is sending and not muted, and that UDP gets through; of a"
            " video a LiveKit server forwards nothing before its first keyframe.",
        )

    def _problem(self) -> HavenError | None:
        """Why what is published can't be recorded, as far as its frames or its announcement say."""
        if (encrypted := self.encrypted) is not None:
            return encrypted
        if self.unsupported is not None:
            return unsupported(self.unsupported)
        why = self._refusals.why(self.video.sid) if self.video is not None else None
        if why is not None and not isinstance(why, EndToEndEncrypted):
            return why
        return self._refusals.some_encrypted(self.publications.values())

    def warnings(self) -> list[str]:
        """What is missing in the recording now, in words."""
        warnings = [
            f"{described(p)} can't be received and is missing in the recording."
            for p in self.publications.values()
            if not p.receivable and p.decryptable and p.kind is not TrackKind.VIDEO
        ]
        warnings += self._undecryptable()
        if self.video is not None and (why := self._refusals.why(self.video.sid)):
            warnings += [why.error] if why.error not in warnings else []
        if self._audio_left_out:
            warnings.append(
                f"Only {MOST_AUDIO} of {MOST_AUDIO + self._audio_left_out} audio tracks are"
                f" recorded, those published first; left out: {self._audio_left_out}."
            )
        missing = (self.no_video.reason, self.no_audio.reason)
        return warnings + [why for why in missing if why is not None and why not in warnings]

    def not_started(self) -> dict[str, str]:
        """A warning for each publication that should be arriving and never began, by sid."""
        return {
            sid: f"Nothing has arrived from {described(self.publications[sid])} in {late_s:.0f} s;"
            f" it is missing in the recording. {ADVICE}"
            for sid, late_s in self.arrivals.not_started().items()
        }

    def missing(self) -> list[str]:
        """The same, and audio that has stopped while other audio goes on."""
        stalled = self.arrivals.stalled() if self.no_audio.reason is None else {}
        return [
            *self.not_started().values(),
            *(
                f"Nothing has arrived from {described(self.publications[sid])} for {gone_s:.0f} s;"
                f" {self._instead.audio}. {ADVICE}"
                for sid, gone_s in stalled.items()
                if sid in self.audio
            ),
        ]

    def _expected(self) -> set[str]:
        sids = set(self.expects_audio)
        if self.video is not None and self.video.receivable and not self.video.muted:
            sids.add(self.video.sid)
        sids |= {video.sid for video in self.other_videos.values() if not video.muted}
        return sids - self._refusals.sids

    def _undecryptable(self) -> list[str]:
        """What would be recorded if it could be decrypted, in words."""
        every, video = self._policy.every_video, self._hoped_for
        whys = (
            self._refusals.why_encrypted(each)
            for each in self.publications.values()
            if each.kind is TrackKind.AUDIO or every or each.sid == video
        )
        return [why.error for why in whys if why is not None]

    def _why_no_video(self) -> str | None:
        video = self.video
        if video is None:
            return f"No video is published; {self._instead.video}."
        if self.unsupported is not None:
            return unsupported(video).error
        if video.muted:
            return f"The video is muted; {self._instead.video}."
        if (locked := self._refusals.why_encrypted(video)) is not None:
            return locked.error
        if self._recorded_sid in (None, video.sid) and (why := self._refusals.why(video.sid)):
            return why.error
        missing_s = self._missing_s({self._recorded_sid or video.sid})
        held = f"No video for {missing_s:.0f} s; {self._instead.stalled_video}."
        return held if missing_s >= STALL_S else None

    def _why_no_audio(self) -> str | None:
        if not self.audio:
            return f"No audio is published; {self._instead.audio}."
        if not self.expects_audio:
            return f"All audio is muted; {self._instead.audio}."
        missing_s = self._missing_s(self.expects_audio)
        warning = f"No audio for {missing_s:.0f} s; {self._instead.audio}."
        return warning if missing_s >= STALL_S else None

    def _missing_s(self, sids: set[str] | frozenset[str]) -> float:
        latest = max(self._frame_at.get(sid, self._began_at) for sid in sids)
        return self._clock() - latest
