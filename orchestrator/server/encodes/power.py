"""Whether the queue is paused: by request, by its setting, or while the machine runs on battery."""

from __future__ import annotations

import asyncio
import time
from typing import Final, Literal

import psutil

from orchestrator.catalog.encodes import Encodes
from orchestrator.settings import Settings

LOOK_S: Final = 10.0
"""Between two looks at the battery."""

PauseReason = Literal["request", "setting", "battery"]


def on_battery() -> bool:
    """Whether the machine has a battery and no other power; blocking."""
    look = getattr(psutil, "sensors_battery", None)
    battery = look() if look is not None else None
    return battery is not None and battery.power_plugged is False


class PauseSwitch:
    """Why nothing is encoded now. A request outweighs the setting, which is how it begins."""

    def __init__(self, settings: Settings, encodes: Encodes) -> None:
        self._encodes = encodes
        self._by_request: bool | None = None
        self._by_setting = settings.encode_queue == "paused"
        self._looks = not settings.encode_on_battery
        self._on_battery = False
        self._looked_s = float("-inf")

    @property
    def reason(self) -> PauseReason | None:
        """None while the queue runs."""
        if self._by_request:
            return "request"
        if self._by_setting and self._by_request is None:
            return "setting"
        return "battery" if self._on_battery else None

    async def look(self) -> None:
        """Looks at what was asked for, and now and then at the battery."""
        self._by_request = await self._encodes.paused()
        if self._looks and time.monotonic() - self._looked_s >= LOOK_S:
            self._looked_s = time.monotonic()
            self._on_battery = await asyncio.to_thread(on_battery)
