"""Keys as requests and settings give them: what is taken, what isn't, and that none is shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from orchestrator.catalog.store import Catalog
from orchestrator.e2ee_keys import E2eeKeys
from orchestrator.errors import SettingsError
from orchestrator.recordings.encryption.stream_keys import keys_of, sealed, unsealed
from orchestrator.recordings.job import Job
from orchestrator.recordings.start_request import StartRequest
from orchestrator.settings import Settings, load_settings, shown, template
from tests.kit.environment import set_variables

SECRET = "s3cret words"
RAW = "czNjcmV0IHdvcmRz"


def keys(**given: Any) -> E2eeKeys:
    return E2eeKeys.model_validate(given)


def test_a_passphrase_a_key_and_their_defaults() -> None:
    words, raw = keys(passphrase=SECRET), keys(key=RAW)
    assert (words.material, words.derivation, words.key_index) == (SECRET.encode(), "pbkdf2", 0)
    assert (raw.material, raw.derivation, raw.ratchet_window) == (SECRET.encode(), "hkdf", 16)
    assert keys(key=RAW, kdf="pbkdf2").derivation == "pbkdf2"
    assert keys(key="_-8").material == keys(key="/+8=").material == b"\xff\xef"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "give a passphrase or a key"),
        ({"passphrase": ""}, "1 to 1024 characters"),
        ({"passphrase": SECRET * 100}, "1 to 1024 characters"),
        ({"key": ""}, "1 to 1024 bytes"),
        ({"key": "s3cret!"}, "base64"),
        ({"key": "A" * 2000}, "1 to 1024 bytes"),
        ({"passphrase": SECRET, "key": RAW}, "not both"),
        ({"passphrase": SECRET, "kdf": "scrypt"}, "'pbkdf2' or 'hkdf'"),
        ({"passphrase": SECRET, "key_index": 16}, "less than 16"),
        ({"passphrase": SECRET, "key_index": -1}, "greater than or equal to 0"),
        ({"passphrase": SECRET, "ratchet_window": 65}, "less than or equal to 64"),
        ({"passphrase": SECRET, "keys": [{"key": RAW}]}, "a key_index of its own"),
        ({"passphrase": SECRET, "keys": [{"key_index": 1}]}, "each of keys needs"),
        ({"participants": {"anna": {}}}, "give a passphrase or a key"),
        ({"participants": {"": {"key": RAW}}}, "at least 1 character"),
        ({"kdf": "hkdf", "participants": {"a": {"key": RAW}}}, "kdf is of use with"),
        ({"passphrase": SECRET, "salt": "s3cret"}, "Extra inputs"),
        ({"passphrase": 5}, "valid string"),
    ],
)
def test_what_can_not_be_is_refused_without_the_secret(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        keys(**given)
    assert said in str(refused.value)
    assert "s3cret" not in str(refused.value)
    with pytest.raises(SettingsError) as setting:
        load_settings(e2ee=given)
    assert said in str(setting.value)
    assert not [each for each in ("s3cret", RAW) if each in str(setting.value)]


def test_short_keys_are_taken_as_others_may_use_them() -> None:
    assert keys(key="AA").material == b"\0"
    assert keys(passphrase="x").material == b"x"


def test_who_is_covered() -> None:
    some = keys(participants={"anna": {"key": RAW}})
    assert (some.covers("anna"), some.covers("ben")) == (True, False)
    assert keys(key=RAW, participants={"anna": {"key": RAW}}).covers("ben")


def test_settings_by_table_and_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "orchestrator.toml").write_text(
        f'[e2ee]\npassphrase = "{SECRET}"\n'
        f'[streams.room]\ne2ee = {{key = "{RAW}", key_index = 2}}\n'
    )
    settings = load_settings()
    assert settings.e2ee == keys(passphrase=SECRET)
    assert settings.streams["room"].e2ee == keys(key=RAW, key_index=2)
    for text in (repr(settings), str(shown(settings)), template()):
        assert not [each for each in (SECRET, RAW) if each in text]
    read = Settings.from_worker_json(settings.to_worker_json())
    assert (read.e2ee, read.streams) == (settings.e2ee, settings.streams)
    set_variables(monkeypatch, E2EE=json.dumps({"key": RAW}))
    assert load_settings().e2ee == keys(key=RAW)
    set_variables(monkeypatch, E2EE=SECRET)
    with pytest.raises(SettingsError, match="should be JSON") as refused:
        load_settings()
    assert SECRET not in str(refused.value)


def test_an_encrypted_room_has_no_address_of_its_own() -> None:
    with pytest.raises(SettingsError, match="LiveKit rooms only"):
        load_settings(streams={"a": {"whep": "https://h", "e2ee": {"key": RAW}}})


def test_which_keys_are_used() -> None:
    request, stream, setting = (keys(passphrase=each) for each in ("request", "stream", "setting"))
    settings = Settings(e2ee=setting, streams={"a": {"e2ee": json.loads(stream.plain())}})
    assert keys_of(request, settings, settings.streams["a"]) == request
    assert keys_of(None, settings, settings.streams["a"]) == stream
    assert keys_of(None, settings, None) == setting
    assert keys_of(None, Settings(), None) is None


async def test_rows_have_them_sealed(catalog: Catalog) -> None:
    given = keys(passphrase=SECRET, participants={"anna": {"key": RAW, "key_index": 3}})
    row = await sealed(catalog, given)
    assert row is not None
    assert not [each for each in (SECRET, RAW) if each in row]
    assert await unsealed(catalog, row) == given
    assert await sealed(catalog, None) is None
    assert await unsealed(catalog, None) is None


def test_a_worker_gets_them_and_nobody_else(tmp_path: Path) -> None:
    given = keys(passphrase=SECRET, keys=[{"key": RAW, "key_index": 1}])
    job = Job("id", 1, Settings(), None, tmp_path / "log", e2ee=given)
    assert Job.read(job.line()).e2ee == given
    request = StartRequest("room", e2ee=given)
    assert "e2ee" not in request.as_dict()
    for text in (repr(job), repr(request), str(request.as_dict()), str(given)):
        assert not [each for each in (SECRET, RAW) if each in text]
