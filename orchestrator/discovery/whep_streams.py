"""Named streams that a WHEP server sends.

Such a server can only be asked by a session, which costs it something: lists never ask, and show
what the last start, watch or request for the stream found out.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Final

from orchestrator.discovery.answer_cache import AnswerCache
from orchestrator.errors import NotLive, SourceError
from orchestrator.media import Publication, WhepEndpoint
from orchestrator.settings.groups.streams import StreamSettings
from orchestrator.whep.question import published

ANSWER_S: Final = 4.0
"""Longest wait for a server's answer."""

LIFE_S: Final = 5.0
"""For so long an answer is not asked for again."""

FAILURE_LIFE_S: Final = 2.0
"""The same of a refusal, as a publisher may appear any time."""

KNOWN_S: Final = 60.0
"""For so long lists show a stream as it was found."""

MOST_QUESTIONS: Final = 64
"""Answers that are kept, and questions under way at the same time."""


class WhepStreams:
    """The kind `whep` (stream_kinds.StreamKind)."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._answers = AnswerCache[list[Publication]](
            life_s=LIFE_S, failure_life_s=FAILURE_LIFE_S, most=MOST_QUESTIONS, clock=clock
        )
        self._found: dict[str, tuple[bool, float]] = {}
        """Whether each was live, and when that was."""

    async def look(self, id: str, defined: StreamSettings) -> list[Publication]:
        """What the server's answer describes; NotLive if it has no such stream now."""
        endpoint = _endpoint(defined)
        return await self._answers.get((id, endpoint), partial(self._ask, id, endpoint))

    async def is_live(self, id: str) -> bool | None:
        """As it was found within the last minute."""
        live, at = self._found.get(id, (False, -KNOWN_S))
        return live if self._clock() - at < KNOWN_S else None

    async def endpoint(self, id: str, defined: StreamSettings) -> WhepEndpoint:
        """Its address and token."""
        return _endpoint(defined)

    async def forget(self, id: str) -> None:
        """Drops how it was found."""
        self._found.pop(id, None)

    async def close(self) -> None:
        """Cancels the questions under way; their sessions are taken back."""
        await self._answers.close()

    async def _ask(self, id: str, endpoint: WhepEndpoint) -> list[Publication]:
        try:
            answer = await published(endpoint, timeout_s=ANSWER_S)
        except NotLive:
            self._found[id] = (False, self._clock())
            raise
        except SourceError:
            self._found.pop(id, None)
            raise
        self._found[id] = (True, self._clock())
        return answer


def _endpoint(defined: StreamSettings) -> WhepEndpoint:
    assert defined.whep is not None
    token = defined.token.get_secret_value() if defined.token is not None else None
    return WhepEndpoint(defined.whep, token)
