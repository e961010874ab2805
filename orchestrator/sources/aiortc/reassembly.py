"""One receiver's way from packets to frames: its jitter buffer and what depends on it."""

from __future__ import annotations

from typing import Final

import structlog

from orchestrator.logs import Repeated
from orchestrator.media import TrackKind
from orchestrator.sources.aiortc.decoding.concealment import AudioPacket
from orchestrator.sources.aiortc.decoding.decoder import Decoder
from orchestrator.sources.aiortc.decoding.known_sets import KnownSets
from orchestrator.sources.aiortc.encoded_frames import EncodedFrames
from orchestrator.sources.aiortc.jitter_buffer import AudioJitterBuffer, VideoJitterBuffer
from orchestrator.sources.aiortc.keyframe_start import unpacked
from orchestrator.sources.aiortc.payload_formats import PayloadFormats
from orchestrator.sources.aiortc.video_frame import VideoFrame
from orchestrator.sources.bitstreams import av1_units
from orchestrator.sources.e2ee.decryption import FrameDecryption
from orchestrator.sources.e2ee.frame_layout import BLANKS
from orchestrator.sources.keyframe_requests import KeyframeRequests
from orchestrator.sources.payloads import av1, red
from orchestrator.sources.payloads.unpacked import KeyframeStart
from orchestrator.sources.received_media import Decrypts, MediaListener
from orchestrator.sources.rtp_packet import Packet
from orchestrator.sources.stream_times import RtpTimestampMapper

log = structlog.get_logger(__name__)

BEGIN_WITH_KEYFRAME: Final = ("VP9", "AV1", "H265")
"""Streams of these are decoded from their first keyframe on, which is asked for; VP8 and H.264 from
their first packet on, as decoders know best whether they can begin there. Where the codec changes
within a stream, all wait for one."""


