"""The root of all errors that users see."""

from __future__ import annotations

from typing import Any, ClassVar


class HavenError(Exception):
    """What happened (`error`), what to do about it (`detail`)."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"

    def __init__(self, error: str, detail: str = "", **context: Any) -> None:
        super().__init__(error)
        self.error = error
        self.detail = detail
        self.context = context

    def __str__(self) -> str:
        return f"{self.error} {self.detail}".strip()
