"""Why nothing of a publication can be recorded, as errors that also serve as warnings. Pure."""

from __future__ import annotations

from collections.abc import Container, Iterable, Set

from orchestrator.e2ee_keys import KEY_ADVICE
from orchestrator.errors import (
    EndToEndEncrypted,
    HavenError,
    UnsupportedCodec,
    VideoTooLarge,
)
from orchestrator.media import NEVER_ENCRYPTED, Encryption, Publication
from orchestrator.worker.tracks.selection_policy import codec_name, described


def unsupported(video: Publication) -> UnsupportedCodec:
    """Its codec can't be received."""
    return UnsupportedCodec(
        f"The video is published as {codec_name(video)}, which can't be received.",
        "Have the publisher send VP8, VP9, AV1, H.264 or H.265, then start again.",
    )


def too_large(size: str, max_pixels: int) -> VideoTooLarge:
    """A video is not decoded as it is; `size`: as in 640x360."""
    return VideoTooLarge(
        f"The video is {size}, more than the limit of {max_pixels} pixels"
        " (ORCHESTRATOR_MAX_FRAME_PIXELS): no frame of it is recorded.",
        "Publish a smaller video, or raise the setting; memory grows with it.",
    )


def without_key(publication: Publication) -> EndToEndEncrypted:
    """It is encrypted, and nothing is known that could decrypt it."""
    if publication.encryption is Encryption.CUSTOM:
        why = "in a way of its application's own, which nobody else can decrypt"
        return _encrypted(publication, why, "Have it use the encryption of LiveKit's clients.")
    if publication.mime_type in NEVER_ENCRYPTED:
        why = "but AV1 can't be encrypted by LiveKit's clients: what it sends can't be decrypted"
        return _encrypted(publication, why, "Have the publisher send VP8, VP9 or H.264.")
    return undecryptable(publication, "no key is given for it")


def undecryptable(publication: Publication, why: str) -> EndToEndEncrypted:
    """`why`: the end of a sentence."""
    return _encrypted(publication, f"and {why}", KEY_ADVICE)


class Refusals:
    """Publications of which no frame comes though they are received, by sid."""

    def __init__(self) -> None:
        self._whys: dict[str, HavenError] = {}
        self._undecided: set[str] = set()
        """Those whose frames come and can't be decrypted so far."""

    def fails(self, sid: str) -> None:
        """A frame of it came, and could not be decrypted."""
        self._undecided.add(sid)

    def refuse(self, sid: str, why: HavenError) -> bool:
        """Whether that is new."""
        known = sid in self._whys
        self._whys[sid] = why
        return not known

    def take_back(self, sid: str) -> bool:
        """Whether it was refused."""
        self._undecided.discard(sid)
        return self._whys.pop(sid, None) is not None

    def why(self, sid: str) -> HavenError | None:
        """None if it isn't refused."""
        return self._whys.get(sid)

    @property
    def sids(self) -> Set[str]:
        """All of them."""
        return self._whys.keys()

    @property
    def undecryptable(self) -> Set[str]:
        """Those whose key isn't the right one."""
        return {sid for sid, why in self._whys.items() if isinstance(why, EndToEndEncrypted)}

    def why_encrypted(self, publication: Publication) -> EndToEndEncrypted | None:
        """Why it can't be decrypted; None if it isn't encrypted, or its key may be right."""
        why = self._whys.get(publication.sid)
        if isinstance(why, EndToEndEncrypted):
            return why
        return None if publication.decryptable else without_key(publication)

    def encrypted_so_far(
        self, publications: Iterable[Publication], begun: Container[str]
    ) -> EndToEndEncrypted | None:
        """The same of those that have `begun`: what nothing came of is not waited for if it needs a
        key, as another has been found wrong.
        """
        if not self.undecryptable:
            return None
        known = self._whys.keys() | self._undecided
        return self.all_encrypted(
            each
            for each in publications
            if not each.encrypted or each.sid in known or each.sid in begun
        )

    def some_encrypted(self, publications: Iterable[Publication]) -> EndToEndEncrypted | None:
        """Why some of these can't be decrypted, and that nothing came of the others; None if all
        that came could be.
        """
        there = [each for each in publications if not each.muted]
        locked = [why for each in there if (why := self._why_locked(each)) is not None]
        if not locked:
            return None
        rest = [described(each) for each in there if self._why_locked(each) is None]
        nothing = [f"No frame arrived of {', '.join(rest)}."] if rest else []
        return EndToEndEncrypted(
            " ".join([*(why.error for why in locked), *nothing]), locked[0].detail
        )

    def _why_locked(self, publication: Publication) -> EndToEndEncrypted | None:
        if (why := self.why_encrypted(publication)) is None and publication.sid in self._undecided:
            return undecryptable(publication, "none of its frames could be decrypted so far")
        return why

    def all_encrypted(self, publications: Iterable[Publication]) -> EndToEndEncrypted | None:
        """Why nothing of these that isn't muted can be decrypted; None if something can."""
        there = [(each, self.why_encrypted(each)) for each in publications if not each.muted]
        locked = [why for _, why in there if why is not None]
        if not locked or any(each.receivable and why is None for each, why in there):
            return None
        return EndToEndEncrypted(" ".join(why.error for why in locked), locked[0].detail)


def _encrypted(publication: Publication, why: str, advice: str) -> EndToEndEncrypted:
    return EndToEndEncrypted(
        f"{_capital(described(publication))} is end-to-end encrypted, {why}: nothing of it is"
        " recorded.",
        advice,
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
