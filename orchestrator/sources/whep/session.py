"""A WHEP resource as a source (draft-ietf-wish-whep): one HTTP request answers our offer.

The publications are made up from the answer: "video" and "audio", for each m-line not rejected.
A server that would rather offer itself is answered (`http`).
"""

from __future__ import annotations

from orchestrator.errors import SourceError
from orchestrator.media import Publication, WhepEndpoint
from orchestrator.sources.aiortc.peer import Peer
from orchestrator.sources.aiortc.sdp import bounded
from orchestrator.sources.peer_session import PeerSession
from orchestrator.sources.receiver import Receiver
from orchestrator.whep.http import WhepClient
from orchestrator.whep.publications import KINDS, publications_in
from orchestrator.whep.question import PARTICIPANT


class WhepSession(PeerSession):
    """One WHEP session (reconnecting.Session)."""

    def __init__(
        self, endpoint: WhepEndpoint, receiver: Receiver, *, connect_timeout_s: float
    ) -> None:
        super().__init__(receiver)
        self._endpoint = endpoint
        self._client = WhepClient(endpoint, timeout_s=connect_timeout_s)

    async def start(self) -> None:
        """Offers, and takes the answer; the publications are known when it returns."""
        peer = self._peer = Peer(self)
        described = await self._client.offer(await peer.offer(KINDS))
        published = self._publications(described.sdp)
        labels = {mid: each.sid for mid, each in published.items()}
        if described.is_offer:
            await peer.close()
            peer = self._peer = Peer(self, described.ice_servers)
            await self._client.answer(await peer.answer(described.sdp, labels))
        else:
            # These servers come too late for our offer, and in time for the checks.
            peer.use_turn_servers(described.ice_servers)
            await peer.accept(described.sdp, labels)
        self._receiver.set_publications(published.values())
        self._receiver.set_participant_count(1)

    async def subscribe(self, sids: frozenset[str]) -> None:
        """Everything comes with the answer; the receiver leaves out what is not wanted."""

    async def close(self) -> None:
        """Takes the session back from the server and ends the connection."""
        await self._client.close()
        if self._peer is not None:
            await self._peer.close()

    def last_endpoint(self) -> WhepEndpoint:
        """The endpoint; WHEP renews no tokens."""
        return self._endpoint

    # -- inside

    def _publications(self, sdp: str) -> dict[str, Publication]:
        """What the description publishes by its m-lines' mids: one track of each kind."""
        try:
            return publications_in(bounded(sdp), PARTICIPANT)
        except ValueError as wrong:
            raise SourceError(
                f"The WHEP server {self._endpoint.shown} answered with something that is not SDP.",
                "Check that the address is that of a WHEP resource.",
            ) from wrong
