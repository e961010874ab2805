"""Settings in a test's environment."""

from __future__ import annotations

import pytest

LIVEKIT = {"LIVEKIT_URL": "wss://x.example", "LIVEKIT_API_KEY": "k", "LIVEKIT_API_SECRET": "s3cret"}


def set_variables(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"ORCHESTRATOR_{name}", value)
