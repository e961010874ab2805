"""All settings in one object: the groups together, what must fit together, and former names."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from pydantic import (
    PrivateAttr,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from orchestrator.e2ee_keys import revealed
from orchestrator.settings.groups.encodes import EncodeSettings
from orchestrator.settings.groups.encoding import EncodingSettings
from orchestrator.settings.groups.files import FileSettings
from orchestrator.settings.groups.lifecycle import LifecycleSettings
from orchestrator.settings.groups.outputs import OutputSettings
from orchestrator.settings.groups.server import ServerSettings
from orchestrator.settings.groups.sources import SourceSettings
from orchestrator.settings.groups.streams import ConfiguredStreams
from orchestrator.settings.groups.whip import WhipSettings
from orchestrator.settings.value_types import PREFIX, masked

RENAMED: Final = {"grace_s": "unpublished_timeout_s", "picture": "video_track_preference"}
"""Former names, which still work, and today's."""


class Settings(
    # Pydantic lists the fields of the last base first.
    LifecycleSettings,
    OutputSettings,
    EncodeSettings,
    EncodingSettings,
    FileSettings,
    WhipSettings,
    ConfiguredStreams,
    SourceSettings,
    ServerSettings,
    BaseSettings,
):
    """Every setting, with its default and a description."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="forbid", validate_default=True
    )
    _origins: dict[str, str] = PrivateAttr(default_factory=dict)
    _warnings: list[str] = PrivateAttr(default_factory=list)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        *_: PydanticBaseSettingsSource,
        **__: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only the arguments: `load_settings` reads the sources and remembers origins."""
        return (init_settings,)

    @model_validator(mode="before")
    @classmethod
    def _rename_former_names(cls, given: dict[str, Any]) -> dict[str, Any]:
        """A worker's job may have been written by an older version."""
        return {RENAMED.get(name, name): value for name, value in given.items()}

    @field_validator("*", mode="before")
    @classmethod
    def _empty_is_unset(cls, value: object, info: ValidationInfo) -> object:
        optional = info.field_name and cls.model_fields[info.field_name].default is None
        return None if optional and value == "" else value

    @model_validator(mode="after")
    def _livekit_is_complete(self) -> Settings:
        names = ("livekit_url", "livekit_api_key", "livekit_api_secret")
        missing = [name for name in names if getattr(self, name) is None]
        if missing and len(missing) < len(names):
            variables = " and ".join(PREFIX + name.upper() for name in missing)
            raise ValueError(f"LiveKit needs a URL, an API key and a secret; set {variables}")
        return self

    @property
    def serves_desktop_app(self) -> bool:
        """Whether the desktop app's pages may call its routes."""
        if self.desktop_app is not None:
            return self.desktop_app
        # A list of allowed pages excludes all others; and the app knows no key.
        restricted = "allowed_origins" in self.model_fields_set or self.api_key is not None
        return "pumpfun" in self.discovery and not restricted

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        return [(name, masked(value)) for name, value in super().__repr_args__()]

    def to_worker_json(self) -> str:
        """All settings, secrets in plain text: only for the private stdin of a worker process."""
        return json.dumps({name: revealed(value) for name, value in self}, default=str)

    @classmethod
    def from_worker_json(cls, text: str) -> Settings:
        """Reads what `to_worker_json` wrote; no other source is read."""
        return cls(**json.loads(text))
