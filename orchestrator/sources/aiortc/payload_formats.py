"""What the payload types of one receiver stand for, as they were negotiated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from orchestrator.sources.aiortc.internals import Inside
from orchestrator.sources.rtp_packet import Packet, original


@dataclass(frozen=True, slots=True)
class PayloadFormat:
    """That of one payload type."""

    codec: Any
    """aiortc's RTCRtpCodecParameters."""
    name: str
    """As in ``VP8``, ``H264``, ``OPUS``."""
    rate: int
    """RTP ticks per second."""
    takes_remb: bool
    """Whether its sender takes estimates of the bit rate."""
    is_repetition: bool
    """Packets of it repeat lost ones (RFC 4588)."""
    repeats: int | None
    """The payload type of those."""

    @classmethod
    def of(cls, codec: Any) -> PayloadFormat:
        """That of aiortc's RTCRtpCodecParameters."""
        name, repeats = codec.name.upper(), codec.parameters.get("apt")
        remb = any(each.type == "goog-remb" for each in codec.rtcpFeedback)
        repeats = repeats if isinstance(repeats, int) else None
        return cls(codec, name, codec.clockRate, remb, name == "RTX", repeats)


class PayloadFormats:
    """Those of one receiver."""

    def __init__(self, inside: Inside) -> None:
        self._inside = inside
        self._codecs: dict[int, Any] = inside.get("codecs")
        self._known: dict[int, PayloadFormat] = {}
        self.described: dict[int, bytes] = {}
        """Parameter sets that the description has, by payload type (`known_sets`)."""

    def of(self, payload_type: int) -> PayloadFormat | None:
        """None if nothing of it was negotiated."""
        form = self._known.get(payload_type)
        if form is None and (codec := self._codecs.get(payload_type)) is not None:
            form = self._known[payload_type] = PayloadFormat.of(codec)
        return form

    def update(self, codecs: dict[int, Any]) -> None:
        """A later description was applied."""
        self._codecs.update(codecs)
        self._known.clear()

    def names(self, packet: Packet) -> bool:
        """Whether a description says which SSRC's packets are repeated by this one's SSRC.

        Others are of no use, and each SSRC that is counted has a place in each of our reports.
        """
        return packet.ssrc in self._inside.get("rtx_ssrc")

    def repeated(self, packet: Packet, form: PayloadFormat, ssrc: int) -> Packet | None:
        """What a packet repeats, if it is one of this SSRC."""
        if form.repeats is None or self._inside.get("rtx_ssrc").get(packet.ssrc) != ssrc:
            return None
        return original(packet, form.repeats, ssrc)
