"""What an offer of a publisher has to be (RFC 9725 §4.2, §4.4), and trickled candidates. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from orchestrator.errors import UnusableOffer
from orchestrator.media import RECEIVABLE, Publication, TrackKind

PARTICIPANT: Final = "publisher"
"""Its tracks share a clock."""

_LONGEST_NAME: Final = 40
"""Characters of a foreign name that an error repeats."""

_TRANSPORT: Final = {
    "ice-ufrag": "RFC 8839 §5.4",
    "ice-pwd": "RFC 8839 §5.4",
    "fingerprint": "RFC 8122 §5",
}
_FINGERPRINTS: Final = tuple(f"a=fingerprint:sha-{bits} " for bits in (256, 384, 512))
"""Those that aiortc checks; lines of other ones may be there, too."""

_KINDS: Final = {kind.value for kind in TrackKind}


def check_offer(sdp: str) -> None:
    """Raises UnusableOffer unless it sends one video, one audio, or both, over one transport."""
    session, *media = sdp.replace("\r\n", "\n").split("\nm=")
    if not session.startswith("v=0") or not media:
        raise UnusableOffer("The offer is not SDP with media.")
    kinds = [section.split(maxsplit=1)[0] if section.split() else "" for section in media]
    if other := [kind for kind in kinds if kind not in _KINDS]:
        raise UnusableOffer(f"The offer has an m-line that is neither audio nor video: {other[0]}.")
    if len(set(kinds)) < len(kinds):
        raise UnusableOffer("The offer has more than one m-line of audio, or of video.")
    if len(media) > 1 and "\na=group:BUNDLE " not in session:
        raise UnusableOffer("The offer doesn't bundle its m-lines (RFC 9143).")
    if not any(_sends(section, session) for section in media):
        raise UnusableOffer("The offer sends nothing.")


def check_published(sdp: str, published: Mapping[str, Publication]) -> None:
    """Raises UnusableOffer unless each m-line that sends has a publication, by its mid, of a codec
    that can be received."""
    session, *media = sdp.replace("\r\n", "\n").split("\nm=")
    if len(published) < sum(_sends(section, session) for section in media):
        raise UnusableOffer("An m-line of the offer lacks a codec, or a mid of its own (RFC 9143).")
    for each in published.values():
        if each.mime_type not in RECEIVABLE:
            codec = each.mime_type.partition("/")[2][:_LONGEST_NAME]
            raise UnusableOffer(
                f"The {each.kind} of the offer has no codec that can be received, only {codec}."
            )


def check_transport(sdp: str) -> None:
    """Raises UnusableOffer unless the m-line that is to carry all has ICE's user name and password,
    and a fingerprint, without which DTLS has nothing to check (RFC 8827 §6.5, RFC 8122 §5)."""
    session, *media = sdp.replace("\r\n", "\n").split("\nm=")
    lines = [*session.split("\n"), *_carrier(session, media).split("\n")]
    for name, source in _TRANSPORT.items():
        if not any(line.startswith(f"a={name}:") for line in lines):
            raise UnusableOffer(
                f"The offer has no a={name} ({source}).",
                "Send the offer as the WebRTC library makes it; media comes by DTLS-SRTP only.",
            )
    if not any(line.lower().startswith(_FINGERPRINTS) for line in lines):
        raise UnusableOffer(
            "The offer's a=fingerprint is of no hash function that can be checked.",
            "Use sha-256, sha-384 or sha-512 (RFC 8122 §5).",
        )


def _carrier(session: str, media: list[str]) -> str:
    """The m-line whose transport is that of all: the first of the bundle (RFC 9143 §7.1)."""
    group = next((x for x in session.split("\n") if x.startswith("a=group:BUNDLE ")), "")
    first = [f"a=mid:{mid}" for mid in group.split()[1:2]]
    return next((each for each in media if first and first[0] in each.split("\n")), media[0])


def _sends(section: str, session: str) -> bool:
    lines = section.split("\n")
    if lines[0].split()[1:2] == ["0"] and "a=bundle-only" not in lines:
        return False
    directions = {f"a={word}" for word in ("sendonly", "sendrecv", "recvonly", "inactive")}
    given = [line for line in (*session.split("\n"), *lines) if line in directions]
    return not given or given[-1] in ("a=sendonly", "a=sendrecv")


def with_codecs(publications: dict[str, Publication], codecs: dict[str, str]) -> list[Publication]:
    """The publications of an offer, by mid, with the codecs of its answer."""
    return [
        Publication(
            sid=each.sid,
            kind=each.kind,
            source=each.source,
            mime_type=codecs.get(mid, ""),
            participant=PARTICIPANT,
        )
        for mid, each in publications.items()
    ]


@dataclass(frozen=True, slots=True)
class Fragment:
    """Trickled candidates (RFC 8840)."""

    ufrag: str | None
    candidates: tuple[tuple[str, str | None], ...]
    """Each candidate's value, and the mid of its m-line."""
    complete: bool
    """There are no more."""


def fragment_of(sdp: str) -> Fragment:
    """Reads a body of the type application/trickle-ice-sdpfrag."""
    lines = [line.strip() for line in sdp.splitlines()]
    ufrag = next((_value(line) for line in lines if line.startswith("a=ice-ufrag:")), None)
    return Fragment(ufrag, tuple(_candidates(lines)), "a=end-of-candidates" in lines)


def ufrag_of(offer: str) -> str | None:
    """The user name fragment of an offer's ICE."""
    return fragment_of(offer).ufrag


def _candidates(lines: list[str]) -> Iterator[tuple[str, str | None]]:
    mid: str | None = None
    for line in lines:
        if line.startswith("m="):
            mid = None
        elif line.startswith("a=mid:"):
            mid = _value(line)
        elif line.startswith("a=candidate:"):
            yield line.removeprefix("a="), mid


def _value(line: str) -> str:
    return line.partition(":")[2].strip()
