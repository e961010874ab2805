"""Settings: which source wins, what is refused and how that is said, and what is never shown."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import SettingsError
from orchestrator.settings import Settings, load_settings, masked, origins, template

LIVEKIT = {"LIVEKIT_URL": "wss://x.example", "LIVEKIT_API_KEY": "k", "LIVEKIT_API_SECRET": "s3cret"}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder and an environment without settings of ours."""
    for name in list(os.environ):
        if name.upper().startswith("ORCHESTRATOR_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def set_variables(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"ORCHESTRATOR_{name}", value)


def test_each_source_is_stronger_than_the_next(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = folder / "orchestrator.toml"
    assert (load_settings().port, origins(load_settings())["port"]) == (8000, "default")
    config.write_text("port = 1\n")
    assert (load_settings().port, origins(load_settings())["port"]) == (
        1,
        "port in orchestrator.toml",
    )
    (folder / ".env").write_text("ORCHESTRATOR_PORT=2\nUNRELATED=kept out\n")
    assert (load_settings().port, origins(load_settings())["port"]) == (
        2,
        "ORCHESTRATOR_PORT in .env",
    )
    set_variables(monkeypatch, PORT="3")
    where = "ORCHESTRATOR_PORT in the environment"
    assert (load_settings().port, origins(load_settings())["port"]) == (3, where)
    flagged = load_settings(port=4, host=None)
    assert (flagged.port, origins(flagged)["port"], origins(flagged)["host"]) == (
        4,
        "--port",
        "default",
    )


@pytest.mark.parametrize("by", ["flag", "environment", ".env"])
def test_another_file_can_be_named(by: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "orchestrator.toml").write_text("port = 1\n")
    other = folder / "other.toml"
    other.write_text("port = 5\n")
    if by == "environment":
        set_variables(monkeypatch, CONFIG=str(other))
    elif by == ".env":
        (folder / ".env").write_text(f"ORCHESTRATOR_CONFIG={other}\n")
    settings = load_settings(config=other if by == "flag" else None)
    assert (settings.port, origins(settings)["port"]) == (5, f"port in {other}")


def test_a_named_file_that_is_missing_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"There is no file nowhere\.toml \(--config\)"):
        load_settings(config="nowhere.toml")


def test_an_unknown_variable_is_refused_with_the_nearest_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_variables(monkeypatch, LIVEKT_URL="ws://x")
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert refused.value.error == "Unknown setting: ORCHESTRATOR_LIVEKT_URL in the environment."
    assert "Did you mean ORCHESTRATOR_LIVEKIT_URL?" in refused.value.detail


@pytest.mark.parametrize(
    ("file", "text", "named"),
    [
        (".env", "ORCHESTRATOR_PROT=1", "ORCHESTRATOR_PROT in .env"),
        ("orchestrator.toml", "prot = 1", "prot in orchestrator.toml"),
        ("orchestrator.toml", "[server]\nport = 1", "server in orchestrator.toml"),
    ],
)
def test_an_unknown_name_in_a_file_is_refused(
    file: str, text: str, named: str, folder: Path
) -> None:
    (folder / file).write_text(text)
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert refused.value.error == f"Unknown setting: {named}."


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
        ("PUMPFUN_LIVEKIT_URL", "wss://x:port", "Port could not be cast"),
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


@pytest.mark.parametrize(
    ("file", "content"), [("orchestrator.toml", b"port = \n"), (".env", b"ORCHESTRATOR_HOST=\xff")]
)
def test_a_file_that_cannot_be_read_is_named(file: str, content: bytes, folder: Path) -> None:
    (folder / file).write_bytes(content)
    with pytest.raises(SettingsError, match=f"{file} can't be read: "):
        load_settings()


@pytest.mark.parametrize("missing", sorted(LIVEKIT))
def test_livekit_is_refused_incomplete(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    set_variables(monkeypatch, **{name: v for name, v in LIVEKIT.items() if name != missing})
    with pytest.raises(SettingsError, match=f"but not {missing.lower()}: LiveKit needs all three"):
        load_settings()


def test_lists_are_text_or_arrays(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_variables(monkeypatch, DISCOVERY="demo, livekit,")
    (folder / "orchestrator.toml").write_text('allowed_output_roots = ["/srv", "~/v"]\n')
    settings = load_settings()
    assert settings.discovery == ["demo", "livekit"]
    assert settings.allowed_output_roots == [Path("/srv"), Path.home() / "v"]


def test_paths_are_expanded_and_absolute(folder: Path) -> None:
    settings = load_settings(
        output_directory="~/films", pipelines_directory="mine", ffmpeg="ffmpeg7"
    )
    assert settings.output_directory == Path.home() / "films"
    assert settings.pipelines_directory == folder / "mine"
    assert settings.ffmpeg == Path("ffmpeg7")  # a name is looked up on PATH


def test_an_empty_value_is_no_value(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_variables(monkeypatch, API_KEY="", PORT="")
    (folder / "orchestrator.toml").write_text('livekit_url = ""\n')
    settings = load_settings()
    assert (settings.api_key, settings.port, settings.livekit_url) == (None, 8000, None)


def test_secrets_are_masked_wherever_settings_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    set_variables(monkeypatch, **LIVEKIT, API_KEY="t0psecret")
    set_variables(monkeypatch, DATABASE_URL="postgresql+asyncpg://me:pa55@db/haven")
    settings = load_settings()
    for shown in (repr(settings), str(settings)):
        assert not {"s3cret", "t0psecret", "pa55"} & {w for w in shown.replace("'", ":").split(":")}
        assert "pa55" not in shown
        assert "postgresql+asyncpg://me:***@db/haven" in shown


def test_a_refusal_never_shows_a_secret() -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings(api_key=["t0psecret"])
    assert str(refused.value).startswith("--api-key can't be its value: ")
    assert "t0psecret" not in str(refused.value)


@given(st.text(alphabet=st.characters(exclude_characters="@/:", categories=["L", "N", "P"])))
def test_no_password_survives_masking(password: str) -> None:
    shown = masked(f"postgresql://me:{password}@db/haven")
    assert shown == ("postgresql://me:***@db/haven" if password else "postgresql://me:@db/haven")


def test_the_worker_gets_everything_and_asks_no_other_source(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_variables(monkeypatch, **LIVEKIT, PORT="7")
    settings = load_settings(api_key="t0psecret")
    text = settings.to_worker_json()
    set_variables(monkeypatch, PORT="9", NONSENSE="x")
    received = Settings.from_worker_json(text)
    assert received.model_dump() == settings.model_dump()
    assert received.livekit_api_secret is not None
    assert received.livekit_api_secret.get_secret_value() == "s3cret"
    assert json.loads(text)["api_key"] == "t0psecret"


def test_the_template_says_nothing_but_the_defaults(folder: Path) -> None:
    text = template()
    assert tomllib.loads(text) == {}
    lines = [line.removeprefix("# ") for line in text.splitlines() if " = " in line]
    (folder / "orchestrator.toml").write_text("\n".join(lines))
    loaded = load_settings()
    assert loaded.model_dump() == Settings().model_dump()
    assert set(tomllib.loads("\n".join(lines))) == set(Settings.model_fields)


def test_the_template_tells_type_and_bounds() -> None:
    text = template()
    assert '# ("av1" or "mp4")\n# av1_extension = "av1"' in text
    assert "# (whole number, at least 0, at most 65535)\n# port = 8000" in text
    assert '# (text, secret, not set)\n# livekit_api_secret = ""' in text


def test_every_setting_says_what_it_does() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().port = 1  # type: ignore[misc]


def test_no_home_folder_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container's user without an entry in /etc/passwd has no `~`."""

    def homeless(self: Path) -> Path:
        if str(self).startswith("~"):
            raise RuntimeError("Could not determine home directory.")
        return self

    monkeypatch.setattr(Path, "expanduser", homeless)
    with pytest.raises(SettingsError, match="needs a home folder: set HOME, or give an absolute"):
        load_settings()
