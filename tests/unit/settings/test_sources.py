"""Where settings come from: which source wins, unknown and former names, the template."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from orchestrator.errors import SettingsError
from orchestrator.settings import Settings, load_settings, origins, template
from tests.kit.environment import LIVEKIT, set_variables


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
    ("file", "content"), [("orchestrator.toml", b"port = \n"), (".env", b"ORCHESTRATOR_HOST=\xff")]
)
def test_a_file_that_cannot_be_read_is_named(file: str, content: bytes, folder: Path) -> None:
    (folder / file).write_bytes(content)
    with pytest.raises(SettingsError, match=f"{file} can't be read: "):
        load_settings()


def test_the_worker_gets_everything_and_asks_no_other_source(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_variables(monkeypatch, **LIVEKIT, PORT="7")
    settings = load_settings(api_key="t0p-secret-of-the-server")
    text = settings.to_worker_json()
    set_variables(monkeypatch, PORT="9", NONSENSE="x")
    received = Settings.from_worker_json(text)
    assert received.model_dump() == settings.model_dump()
    assert received.livekit_api_secret is not None
    assert received.livekit_api_secret.get_secret_value() == "s3cret"
    assert json.loads(text)["api_key"] == "t0p-secret-of-the-server"


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


@pytest.mark.parametrize(
    ("former", "name", "value", "parsed"),
    [
        ("grace_s", "unpublished_timeout_s", "7", 7.0),
        ("picture", "video_track_preference", "camera,largest", ["camera", "largest"]),
    ],
)
def test_former_names_still_work(
    former: str,
    name: str,
    value: str,
    parsed: object,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = folder / "orchestrator.toml"
    config.write_text(f'{former} = "{value}"\n')
    assert getattr(load_settings(), name) == parsed
    assert origins(load_settings())[name] == f"{former} in orchestrator.toml"
    (folder / ".env").write_text(f"ORCHESTRATOR_{former.upper()}={value}\n")
    config.write_text(f'{name} = "3"\n')
    assert getattr(load_settings(), name) == parsed, "the stronger source, whatever the name"
    set_variables(monkeypatch, **{name.upper(): value})
    assert origins(load_settings())[name] == f"ORCHESTRATOR_{name.upper()} in the environment"
    assert getattr(Settings.from_worker_json(json.dumps({former: value})), name) == parsed
    assert former not in template().replace(f"Formerly {former}.", "")


def test_both_names_of_a_setting_in_one_place_are_refused(folder: Path) -> None:
    (folder / ".env").write_text("ORCHESTRATOR_GRACE_S=1\nORCHESTRATOR_UNPUBLISHED_TIMEOUT_S=2\n")
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert refused.value.error.startswith(
        "ORCHESTRATOR_GRACE_S in .env is the former name of ORCHESTRATOR_UNPUBLISHED_TIMEOUT_S"
    )
