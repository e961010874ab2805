"""Publishers that send to us (WHIP, RFC 9725)."""

from __future__ import annotations

from typing import ClassVar

from orchestrator.errors.base import HavenError
from orchestrator.errors.machine import Unavailable
from orchestrator.errors.requests import InvalidRequest, NotFound


class UnusableOffer(InvalidRequest):
    """An offer that can't be answered; a publisher that was there before stays."""

    code = "unusable_offer"

    def __init__(self, error: str, detail: str = "") -> None:
        super().__init__(
            error,
            detail
            or "Send one video, one audio, or both, bundled. Video may be VP8, VP9 (profile 0), "
            "AV1, H.264 or H.265, audio Opus, RED of Opus, G.711 or G.722.",
        )


class NoIceRestart(InvalidRequest):
    """A PATCH that asks for an ICE restart."""

    code = "no_ice_restart"

    def __init__(self) -> None:
        super().__init__(
            "ICE restarts are not supported.", "Publish again: a new session replaces the old one."
        )


class PublisherNotFound(NotFound):
    """No publisher's session has this address; it may have ended."""

    code = "publisher_not_found"

    def __init__(self) -> None:
        super().__init__("No publisher has this session.", "Publish again to begin a new one.")


class SessionTagMissing(HavenError):
    """A PATCH without If-Match (RFC 6585 §3)."""

    status = 428
    code = "session_tag_missing"

    def __init__(self) -> None:
        super().__init__(
            "The request has no If-Match.", "Send the ETag of the session's first answer in it."
        )


class StaleSession(HavenError):
    """A PATCH whose If-Match is not the session's ETag."""

    status = 412
    code = "stale_session"

    def __init__(self) -> None:
        super().__init__(
            "If-Match is not the session's ETag.", "Send the ETag of the session's first answer."
        )


class WrongMediaType(HavenError):
    """The body is of another type than the address takes."""

    status = 415
    code = "unsupported_media_type"

    def __init__(self, wanted: str) -> None:
        super().__init__(f"The body is not {wanted}.", f"Send it with Content-Type: {wanted}.")


class WrongStreamKey(HavenError):
    """No stream takes a publisher with this key."""

    status = 401
    code = "wrong_stream_key"
    headers: ClassVar = {"WWW-Authenticate": "Bearer"}

    def __init__(self) -> None:
        super().__init__(
            "There is no such stream, or the key is another one.",
            "Send the stream's key as bearer token (Authorization: Bearer KEY).",
        )


class TooManyPublishers(Unavailable):
    """As many publishers are connected as the settings allow."""

    code = "too_many_publishers"
