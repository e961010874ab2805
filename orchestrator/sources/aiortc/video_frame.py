"""An encoded frame of video, of the packets that it came in."""

from __future__ import annotations

from collections.abc import Sequence

from aiortc.jitterbuffer import JitterFrame

from orchestrator.sources.rtp_packet import Packet


class VideoFrame(JitterFrame):
    """An encoded frame, and what is known of its packets."""

    def __init__(
        self, data: bytes, timestamp: int, payload_type: int = 0, after_loss: bool = False
    ) -> None:
        super().__init__(data, timestamp)
        self.parts: tuple[bytes, ...] = (data,)
        """What stays apart in `data`: the layers of VP9 and AV1; else all of it."""
        self.payload_type = payload_type
        self.after_loss = after_loss
        """Frames before it were left out."""
        self.cut = False
        """The next one began before its last packet came, in a stream that marks those."""

    @classmethod
    def of(cls, packets: Sequence[Packet], after_loss: bool) -> VideoFrame:
        """That of all packets of one timestamp."""
        first = packets[0]
        frame = cls(b"", first.timestamp, first.payload_type, after_loss)
        pieces: list[list[bytes]] = [[]]
        for packet in packets:
            if packet.begins_part and pieces[-1]:
                pieces.append([])
            if packet.data:
                pieces[-1].append(packet.data)
        frame.put(tuple(map(b"".join, pieces)))
        return frame

    def put(self, parts: tuple[bytes, ...]) -> None:
        """Replaces what it holds. Parts with nothing in them, which decoders take for the end of
        their stream, are left out.
        """
        self.parts = tuple(filter(None, parts)) or (b"",)
        self.data = self.parts[0] if len(self.parts) == 1 else b"".join(self.parts)
