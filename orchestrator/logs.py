"""Log lines: structlog's and everybody else's (uvicorn, aiortc, …) in one form, on stderr.

Tokens are removed from every line, whoever wrote it: a LiveKit token in a log opens the room.
"""

from __future__ import annotations

import logging
import re
import sys
import time
from collections.abc import Callable, MutableMapping
from typing import Any, Final, TextIO

import structlog

from orchestrator.errors import SettingsError

FORMS: Final = ("console", "json")
LONGEST: Final = 4000
"""Characters of one value in a line; what is longer is cut, so that a log grows by events only."""

CHATTY: Final = (
    *("aioice", "aiortc", "alembic", "asyncio", "httpcore", "httpx"),
    *("libav", "sqlalchemy", "uvicorn.access", "websockets"),
)
"""Loggers whose info and debug lines tell of every packet or request, not of recordings."""

REPEATED_S: Final = 1.0
"""Between two lines of something that others can make happen as often as they like."""

SECRETS: Final = re.compile(
    r"((?:access_token|api_key|token|x-api-key)[=:]\s*)[^&\s\"']+"  # in URLs and headers
    r"|(Bearer )\S+"
    r"|eyJ[\w-]{8,}\.[\w-]+\.[\w-]+",  # a JWT, wherever it stands (RFC 7519 §3.1)
    re.IGNORECASE,
)

SECRET_KEYS: Final = frozenset({"access_token", "api_key", "authorization", "secret", "token"})

_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")
"""Control characters: a terminal obeys them, and a line feed begins another line."""

_Event = MutableMapping[str, Any]


def configure(level: str, form: str, stream: TextIO | None = None) -> None:
    """Sends all log lines of this process to `stream` (stderr); may be called again."""
    if form not in FORMS:
        raise SettingsError(f"log_format can't be {form!r}.", f"It is one of {', '.join(FORMS)}.")
    stream = stream or sys.stderr
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_formatter(form, colors=stream.isatty()))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in CHATTY:
        logging.getLogger(name).setLevel(max(root.level, logging.WARNING))
    structlog.configure(
        processors=[*_shared(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


class Repeated:
    """Logs what may happen often: one line a second at most, with the number of those left out.

    `log` is a logger's method, its level.
    """

    def __init__(
        self, log: Callable[..., object], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._log, self._clock = log, clock
        self._last_s = float("-inf")
        self.left_out = 0
        """How often it happened since the last line."""

    def __call__(self, event: str, **values: object) -> None:
        """Logs it, or counts it."""
        now_s = self._clock()
        if now_s - self._last_s < REPEATED_S:
            self.left_out += 1
            return
        more = {"and_more": self.left_out} if self.left_out else {}
        self._last_s, self.left_out = now_s, 0
        self._log(event, **values, **more)


def without_secrets(text: str) -> str:
    """The text with tokens and keys replaced by stars."""
    return SECRETS.sub(lambda found: f"{found[1] or found[2] or ''}***", text)


def _shared() -> list[structlog.typing.Processor]:
    return [
        structlog.stdlib.filter_by_level,
        *_foreign(),
        structlog.stdlib.PositionalArgumentsFormatter(),
    ]


def _foreign() -> list[structlog.typing.Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def _formatter(form: str, *, colors: bool) -> logging.Formatter:
    last: list[structlog.typing.Processor] = (
        [structlog.processors.JSONRenderer(default=str, ensure_ascii=False)]
        if form == "json"
        else [
            _on_one_line,
            structlog.dev.ConsoleRenderer(
                colors=colors, exception_formatter=structlog.dev.plain_traceback
            ),
        ]
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_foreign(),
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _clean,
            *last,
        ],
    )


def _clean(_logger: Any, _method: str, event: _Event) -> _Event:
    for key, value in event.items():
        if key in SECRET_KEYS:
            event[key] = "***"
        elif isinstance(value, str):
            kept = slice(-LONGEST, None) if key == "exception" else slice(LONGEST)
            event[key] = without_secrets(value)[kept]
    return event


def _on_one_line(_logger: Any, _method: str, event: _Event) -> _Event:
    """What others send (a server's answer, a name) neither steers a terminal nor forges a line."""
    for key, value in event.items():
        if isinstance(value, str):
            lines = value.split("\n") if key == "exception" else [value]
            event[key] = "\n".join(_CONTROL.sub(" ", line) for line in lines)
    return event
