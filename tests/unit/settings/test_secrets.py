"""Secrets in settings: never shown, and none that can be guessed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import SettingsError
from orchestrator.settings import load_settings, masked
from tests.kit.environment import LIVEKIT, set_variables


def test_secrets_are_masked_wherever_settings_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    set_variables(monkeypatch, **LIVEKIT, API_KEY="t0p-secret-of-the-server")
    set_variables(monkeypatch, DATABASE_URL="postgresql+asyncpg://me:pa55@db/haven")
    settings = load_settings()
    for shown in (repr(settings), str(settings)):
        words = set(shown.replace("'", ":").split(":"))
        assert not {"s3cret", "t0p-secret-of-the-server", "pa55"} & words
        assert "pa55" not in shown
        assert "postgresql+asyncpg://me:***@db/haven" in shown


def test_a_refusal_never_shows_a_secret() -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings(api_key=["t0p-secret-of-the-server"])
    assert str(refused.value).startswith("--api-key can't be its value: ")
    assert "t0p-secret-of-the-server" not in str(refused.value)


def test_a_key_that_can_be_guessed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    set_variables(monkeypatch, API_KEY="k" * 15)
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert "ORCHESTRATOR_API_KEY in the environment can't be its value" in str(refused.value)
    assert "has 15 characters" in str(refused.value)
    assert "openssl rand -hex 24" in str(refused.value)
    assert "kkk" not in str(refused.value)
    set_variables(monkeypatch, API_KEY="k" * 16)
    assert load_settings().api_key is not None


@given(st.text(alphabet=st.characters(exclude_characters="@/:", categories=["L", "N", "P"])))
def test_no_password_survives_masking(password: str) -> None:
    shown = masked(f"postgresql://me:{password}@db/haven")
    assert shown == ("postgresql://me:***@db/haven" if password else "postgresql://me:@db/haven")
