"""Turns what a LiveKit server says besides media into activities, across all connections.

Called in the loop's thread. What the server or a participant sends ends at most in a packet that is
left out and counted.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Final

import structlog
from google.protobuf.message import DecodeError
from livekit.protocol import models, rtc

from orchestrator.logs import Repeated
from orchestrator.media import SECOND_NS
from orchestrator.sources.activity import Activity
from orchestrator.sources.e2ee.room_keys import RoomKeys
from orchestrator.sources.livekit.activity.decryption import DataDecryption, EncryptedData, Opened
from orchestrator.sources.livekit.activity.messages import How, Messages
from orchestrator.sources.livekit.activity.roster import Roster
from orchestrator.sources.livekit.activity.streams import DataStream, DataStreams
from orchestrator.sources.livekit.rate_limit import TokenBucket

log = structlog.get_logger(__name__)

CHANNELS: Final = {"_reliable": False, "_lossy": True}
"""The server's data channels, and whether what comes over them may be lost."""

PACKETS_AT_ONCE: Final = 2000
PACKETS_PER_S: Final = 1000
"""Packets that are read; of more than that the rest is left out and counted."""

REPORT_S: Final = 5.0
"""Between two activities that say how many were left out."""

_LOOK_S: Final = 0.1


class RoomActivity:
    """One room's. `told` gets the activities."""

    def __init__(self, told: Callable[[Activity], None], keys: RoomKeys) -> None:
        self._told = told
        self._roster = Roster()
        self._messages = Messages(self._roster)
        self._streams = DataStreams()
        self._decryption = DataDecryption(keys)
        self._bucket = TokenBucket(PACKETS_AT_ONCE, PACKETS_PER_S)
        self._connected_before = False
        self._left_out: dict[str, int] = {}
        """Packets that were left out since that was said, by the reason."""
        self._timer: asyncio.TimerHandle | None = None
        self._failures = Repeated(log.warning)

    # -- called by the session

    def connected(self, joined: rtc.JoinResponse) -> None:
        """A connection begins: who is there."""
        again, self._connected_before = self._connected_before, True
        now_ns = time.monotonic_ns()
        me = joined.participant.sid
        self._tell(self._roster.connected(me, joined.other_participants, now_ns, again=again))

    def participants(self, infos: Iterable[models.ParticipantInfo]) -> None:
        """Participants came, went or changed."""
        self._tell(self._roster.update(infos, time.monotonic_ns()))

    def speakers(self, infos: Iterable[models.SpeakerInfo]) -> None:
        """Some began or ended to speak."""
        self._tell(self._roster.speakers(infos, time.monotonic_ns()))

    def data(self, channel: str, message: bytes, came_ns: int) -> None:
        """A message of a data channel."""
        lossy = CHANNELS.get(channel)
        if lossy is None:
            return
        if not self._bucket.take():
            self._leave_out(f"more than {PACKETS_PER_S} came in a second")
            return
        try:
            packet = models.DataPacket.FromString(message)
            self._packet(packet, came_ns, lossy=lossy)
        except DecodeError:
            self._leave_out("they could not be read")
        except Exception as problem:  # noqa: BLE001  raised, it would end the media connection
            self._failures("a data packet could not be handled", error=repr(problem))
            self._leave_out("they could not be handled")

    def disconnected(self) -> None:
        """The connection ends: of what is half there nothing more comes."""
        if self._timer is not None:
            self._timer.cancel()
        self._opened(self._decryption.look(time.monotonic_ns() + 60 * SECOND_NS))
        self._streams_ended(self._streams.all(), time.monotonic_ns())
        self._report()

    # -- inside

    def _tell(self, activities: Iterable[Activity]) -> None:
        for each in activities:
            self._told(each)

    def _packet(self, packet: models.DataPacket, came_ns: int, *, lossy: bool) -> None:
        sender = packet.participant_identity or packet.user.participant_identity
        if packet.WhichOneof("value") == "encrypted_packet":
            data = EncryptedData(sender, packet.encrypted_packet, came_ns, lossy)
            self._opened(self._decryption.add(data))
            if self._decryption.waits:
                self._look_later(_LOOK_S)
            return
        self._value(packet, sender, How(came_ns, lossy=lossy))

    def _opened(self, opened: Iterable[Opened]) -> None:
        for each in opened:
            if each.payload is None:
                self._leave_out(f"they are end-to-end encrypted: {each.why}", each.data.sender)
                continue
            how = How(each.data.came_ns, lossy=each.data.lossy, encrypted=True)
            self._value(each.payload, each.data.sender, how)

    def _value(
        self, packet: models.DataPacket | models.EncryptedPacketPayload, sender: str, how: How
    ) -> None:
        messages, came_ns = self._messages, how.came_ns
        match packet.WhichOneof("value"):
            case "user":
                self._tell(messages.user(packet.user, sender, how))
            case "chat_message":
                self._tell(messages.chat(packet.chat_message, sender, how))
            case "transcription" if isinstance(packet, models.DataPacket):
                self._tell(messages.transcription(packet.transcription, sender, how))
            case "sip_dtmf" if isinstance(packet, models.DataPacket):
                self._tell(messages.dtmf(packet.sip_dtmf, sender, how))
            case "stream_header":
                header, encrypted = packet.stream_header, "encrypted" in how.marks
                ended = self._streams.begin(sender, header, came_ns, encrypted=encrypted)
                self._streams_ended([*ended, *self._streams.quiet(came_ns)], came_ns)
            case "stream_chunk":
                self._streams.chunk(sender, packet.stream_chunk, came_ns)
            case "stream_trailer":
                ended = self._streams.finish(sender, packet.stream_trailer)
                self._streams_ended(ended, came_ns)

    def _streams_ended(self, streams: Iterable[DataStream], came_ns: int) -> None:
        for each in streams:
            how = How(came_ns, encrypted=each.encrypted)
            self._tell(self._messages.stream(each, how))

    def _leave_out(self, why: str, sender: str = "") -> None:
        who = f"{sender!r}: {why}" if sender else why
        if who in self._left_out or len(self._left_out) < 100:
            self._left_out[who] = self._left_out.get(who, 0) + 1
        self._look_later(REPORT_S)

    def _look_later(self, delay_s: float) -> None:
        loop = asyncio.get_running_loop()
        if self._timer is not None and self._timer.when() > loop.time():
            if self._timer.when() <= loop.time() + delay_s:
                return
            self._timer.cancel()
        self._timer = loop.call_later(delay_s, self._look)

    def _look(self) -> None:
        self._timer = None
        self._opened(self._decryption.look(time.monotonic_ns()))
        if self._decryption.waits:
            self._look_later(_LOOK_S)
        self._report()

    def _report(self) -> None:
        left_out, self._left_out = self._left_out, {}
        for why, count in left_out.items():
            values = {"count": count, "reason": why[:512]}
            problem = f"{count} data messages are left out: {why[:512]}."
            self._told(Activity("left_out", time.monotonic_ns(), None, values, problem))
