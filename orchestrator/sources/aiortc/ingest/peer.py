"""The connection of a publisher that offers (WHIP, RFC 9725): what it gives may change on the way.

While nobody records, nothing is decoded; who records takes frames as they came, or decoded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import ClassVar

from aiortc import RTCRtpReceiver

from orchestrator.media import TrackKind
from orchestrator.sources.aiortc.ingest.first_flight import FirstFlight
from orchestrator.sources.aiortc.ingest.local_addresses import LocalAddresses
from orchestrator.sources.aiortc.internals import ice_connection
from orchestrator.sources.aiortc.peer import Peer, PeerListener
from orchestrator.sources.aiortc.reassembly import Reassembly
from orchestrator.sources.aiortc.receiver_tap import ReceiverTap
from orchestrator.sources.decoder_threads import DecoderThreads


class IngestTap(ReceiverTap):
    """A tap whose output can be replaced while packets come."""

    def renew_output(self) -> None:
        """Frames come as the listener takes them now; those of before end here.

        It is the same stream that goes on: parameter sets may have come once, at its beginning.
        """
        known = self._reassembly.sets
        self._output.put(None)
        self._output = self._new_output()
        self._inside.set("decoder_queue", self._output)
        listener = self._peer.listener
        self._reassembly = Reassembly(
            self.kind, self._formats, self._output, listener.keyframe_interval_s, listener
        )
        if self._streams:
            self._begin(self._streams[-1].ssrc)
        self._reassembly.sets = known


class IngestPeer(Peer):
    """Answers a publisher's offer; `renew_outputs` when other frames are wanted of it."""

    whose: ClassVar[str] = "publisher's"

    def __init__(self, listener: PeerListener, addresses: LocalAddresses) -> None:
        super().__init__(listener)
        self._addresses = addresses
        self._ending: set[asyncio.Task[None]] = set()
        self._first_flight: FirstFlight | None = None

    async def answer(self, offer: str, labels: Mapping[str, str]) -> str:
        """As a Peer does, with addresses and ports as the settings have them."""
        self._connection.on("track", self._track_came)
        return await super().answer(offer, labels)

    def renew_outputs(self) -> None:
        """Gives frames as the listener takes them now: decoded, or encoded (by its interval)."""
        self.deliver()
        threads = self._threads
        self._threads = {kind: DecoderThreads(kind) for kind in TrackKind}
        for tap in self._taps.values():
            assert isinstance(tap, IngestTap)
            tap.renew_output()
        for each in threads.values():
            task = asyncio.create_task(each.close())
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    async def close(self) -> None:
        """Ends the connection, and the threads of before."""
        await super().close()
        await asyncio.gather(*self._ending)
        if self._first_flight is not None:
            await self._first_flight.close()

    def codecs(self) -> dict[str, str]:
        """The MIME type that is taken first, by the mid of its m-line, once it has answered."""
        return {
            tap.transceiver.mid: tap.transceiver._codecs[0].mimeType.lower()
            for tap in self._taps.values()
            if tap.transceiver.mid and tap.transceiver._codecs
        }

    def _track_came(self, _: RTCRtpReceiver) -> None:
        """The offer is read, and no address is gathered yet."""
        connection = ice_connection(self._connection)
        if connection is not None and self._first_flight is None:
            self._addresses.use_in(connection)
            transport = self._connection.getTransceivers()[0].receiver.transport
            self._first_flight = FirstFlight(transport)

    def _tap_new(self) -> None:
        for transceiver in self._connection.getTransceivers():
            if transceiver not in self._taps:
                self._taps[transceiver] = IngestTap(self, transceiver)
