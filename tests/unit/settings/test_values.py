"""Values of settings: how they are parsed, and how a wrong one is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import SettingsError
from orchestrator.settings import Settings, load_settings
from tests.kit.environment import LIVEKIT, set_variables


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PORT", "99999", "'99999': Input should be less than or equal to 65535"),
        ("PORT", "http", "'http': Input should be a valid integer"),
        ("DISCOVERY", "livekit,pmpfun", "Did you mean pumpfun?"),
        ("DISCOVERY", ",", "at least 1 item"),
        ("LOG_LEVEL", "inf", "Did you mean info?"),
        ("LIVEKIT_URL", "x.example", "should begin with ws://, wss://, http://, https://"),
        ("LIVEKIT_URL", "ftp://x", "should begin with ws://"),
        ("PUMPFUN_API_URL", "ws://x", "should begin with http://, https://"),
        ("PUMPFUN_LIVEKIT_URL", "wss://x:port", "a port from 1 to 65535"),
        ("DEMO_URL", "ws://x", "should begin with http://, https://"),
        ("ALLOWED_ORIGINS", "null,http://x/", "an origin has no path"),
        ("LEAVE_RECORDINGS_RUNNING", "perhaps", "valid boolean"),
        ("DATABASE_URL", "catalog.db", "String should match pattern"),
    ],
)
def test_a_bad_value_is_refused_by_name_in_one_line(
    name: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_variables(monkeypatch, **{name: value})
    with pytest.raises(SettingsError) as refused:
        load_settings()
    text = str(refused.value)
    assert said in text
    assert text.startswith(f"ORCHESTRATOR_{name} in the environment can't be ")
    assert "\n" not in text


def test_all_that_is_wrong_is_counted() -> None:
    with pytest.raises(SettingsError, match=r"--port can't be .*\(1 more is wrong\.\)"):
        load_settings(port=-1, max_restarts=-1)


@pytest.mark.parametrize("missing", sorted(LIVEKIT))
def test_livekit_is_refused_incomplete(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    set_variables(monkeypatch, **{name: v for name, v in LIVEKIT.items() if name != missing})
    with pytest.raises(
        SettingsError, match=f"an API key and a secret; set ORCHESTRATOR_{missing}[.]"
    ):
        load_settings()


def test_lists_are_text_or_arrays(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_variables(monkeypatch, DISCOVERY="demo, livekit,")
    (folder / "orchestrator.toml").write_text('allowed_output_roots = ["/srv", "~/v"]\n')
    settings = load_settings()
    assert settings.discovery == ["demo", "livekit"]
    assert settings.allowed_output_roots == [Path("/srv"), Path.home() / "v"]


def test_paths_are_expanded_and_absolute(folder: Path) -> None:
    settings = load_settings(
        output_directory="~/films",
        pipelines_directory="mine",
        layouts_directory="~/theirs",
        ffmpeg="ffmpeg7",
    )
    assert settings.output_directory == Path.home() / "films"
    assert settings.pipelines_directory == folder / "mine"
    assert settings.layouts_directory == Path.home() / "theirs"
    assert settings.ffmpeg == Path("ffmpeg7")  # a name is looked up on PATH


def test_an_empty_value_is_no_value(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_variables(monkeypatch, API_KEY="", PORT="")
    (folder / "orchestrator.toml").write_text('livekit_url = ""\n')
    settings = load_settings()
    assert (settings.api_key, settings.port, settings.livekit_url) == (None, 8000, None)


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().port = 1  # type: ignore[misc]


def test_no_home_folder_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container's user without an entry in /etc/passwd has no `~`."""

    def homeless(self: Path) -> Path:
        if str(self).startswith("~"):
            raise RuntimeError("Could not determine home directory.")
        return self

    monkeypatch.setattr(Path, "expanduser", homeless)
    with pytest.raises(SettingsError, match="needs a home folder: set HOME, or use an absolute"):
        load_settings()
