"""A WHEP resource as a source (draft-ietf-wish-whep): one HTTP request answers our offer.

The publications are made up from the answer: "video" and "audio", for each m-line not rejected.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import urljoin

import httpx
from aiortc.sdp import MediaDescription, SessionDescription

from orchestrator.errors import SourceError, SourceRefused, SourceUnreachable
from orchestrator.media import Publication, TrackKind, TrackSource, WhepEndpoint
from orchestrator.sources.arrived import ArrivedFrame, ArrivedReport
from orchestrator.sources.keeper import SessionEnd
from orchestrator.sources.peer import IceServer, Peer, PeerStatistics
from orchestrator.sources.receiver import Receiver

PARTICIPANT: Final = "whep"
"""One publisher behind one resource: its tracks share a clock."""

DELETE_TIMEOUT_S: Final = 2.0
MAX_SDP_BYTES: Final = 1 << 20

_KINDS: Final = (TrackKind.AUDIO, TrackKind.VIDEO)
_SOURCES: Final = {
    TrackKind.AUDIO: TrackSource.MICROPHONE,
    TrackKind.VIDEO: TrackSource.CAMERA,
}
_ADVICE: Final[dict[int, str]] = {
    401: "Check the token.",
    403: "The token does not allow watching this stream.",
    404: "Check the address, and that the stream is live now.",
    405: "The address is not that of a WHEP resource.",
    406: "The address is not that of a WHEP resource.",
    409: "The stream is not live now.",
    415: "The address is not that of a WHEP resource.",
}
_LINK: Final = re.compile(r"<([^>]*)>((?:\s*;\s*[\w-]+=(?:\"[^\"]*\"|[^;,\s]*))*)")
_PARAMETER: Final = re.compile(r"([\w-]+)=(?:\"([^\"]*)\"|([^;,\s]*))")


def ice_servers(links: Iterable[str]) -> list[IceServer]:
    """The servers of `Link: <turn:…>; rel="ice-server"` headers (RFC 9725 §4.6, RFC 8288)."""
    found = []
    for header in links:
        for url, rest in _LINK.findall(header):
            parameters = {name: quoted or bare for name, quoted, bare in _PARAMETER.findall(rest)}
            if parameters.get("rel") == "ice-server":
                credential = parameters.get("credential", "")
                found.append(IceServer((url,), parameters.get("username", ""), credential))
    return found


def publication_of(media: MediaDescription) -> Publication | None:
    """What an m-line of the answer publishes; None if it was rejected (port 0) or is no media."""
    sends = media.direction in ("sendonly", "sendrecv")
    if media.kind not in tuple(_KINDS) or media.port == 0 or not sends or not media.rtp.codecs:
        return None
    kind = TrackKind(media.kind)
    return Publication(
        sid=kind.value,
        kind=kind,
        source=_SOURCES[kind],
        mime_type=media.rtp.codecs[0].mimeType.lower(),
        participant=PARTICIPANT,
    )


class WhepSession:
    """One WHEP session (keeper.Session)."""

    def __init__(
        self, endpoint: WhepEndpoint, receiver: Receiver, *, connect_timeout_s: float
    ) -> None:
        self._endpoint = endpoint
        self._receiver = receiver
        self._connect_timeout_s = connect_timeout_s
        self._resource: str | None = None
        self._peer: Peer | None = None
        self._end: asyncio.Future[SessionEnd] = asyncio.get_running_loop().create_future()
        self._media = asyncio.Event()
        token = endpoint.token
        self._client = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=connect_timeout_s,
            follow_redirects=True,
        )

    async def start(self) -> None:
        """Offers, and takes the answer; the publications are known when it returns."""
        peer = self._peer = Peer(self)
        answer = await self._post(await peer.offer(_KINDS))
        try:
            described = SessionDescription.parse(answer)
        except (ValueError, AssertionError, IndexError, KeyError) as wrong:
            raise SourceError(
                f"The WHEP server {self._endpoint.url} answered with something that is no SDP.",
                "Check that the address is that of a WHEP resource.",
            ) from wrong
        found = {media.rtp.muxId: publication_of(media) for media in described.media}
        published = {mid: each for mid, each in found.items() if each is not None}
        await peer.accept(answer, {mid: each.sid for mid, each in published.items()})
        self._receiver.show(published.values())
        self._receiver.show_participants(1)

    async def wait_until_ended(self) -> SessionEnd:
        """Why it ended."""
        return await asyncio.shield(self._end)

    async def wait_until_media(self) -> None:
        """Returns when media can flow."""
        await self._media.wait()

    async def subscribe(self, sids: frozenset[str]) -> None:
        """Everything comes with the answer; the receiver leaves out what is not wanted."""

    async def flush(self) -> None:
        """Gives what has come."""
        if self._peer is not None:
            await self._peer.flush()

    async def close(self) -> None:
        """Takes the session back from the server and ends the connection."""
        if self._resource is not None:
            resource, self._resource = self._resource, None
            # A server that doesn't answer notices by itself that nobody is there.
            with contextlib.suppress(httpx.HTTPError):
                await self._client.delete(resource, timeout=DELETE_TIMEOUT_S)
        await self._client.aclose()
        if self._peer is not None:
            await self._peer.close()

    def statistics(self) -> PeerStatistics:
        """The connection's counters."""
        return self._peer.statistics() if self._peer is not None else PeerStatistics()

    def last_endpoint(self) -> WhepEndpoint:
        """The endpoint; WHEP renews no tokens."""
        return self._endpoint

    # -- what the peer tells

    def frame_arrived(self, arrived: ArrivedFrame) -> None:
        self._receiver.frame_arrived(arrived)

    def report_arrived(self, arrived: ArrivedReport) -> None:
        self._receiver.report_arrived(arrived)

    def media_connected(self) -> None:
        self._media.set()

    def media_lost(self, reason: str) -> None:
        if not self._end.done():
            self._end.set_result(SessionEnd(reason, again=True))

    # -- inside

    async def _post(self, offer: str) -> str:
        url = self._endpoint.url
        headers = {"Content-Type": "application/sdp", "Accept": "application/sdp"}
        try:
            response = await self._client.post(url, content=offer, headers=headers)
        except httpx.InvalidURL as wrong:
            raise SourceError(f"{url} is no address of a WHEP resource.") from wrong
        except httpx.HTTPError as problem:
            raise _unreachable(url, str(problem) or type(problem).__name__) from problem
        if response.status_code != 201:
            raise _refused(url, response)
        if "location" in response.headers:
            self._resource = urljoin(str(response.url), response.headers["location"])
        if len(response.content) > MAX_SDP_BYTES:
            raise SourceError(f"The answer of the WHEP server {url} is too large.")
        return response.text


def _refused(url: str, response: httpx.Response) -> SourceError:
    status, text = response.status_code, response.text.strip()[:300]
    said = f"HTTP {status}: {text}" if text else f"HTTP {status}"
    if status == 429 or status >= 500:
        return _unreachable(url, said)
    error = f"The WHEP server {url} refused ({said})."
    return SourceRefused(error, _ADVICE.get(status, "Check the address and the server's log."))


def _unreachable(url: str, why: str) -> SourceUnreachable:
    return SourceUnreachable(
        f"The WHEP server {url} can't be reached: {why}.",
        "Check that it runs, that the address is right and that a firewall lets it through.",
    )
