"""What a description publishes, where nothing but the description says so (WHEP). Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from orchestrator.errors import SourceGarbled
from orchestrator.media import RECEIVABLE, Publication, TrackKind, TrackSource

KINDS: Final = (TrackKind.AUDIO, TrackKind.VIDEO)

MOST_MEDIA: Final = 300
"""m-lines of a description, of which at most one of each kind counts."""

_SOURCES: Final = {
    TrackKind.AUDIO: TrackSource.MICROPHONE,
    TrackKind.VIDEO: TrackSource.CAMERA,
}
_STATIC: Final = {"0": "pcmu", "8": "pcma", "9": "g722"}
"""Payload types that mean a codec without an rtpmap (RFC 3551 §6)."""

_NO_MEDIA: Final = frozenset({"rtx", "ulpfec", "flexfec-03", "telephone-event", "cn"})
"""Formats that carry no codec's frames of their own."""

_DIRECTION: Final = re.compile(r"a=(sendrecv|sendonly|recvonly|inactive)")
_RTPMAP: Final = re.compile(r"a=rtpmap:(\d+) +([^/\s]+)")


@dataclass(slots=True)
class _Section:
    """An m-line and what follows it."""

    kind: str
    port: str
    formats: list[str]
    mid: str = ""
    direction: str = "sendrecv"
    """What holds where none is given (RFC 8866 §6.7)."""
    bundle_only: bool = False
    """Its port is 0 and it isn't rejected (RFC 9143 §6)."""
    codecs: dict[str, str] = field(default_factory=dict)
    """Their names, lower case, by payload type."""

    def mime_types(self) -> list[str]:
        """Of its formats, in their order."""
        names = (self.codecs.get(each) or _STATIC.get(each) for each in self.formats)
        return [f"{self.kind}/{name}" for name in names if name]


def publications_in(sdp: str, participant: str) -> dict[str, Publication]:
    """One track of each kind, by the mid of its m-line; raises ValueError if this is not SDP.

    An m-line that was rejected (port 0) or is no media publishes nothing. Raises SourceGarbled for
    more than MOST_MEDIA of them.
    """
    sections = _sections(sdp)
    if not sections:
        raise ValueError("not SDP: it has no m-line")
    found: dict[TrackKind, tuple[str, Publication]] = {}
    for section in sections:
        publication = _publication_of(section, participant)
        if publication is not None:
            found.setdefault(publication.kind, (section.mid, publication))
    return dict(found.values())


def main_codec(mime_types: list[str]) -> str:
    """The codec that a track's frames have, of what its m-line lists; empty if there is none.

    Some servers list retransmissions (rtx) first, or a codec that isn't received before one that
    is: what we get is what we can receive.
    """
    codecs = [each for each in mime_types if each.partition("/")[2] not in _NO_MEDIA]
    return next((each for each in codecs if each in RECEIVABLE), codecs[0] if codecs else "")


def _publication_of(section: _Section, participant: str) -> Publication | None:
    sends = section.direction in ("sendonly", "sendrecv")
    rejected = section.port == "0" and not section.bundle_only
    if section.kind not in tuple(KINDS) or rejected or not sends:
        return None
    if not (mime_type := main_codec(section.mime_types())):
        return None
    kind = TrackKind(section.kind)
    return Publication(
        sid=kind.value,
        kind=kind,
        source=_SOURCES[kind],
        mime_type=mime_type,
        participant=participant,
    )


def _sections(sdp: str) -> list[_Section]:
    """The m-lines in their order (RFC 8866 §5.14); ValueError for one that is none."""
    sections: list[_Section] = []
    direction = "sendrecv"
    for line in map(str.strip, sdp.splitlines()):
        if line.startswith("m="):
            kind, port, *rest = [*line[2:].split(), ""]
            if len(rest) < 2:
                raise ValueError("not SDP: an m-line lacks its port or transport")
            if len(sections) == MOST_MEDIA:
                raise SourceGarbled(f"The session description has more than {MOST_MEDIA} m-lines.")
            section = _Section(kind, port.partition("/")[0], rest[1:], direction=direction)
            sections.append(section)
            continue
        if found := _DIRECTION.fullmatch(line):
            if sections:
                sections[-1].direction = found[1]
            else:
                direction = found[1]
        if not sections:
            continue
        if line.startswith("a=mid:"):
            sections[-1].mid = line.removeprefix("a=mid:")
        elif line == "a=bundle-only":
            sections[-1].bundle_only = True
        elif found := _RTPMAP.match(line):
            sections[-1].codecs[found[1]] = found[2].lower()
    return sections
