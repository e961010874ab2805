"""Streams with names of their own in the settings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.errors import SettingsError
from orchestrator.settings import Settings, load_settings, shown, template
from tests.kit.environment import set_variables

KEY = "0123456789abcdef-the-key"


def test_a_table_for_each(folder: Path) -> None:
    (folder / "orchestrator.toml").write_text(
        '[streams.lobby]\nname = "Lobby"\nwhep = "https://h.example/lobby"\ntoken = "t0ken"\n'
        f'[streams."stage/1"]\nwhip = "{KEY}"\n'
        '[streams.radio]\nurl = "srt://192.0.2.1:7001?passphrase=s3cret"\n'
    )
    streams = load_settings().streams
    assert list(streams) == ["lobby", "stage/1", "radio"]
    assert (streams["lobby"].name, streams["lobby"].whep) == (
        "Lobby",
        "https://h.example/lobby",
    )
    for text in (repr(load_settings()), str(shown(load_settings()))):
        assert not [secret for secret in ("t0ken", KEY) if secret in text]


def test_the_environment_has_json(monkeypatch: pytest.MonkeyPatch) -> None:
    set_variables(monkeypatch, STREAMS=json.dumps({"a": {"whip": KEY}}))
    whip = load_settings().streams["a"].whip
    assert whip is not None
    assert whip.get_secret_value() == KEY


def test_a_worker_gets_them_with_their_secrets() -> None:
    settings = Settings(streams={"a": {"whep": "https://example.org/a", "token": "t0ken"}})
    read = Settings.from_worker_json(settings.to_worker_json())
    assert read.streams == settings.streams
    token = read.streams["a"].token
    assert token is not None
    assert token.get_secret_value() == "t0ken"


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"a": {}}, "say where the stream comes from"),
        ({"a": {"whep": "https://h", "whip": KEY}}, "not from whep and whip"),
        ({"a": {"whip": "short-key-s3cret"[:9]}}, "has 9 characters"),
        ({"a": {"whip": KEY, "token": "s3cret"}}, "token is of use with whep only"),
        ({"a": {"whep": "ftp://user:s3cret@h/x"}}, "should begin with http://"),
        ({"a": {"url": "gopher://s3cret"}}, "should begin with rtmp://"),
        ({"a": {"url": "rtsp://user:s3cret/word@host/x"}}, "of a user or password as %2F"),
        ({"a": {"whep": "https://user:s3cret/word@host/x"}}, "of a user or password as %2F"),
        ({"a": {"url": "rtsp://[s3cret/x"}}, "of a user or password as %2F"),
        ({"a": {"url": "rtsp://host:99999/s3cret"}}, "of a user or password as %2F"),
        ({"a": {"whip": f" {KEY}"}}, "no space at its beginning or end"),
        ({"a": {"whip": f"{KEY}\n"}}, "no space at its beginning or end"),
        ({"a": {"whip": f"Bearer {KEY}"}}, "without the word Bearer"),
        ({"a": {"whip": f"bearer  {KEY}"}}, "without the word Bearer"),
        ({"a": {"webhook": "s3cret"}}, "Extra inputs"),
        ({"": {"whip": KEY}}, "an id has 1 to 256 characters"),
        ({"rtmp://host/s3cret": {"whip": KEY}}, "it is no address"),
        ({"../x": {"whip": KEY}}, "no . or .. between slashes"),
        ({"a\n": {"whip": KEY}}, "none of them a control character"),
        ({str(n): {"whip": KEY} for n in range(1001)}, "at most 1000"),
        ("[1]", "dictionary"),
        ("{", "should be JSON"),
    ],
)
def test_what_can_not_be_is_refused_without_a_secret(table: object, said: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings(streams=table)
    assert said in str(refused.value)
    assert not [secret for secret in ("s3cret", KEY) if secret in str(refused.value)]


def test_a_refusal_names_the_stream_and_the_field() -> None:
    with pytest.raises(SettingsError, match=r"streams\.lobby\.whep in --streams can't be"):
        load_settings(streams={"lobby": {"whep": "x"}})


def test_the_template_can_be_read() -> None:
    assert "# streams = {}" in template()


def test_an_empty_passphrase_has_no_advice_to_choose_nothing() -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings(streams={"a": {"e2ee": {"passphrase": ""}}})
    assert "1 to 1024 characters" in str(refused.value)
    assert "Did you mean" not in str(refused.value)
