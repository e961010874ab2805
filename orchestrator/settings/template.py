"""The settings reference: a TOML file of all settings, commented out with their defaults."""

from __future__ import annotations

import json
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from orchestrator.e2ee_keys import E2eeKeys
from orchestrator.settings.fields import Settings
from orchestrator.settings.value_types import PREFIX

HEAD: Final = f"""\
# Settings of Haven Recorder: save as orchestrator.toml (or name the file with --config) and
# uncomment what you change. This file is overridden by .env, that by the environment (names in
# capitals after {PREFIX}), and that by options. Lists may also be text: "livekit,demo".
"""

WORDS: Final = {
    str: "text",
    SecretStr: "text, secret",
    int: "whole number",
    float: "number",
    bool: "true or false",
    E2eeKeys: "a table, secret",
    Path: "path",
}
BOUNDS: Final = {
    Ge: ("ge", "at least"),
    Gt: ("gt", "more than"),
    Le: ("le", "at most"),
    Lt: ("lt", "less than"),
}


def template() -> str:
    """Commented TOML of every setting with its meaning, type and default."""
    entries = (_entry(name, field) for name, field in Settings.model_fields.items())
    return "\n".join([HEAD, *entries])


def _entry(name: str, field: FieldInfo) -> str:
    kind = ", ".join([_kind(field.annotation), *_bounds(field)])
    default = "" if field.default is None else field.default
    unset = ", not set" if field.default is None else ""
    return f"# {field.description}\n# ({kind}{unset})\n# {name} = {_toml(default)}\n"


def _kind(annotation: Any) -> str:
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " or ".join(_toml(word) for word in inside)
    if origin is list:
        return f"list of {_kind(inside[0])}"
    if origin is dict:
        return "a table for each"
    if origin in (Annotated, Union, UnionType):
        return _kind(inside[0])
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return WORDS.get(annotation, "tables")
    return WORDS[annotation]


def _bounds(field: FieldInfo) -> list[str]:
    bounds = [(BOUNDS[type(m)], m) for m in field.metadata if type(m) in BOUNDS]
    return [f"{word} {getattr(m, key)}" for (key, word), m in bounds]


def _toml(value: Any) -> str:
    # JSON's strings, numbers, booleans and arrays of them are TOML's.
    return json.dumps(value, default=str, ensure_ascii=False)
