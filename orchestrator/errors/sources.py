"""Streams that can't be received."""

from __future__ import annotations

from orchestrator.errors.base import HavenError


class SourceError(HavenError):
    """The stream can't be received."""

    status = 502
    code = "source_failed"


class SourceRefused(SourceError):
    """The server refused the key, the token or the room."""

    code = "source_refused"


class NotLive(SourceRefused):
    """The stream's own server says that nobody publishes it now."""

    status = 404
    code = "not_live"


class SourceUnreachable(SourceError):
    """No answer from the address."""

    code = "source_unreachable"


class SourceGarbled(SourceError):
    """The answer can't be parsed: not JSON, or JSON of another shape."""

    code = "source_garbled"


class SourceBusy(SourceError):
    """The server asks to retry later; `context["retry_after_s"]` has the seconds if known."""

    status = 503
    code = "source_busy"


class NoMedia(SourceError):
    """Joined, but no media that can be recorded came in time."""

    status = 504
    code = "no_media"


class NobodyPublishes(NoMedia):
    """The directory lists the stream as live, but nobody publishes in its room."""

    code = "nobody_publishes"


class EverybodyMuted(NoMedia):
    """All publishers are muted: there is nothing to record until somebody unmutes."""

    code = "everybody_muted"


class UnsupportedCodec(SourceError):
    """Published only in codecs that can't be received."""

    status = 422
    code = "unsupported_codec"


class EndToEndEncrypted(SourceError):
    """All that could be recorded is end-to-end encrypted, and no key decrypts it."""

    status = 422
    code = "end_to_end_encrypted"


class VideoTooLarge(SourceError):
    """Only a video is published, and it is larger than `max_frame_pixels`."""

    status = 422
    code = "video_too_large"
