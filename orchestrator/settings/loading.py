"""Reads the settings from all sources, remembers the origin of each value, and reports errors."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar, get_origin

from pydantic import SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import (
    DotEnvSettingsSource,
    EnvSettingsSource,
    TomlConfigSettingsSource,
)

from orchestrator.e2ee_keys import E2eeKeys
from orchestrator.errors import SettingsError
from orchestrator.settings.fields import RENAMED, Settings
from orchestrator.settings.file_owners import warning
from orchestrator.settings.value_types import PREFIX, masked

CONFIG_FILE: Final = "orchestrator.toml"
ENV_FILE: Final = ".env"
_T = TypeVar("_T")
LISTED: Final = "`orchestrator settings --template` lists every setting with its allowed values."


class _Given(NamedTuple):
    value: Any
    where: str
    """The name as the user wrote it, and the place: `ORCHESTRATOR_PORT in .env`."""

    def like(self, name: str) -> str:
        """Another setting's name, written in the style of this one."""
        return PREFIX + name.upper() if self.where.startswith(PREFIX) else name


def load_settings(**flags: Any) -> Settings:
    """The settings from all sources; `flags` override (None: not given; `config`: the file).

    Raises SettingsError: an unknown name, a value that can't be used, a file that can't be read.
    """
    given = _variables(ENV_FILE, lambda: DotEnvSettingsSource(Settings, env_file=ENV_FILE).env_vars)
    given |= _variables("the environment", lambda: EnvSettingsSource(Settings).env_vars)
    given |= {n: _Given(v, "--" + n.replace("_", "-")) for n, v in flags.items() if v is not None}
    config = given.pop("config", None)
    given = _file(config) | given
    _refuse_unknown(given)
    try:
        settings = Settings(**{name: entry.value for name, entry in given.items()})
    except ValidationError as error:
        raise _refusal(error.errors(), given) from None
    settings._origins.update({name: entry.where for name, entry in given.items()})
    files = (Path(ENV_FILE), _path_of(config))
    settings._warnings.extend(filter(None, [*map(warning, files), _open_door(settings)]))
    return settings


def warnings(settings: Settings) -> list[str]:
    """Warnings to show at the start."""
    return list(settings._warnings)


def _open_door(settings: Settings) -> str | None:
    """A warning if `allowed_origins` lets in more than it seems to."""
    anybody = {"*": "every web page", "null": "a sandboxed frame of every web page"}
    who = next((anybody[origin] for origin in anybody if origin in settings.allowed_origins), None)
    if who is None:
        return None
    return (
        f"allowed_origins lets {who} use the whole API, including recording and deleting. "
        "List only the origins that need it; the Haven Player app needs only desktop_app."
    )


def origins(settings: Settings) -> dict[str, str]:
    """The origin of each value: `--port`, `ORCHESTRATOR_PORT in .env`, … or `default`."""
    return {name: settings._origins.get(name, "default") for name in Settings.model_fields}


def _variables(place: str, read: Callable[[], Mapping[str, str | None]]) -> dict[str, _Given]:
    """The ORCHESTRATOR_* variables of the environment or .env; an empty one counts as unset."""
    prefix = PREFIX.lower()
    return _renamed(
        {
            name.removeprefix(prefix): _Given(value, f"{name.upper()} in {place}")
            for name, value in _reading(place, read).items()
            if name.startswith(prefix) and value
        }
    )


def _renamed(given: dict[str, _Given]) -> dict[str, _Given]:
    """One source's settings by their names of today; SettingsError if it has both names of one."""
    for former, name in RENAMED.items():
        if former in given and name in given:
            raise SettingsError(
                f"{given[former].where} is the former name of {given[former].like(name)}, which is "
                "set there, too.",
                f"Remove {given[former].where}.",
            )
    return {RENAMED.get(name, name): value for name, value in given.items()}


def _file(named: _Given | None) -> dict[str, _Given]:
    path = _path_of(named)
    if named and not path.is_file():
        raise SettingsError(
            f"There is no file {path} ({named.where}).", "Give the path of an existing file."
        )
    data = _reading(str(path), lambda: TomlConfigSettingsSource(Settings, path).toml_data)
    return _renamed({name: _Given(value, f"{name} in {path}") for name, value in data.items()})


def _path_of(named: _Given | None) -> Path:
    return Path(os.path.expanduser(named.value if named else CONFIG_FILE))


def _reading(place: str, read: Callable[[], _T]) -> _T:
    try:
        return read()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{place} can't be read: {error}.", "Fix the file.") from None


def _refuse_unknown(given: Mapping[str, _Given]) -> None:
    for name, entry in given.items():
        if name not in Settings.model_fields:
            near = difflib.get_close_matches(name, Settings.model_fields, n=1)
            advice = f"Did you mean {entry.like(near[0])}? " if near else ""
            raise SettingsError(f"Unknown setting: {entry.where}.", advice + LISTED)


def _refusal(errors: list[ErrorDetails], given: Mapping[str, _Given]) -> SettingsError:
    """The first error, in one line; further ones are counted."""
    first, more = errors[0], len(errors) - 1
    message = first["msg"].removeprefix("Value error, ")
    counted = f" ({more} more {'is' if more == 1 else 'are'} wrong.)" if more else ""
    if not first["loc"]:
        return SettingsError(f"{message}.{counted}", LISTED)
    name, *inside = map(str, first["loc"])
    where = given[name].where if name in given else f"{name} (its default)"
    if inside and name in ("e2ee", "streams"):
        where = f"{'.'.join((name, *map(_without_address, inside)))} in {where}"
    shown = "its value" if _is_secret(name) else repr(masked(first["input"]))
    return SettingsError(f"{where} can't be {shown}: {message}.{counted}", _advice(name, first))


def _advice(name: str, error: ErrorDetails) -> str:
    allowed = str(error.get("ctx", {}).get("expected", "")).replace("'", "").split(" or ")
    choices = [word.strip() for part in allowed for word in part.split(",")]
    near = difflib.get_close_matches(str(error["input"]), filter(None, choices), n=1)
    return f"Did you mean {near[0]}?" if near else f"{Settings.model_fields[name].description}"


def _without_address(id: str) -> str:
    """An id as it may be shown: a part of an address may be a secret."""
    scheme, mark, _ = id.partition("://")
    return f"{scheme}{mark}…" if mark else id


def _is_secret(name: str) -> bool:
    annotation = Settings.model_fields[name].annotation
    secret = any(each.__name__ in str(annotation) for each in (SecretStr, E2eeKeys))
    return secret or get_origin(annotation) is dict