class Reassembly:
    """Begins anew with each RTP stream: sequence numbers have nothing to do with those before."""

    def __init__(
        self,
        kind: TrackKind,
        formats: PayloadFormats,
        output: Decoder | EncodedFrames,
        keyframe_interval_s: float | None,
        decrypts: Decrypts,
    ) -> None:
        self._kind, self._formats, self._output = kind, formats, output
        self._keyframe_interval_s = keyframe_interval_s
        self._decrypts = decrypts
        self._times = RtpTimestampMapper()
        self.sets = KnownSets(formats.described)
        """Of the stream that comes now."""
        self._buffer: AudioJitterBuffer | VideoJitterBuffer = AudioJitterBuffer()
        self.requests = KeyframeRequests()
        self._left_out = self._requested = self._undecryptable = 0
        """Of the streams before."""
        self._decryption = FrameDecryption(kind)
        self._unforeseen = Repeated(log.exception)
        self._reported: tuple[bool, str | None] = False, None
        """Whether nothing can be decrypted, and why, as it was reported."""
        self.label = ""
        """The publication whose frames come now; empty while it is unknown."""
        self.restart()

    def restart(self) -> None:
        """What is held is of no use any more."""
        self._left_out, self._requested = self.left_out, self.keyframes_requested
        self._undecryptable = self.undecryptable
        self._decryption, self._reported = FrameDecryption(self._kind), (False, None)
        self.sets = KnownSets(self._formats.described)
        self.requests = KeyframeRequests(self._keyframe_interval_s)
        self._codec = ""
        """That of this stream's packets; empty until one came."""
        video = self._kind is TrackKind.VIDEO
        self._buffer = self._video_buffer() if video else AudioJitterBuffer()

    def begin(self, stream: int, label: str) -> None:
        """Frames are of this RTP stream, and of this publication, from now on."""
        self._times.begin(stream)
        self.label = label

    def take(self, packet: Packet) -> bool:
        """Takes a packet, passes on the frames that are whole with it; gives whether to ask for a
        keyframe now.
        """
        try:
            return self._take(packet)
        except Exception:  # noqa: BLE001  one packet's; the connection has others
            self._failed()
            return False

    def _take(self, packet: Packet) -> bool:
        form = self._formats.of(packet.payload_type)
        if form is None:
            return False
        if form.name == "RED":
            if not self._take_apart(packet):
                return False
            form = self._formats.of(packet.payload_type) or form
        if packet.payload:
            try:
                self._unpack(packet, form.name)
            except ValueError:
                return False
            if form.name != self._codec:
                self._codec_came(form.name)
        wants_keyframe, frame = self._buffer.add(packet)
        if frame is not None:
            self._pass_on(frame)
            self.pass_on_ready()
        return wants_keyframe

    def _codec_came(self, name: str) -> None:
        changed, self._codec = bool(self._codec), name
        if isinstance(self._buffer, VideoJitterBuffer) and (changed or name in BEGIN_WITH_KEYFRAME):
            self._buffer.wait_for_keyframe()

    def _take_apart(self, packet: Packet) -> bool:
        """Makes a packet of redundant audio what it is without, and keeps what it repeats."""
        if not packet.payload:
            return True  # an SFU's probe
        try:
            *repeated, own = red.blocks(packet.payload)
        except ValueError:
            return False
        if not self._is_audio(own.payload_type) or not isinstance(self._buffer, AudioJitterBuffer):
            return False
        for behind, block in enumerate(reversed(repeated), 1):
            if block.data and self._is_audio(block.payload_type):
                number = packet.sequence_number - behind & 0xFFFF
                earlier = Packet(number, packet.timestamp - block.earlier & 0xFFFFFFFF, packet.ssrc)
                earlier.payload_type, earlier.data = block.payload_type, block.data
                self._buffer.add_repeated(earlier)
        packet.payload_type, packet.payload = own.payload_type, own.data
        return True

    def _is_audio(self, payload_type: int) -> bool:
        """Whether a block is of a codec that is decoded."""
        form = self._formats.of(payload_type)
        return form is not None and form.name != "RED"

    def pass_on_ready(self) -> None:
        """Passes on the frames that need not wait."""
        while (frame := self._buffer.next_frame()) is not None:
            self._pass_on(frame)

    def to_request(self) -> list[int]:
        """Sequence numbers of packets to ask for now."""
        buffer = self._buffer
        return buffer.to_request() if isinstance(buffer, VideoJitterBuffer) else []

    def report(self, listener: MediaListener) -> None:
        """Reports that no frame of what comes now can be decrypted: when that begins, and once more
        when it is known why.
        """
        known = self._decryption.failing, self._decryption.trouble
        if known[0] and known != self._reported and self.label:
            listener.undecryptable(self.label, known[1])
        self._reported = known

    @property
    def left_out(self) -> int:
        """Frames that were left behind where packets were lost."""
        buffer = self._buffer
        return self._left_out + (buffer.left_out if isinstance(buffer, VideoJitterBuffer) else 0)

    @property
    def undecryptable(self) -> int:
        """Encrypted frames for which no key fits, and those that need one of them."""
        return self._undecryptable + self._decryption.undecryptable

    @property
    def keyframes_requested(self) -> int:
        """How many keyframes were asked for."""
        return self._requested + self.requests.count

    def _failed(self) -> None:
        """A packet or frame did what nobody foresaw: it is left out, and counted as one."""
        self._unforeseen("a packet could not be read", kind=self._kind.value)
        if isinstance(self._buffer, VideoJitterBuffer):
            self._buffer.leave_out()

    def _pass_on(self, frame: AudioPacket | VideoFrame) -> None:
        try:
            self._open_and_put(frame)
        except Exception:  # noqa: BLE001  the same of one frame
            self._failed()

    def _open_and_put(self, frame: AudioPacket | VideoFrame) -> None:
        if (form := self._formats.of(frame.payload_type)) is None:
            return
        if not self._is_open(form.name, frame):
            return
        if form.name == "AV1" and isinstance(frame, VideoFrame) and not self._join(frame):
            return
        if isinstance(frame, VideoFrame):
            self.sets.complete(form.name, frame)
        frame.timestamp = self._times.map(frame.timestamp)
        self._output.put((form.codec, frame))

    def _unpack(self, packet: Packet, codec: str) -> None:
        """Sets what the packet holds; raises ValueError."""
        payload, trailer = packet.payload, self._decrypts.injected_trailer
        injected = bool(trailer) and payload.endswith(trailer) and self._is_encrypted
        if injected:
            payload = payload[: -len(trailer)]
            if not payload:
                return
        packet.data, packet.begins_keyframe, packet.begins_part = unpacked(codec, payload)
        if injected and packet.data != BLANKS.get(codec):
            packet.data, packet.begins_keyframe = b"", KeyframeStart.NONE

    @property
    def _is_encrypted(self) -> bool:
        return self._decrypts.key_ring(self.label) is not None

    def _is_open(self, codec: str, frame: AudioPacket | VideoFrame) -> bool:
        """Whether it isn't encrypted, or was decrypted in place."""
        ring = self._decrypts.key_ring(self.label)
        if ring is None or not frame.data:
            return True
        broken = self._decryption.broken
        parts = frame.parts if isinstance(frame, VideoFrame) else (frame.data,)
        opened = self._decryption.open(ring, codec, parts)
        if opened is None:
            if self._decryption.needs_keyframe:
                self.requests.need()
            return False
        if isinstance(frame, VideoFrame):
            frame.put(opened)
            if broken:
                frame.after_loss = True
                self.requests.accepted(keyframe=True)
        else:
            frame.data = opened[0]
        return True

    def _join(self, frame: VideoFrame) -> bool:
        """Makes a frame of its payloads; False if it is none."""
        try:
            frame.put(av1_units.layers(av1.temporal_unit(frame.parts)))
        except ValueError:
            if isinstance(self._buffer, VideoJitterBuffer):
                self._buffer.leave_out()
            return False
        return True

    def _video_buffer(self) -> VideoJitterBuffer:
        encoded = isinstance(self._output, EncodedFrames)
        if isinstance(self._output, EncodedFrames):
            self._output.requests = self.requests
        return VideoJitterBuffer(requests=self.requests, begins_with_keyframe=encoded)
