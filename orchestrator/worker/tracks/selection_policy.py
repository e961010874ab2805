"""Which publications of a room are recorded: one video, all audio. Pure."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from orchestrator.media import Publication, TrackKind, TrackSource

DEFAULT: Final = ("screen_share", "host", "largest")
"""The setting `video_track_preference`: which video is recorded; the first word counts most."""

MOST_AUDIO: Final = 250
"""Audio tracks recorded at a time: each is an m-line of the server's offer (`sdp.MOST_MEDIA`)."""


@dataclass(frozen=True, slots=True)
class SelectionPolicy:
    """One video, all audio."""

    preference: Sequence[str] = DEFAULT
    host: str | None = None
    """Identity of the participant whose stream it is, where discovery knows it; else the host is
    the participant who joined first."""
    every_video: bool = False
    """All other videos are recorded as well."""
    codecs: frozenset[str] = frozenset()
    """What can be recorded, as in `EncodedFrame`; empty: everything that is received."""

    def choose_video(
        self,
        publications: Iterable[Publication],
        current: str | None = None,
        undecryptable: Container[str] = (),
    ) -> Publication | None:
        """One video: one that isn't muted before others, then by the words of `preference`.

        Of equals the `current` one stays. One that can't be received or recorded is selected only
        if there is no other: browsers that publish VP9 or AV1 send VP8 as well once somebody needs
        it. The same holds for the sids that are `undecryptable`, as their key isn't the right one.
        """
        videos = [p for p in publications if p.kind is TrackKind.VIDEO]
        return max(
            videos,
            key=lambda each: (each.sid not in undecryptable, *self._rank(each, current)),
            default=None,
        )

    def other_videos(
        self, publications: Iterable[Publication], chosen: Publication | None
    ) -> list[Publication]:
        """Those that are recorded beside the `chosen` one."""
        if not self.every_video:
            return []
        videos = (p for p in publications if p.kind is TrackKind.VIDEO and p.receivable)
        return [video for video in videos if chosen is None or video.sid != chosen.sid]

    def _rank(self, video: Publication, current: str | None) -> tuple[Any, ...]:
        wishes = tuple(_WISHES[word](video, self.host) for word in self.preference)
        steady = (video.sid == current, video.width * video.height, video.sid)
        recordable = not self.codecs or codec_received(video) in self.codecs
        return (video.receivable and recordable, not video.muted, *wishes, *steady)


_WISHES: Final[Mapping[str, Callable[[Publication, str | None], Any]]] = {
    "screen_share": lambda video, host: video.source is TrackSource.SCREEN_SHARE,
    "camera": lambda video, host: video.source is TrackSource.CAMERA,
    "host": lambda video, host: (video.participant == host, -video.joined_at_ms),
    "largest": lambda video, host: video.width * video.height,
}
"""What each word prefers: the larger value wins."""


def receivable_audio(publications: Iterable[Publication]) -> list[Publication]:
    """All audio that can be received."""
    return [p for p in publications if p.kind is TrackKind.AUDIO and p.receivable]


def choose_audio(
    receivable: Iterable[Publication], current: Container[str] = ()
) -> list[Publication]:
    """The audio to record, which is mixed: all up to `MOST_AUDIO`, then `current` sids first."""
    return sorted(receivable, key=lambda each: each.sid not in current)[:MOST_AUDIO]


def codec_name(publication: Publication) -> str:
    """`VP9` for `video/vp9`."""
    return publication.mime_type.rpartition("/")[2].upper()


def codec_received(publication: Publication) -> str:
    """As in `EncodedFrame`; "" where it isn't known yet. RED (RFC 2198) reaches us as Opus."""
    codec = codec_name(publication).lower()
    return "opus" if codec == "red" else codec


def described(publication: Publication) -> str:
    """A publication in words."""
    codec = codec_name(publication) or "unknown codec"
    return f"{publication.source} {publication.kind} of {publication.participant!r} ({codec})"
