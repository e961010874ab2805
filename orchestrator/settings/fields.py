"""Every setting: its type, bounds, default and meaning."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from platformdirs import user_data_path
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

APP = "haven-recorder"
PREFIX = "ORCHESTRATOR_"


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError as error:
        message = f"{path} needs a home folder: set HOME, or give an absolute path"
        raise ValueError(message) from error


def _url(value: str, schemes: tuple[str, ...]) -> str:
    parts = urlsplit(value)
    if parts.scheme not in schemes or not parts.hostname or parts.port == 0:
        raise ValueError(
            f"should begin with {', '.join(f'{s}://' for s in schemes)} and name a host"
        )
    return value


def _origin(value: str) -> str:
    if value in ("null", "*"):
        return value
    if urlsplit(_url(value, ("http", "https"))).path:
        raise ValueError("an origin has no path, not even a slash at its end")
    return value


def _items(value: object) -> object:
    return [i.strip() for i in value.split(",") if i.strip()] if isinstance(value, str) else value


_Path = Annotated[Path, AfterValidator(_expanded)]
_Folder = Annotated[Path, AfterValidator(_expanded), AfterValidator(Path.absolute)]
_Listed = BeforeValidator(_items)
_RoomUrl = Annotated[str, AfterValidator(lambda v: _url(v, ("ws", "wss", "http", "https")))]
_HttpUrl = Annotated[str, AfterValidator(lambda v: _url(v, ("http", "https")))]


class Settings(BaseSettings):
    """Every setting, with its default and one sentence that says what it does."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="forbid", validate_default=True
    )
    _origins: dict[str, str] = PrivateAttr(default_factory=dict)

    # -- server
    host: str = Field("127.0.0.1", min_length=1, description="Address the server listens on.")
    port: int = Field(8000, ge=0, le=65535, description="Port of the HTTP API; 0 takes a free one.")
    api_key: SecretStr | None = Field(
        None, min_length=1, description="Key clients send as X-API-Key."
    )
    allowed_origins: Annotated[list[Annotated[str, AfterValidator(_origin)]], _Listed] = Field(
        ["null", "http://localhost:3000"],
        description="Origins of web pages that may call the API; null is the packaged desktop app.",
    )

    # -- where streams come from
    discovery: Annotated[list[Literal["livekit", "pumpfun", "demo"]], _Listed] = Field(
        ["livekit", "demo"],
        min_length=1,
        description="Directories asked for a stream, in this order; livekit only with its URL.",
    )
    livekit_url: _RoomUrl | None = Field(None, description="LiveKit server, ws:// or wss://.")
    livekit_api_key: str | None = Field(None, description="API key of the LiveKit server.")
    livekit_api_secret: SecretStr | None = Field(None, description="API secret of that key.")
    pumpfun_api_url: _HttpUrl = Field(
        "https://frontend-api-v3.pump.fun", description="Where pump.fun lists what is live."
    )
    pumpfun_livestream_url: _HttpUrl = Field(
        "https://livestream-api.pump.fun",
        description="Where pump.fun tells of one livestream, and lets viewers join.",
    )
    pumpfun_livekit_url: _RoomUrl = Field(
        "wss://pump-prod-tg2x8veh.livekit.cloud",
        description="LiveKit server that pump.fun's viewers join.",
    )
    demo_url: _HttpUrl | None = Field(
        None, description="WHEP address of a running demo stream; without one it is started."
    )
    connect_timeout_s: float = Field(
        10, gt=0, le=60, description="Longest wait for a source's first frame, in seconds."
    )
    reconnect_timeout_s: float = Field(
        60, ge=0, description="How long a lost connection is tried again before the file is ended."
    )
    grace_s: float = Field(
        60, ge=0, description="How long a recording waits when nothing is published any more."
    )
    picture: Annotated[list[Literal["screen_share", "camera", "host", "largest"]], _Listed] = Field(
        ["screen_share", "host", "largest"],
        min_length=1,
        description="Which picture of several is recorded: what counts, the first word first.",
    )

    # -- files
    output_directory: _Folder = Field(
        Path("~/.haven-player/recordings"),
        description="Where recordings go, until set-output-directory chooses another.",
    )
    allowed_output_roots: Annotated[list[_Folder], _Listed] = Field(
        [Path("~"), Path(tempfile.gettempdir())],
        description="Folders where an output directory may lie, beside output_directory.",
    )
    database_url: str = Field(
        f"sqlite:///{user_data_path(APP) / 'catalog.db'}",
        pattern=r"^[a-z0-9+]+://",
        description="SQLAlchemy address of the catalog.",
    )
    disk_reserve_bytes: int = Field(
        512 * 2**20,
        ge=0,
        description="Free space below which no recording starts, and those that run are finished.",
    )
    max_duration_s: float | None = Field(
        None, ge=0, description="Recordings end after so many seconds; empty or 0 is no limit."
    )
    max_size_bytes: int | None = Field(
        None, ge=0, description="Recordings end below this size; empty or 0 is no limit."
    )
    max_recordings: int | None = Field(
        None, ge=0, description="Most recordings at the same time; empty or 0 is no limit."
    )
    retention_days: float | None = Field(
        None, gt=0, description="Recordings are deleted when they are so old; empty keeps them."
    )
    retention_bytes: int | None = Field(
        None,
        gt=0,
        description="The oldest recordings are deleted when all are larger; empty keeps them.",
    )
    av1_extension: Literal["av1", "mp4"] = Field(
        "av1", description="File name extension of AV1 recordings; the file is MP4 either way."
    )

    # -- encoding
    ffmpeg: _Path | None = Field(
        None,
        description="The ffmpeg to use; else PATH's if it has every encoder, else the wheel's.",
    )
    pipelines_directory: _Folder | None = Field(
        None, description="Folder with your own presets; one named like a built-in replaces it."
    )
    encoder_threads: int = Field(
        0, ge=0, le=256, description="Threads for each encoder; 0: as few as keep pace."
    )
    cpu_limit: float = Field(
        0.85,
        gt=0,
        le=10,
        description="Share of the cores we may use that recordings may take together.",
    )
    speed_step: Literal["auto", "default"] | Annotated[int, Field(ge=0, le=99)] = Field(
        "auto",
        description="Encoders' speed step: auto (the slowest with room), default (the pipeline's "
        "own) or its number, from 0 for the slowest.",
    )
    calibrate_at_start: bool = Field(
        True,
        description="Measure what encoding costs here, once, when a server has nothing to record.",
    )
    worker_in_reserve: bool = Field(
        True,
        description="Keep a process ready for the next recording (130 MB), so that it begins at "
        "once.",
    )
    queue_bytes: int = Field(
        96 * 2**20, ge=8 * 2**20, description="Bound of the raw frames waiting for one ffmpeg."
    )
    max_restarts: int = Field(
        5,
        ge=0,
        description="Failures of ffmpeg within five minutes before a recording is given up.",
    )

    # -- server's habits
    start_timeout_s: float = Field(
        14,
        gt=0,
        le=60,
        description="Longest /start waits for its turn and the first recorded frame, in seconds.",
    )
    watch_period_s: float = Field(
        20,
        ge=1,
        le=3600,
        description="How often a stream that is waited for is looked for, in seconds.",
    )
    leave_recordings_running: bool = Field(
        False,
        description="On SIGTERM leave recordings running for the next server; else finish them.",
    )
    resume_after_restart: bool = Field(
        False,
        description="After a power cut or crash of everything record streams that are still live "
        "on, in a new file; what was recorded before is finished either way.",
    )
    shutdown_timeout_s: float = Field(
        60,
        gt=0,
        description="Longest wait for recordings to finish when the server stops, in seconds.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least level logged."
    )
    log_format: Literal["console", "json"] = Field("console", description="Form of the log lines.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        *_: PydanticBaseSettingsSource,
        **__: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is handed in: `load_settings` reads the sources, and knows where each stood."""
        return (init_settings,)

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
            given = " and ".join(name for name in names if name not in missing)
            raise ValueError(
                f"{given} given, but not {' and '.join(missing)}: LiveKit needs all three"
            )
        return self

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        return [(name, masked(value)) for name, value in super().__repr_args__()]

    def to_worker_json(self) -> str:
        """Everything, secrets in plain text: for the private stdin of a worker process only."""
        plain = {
            name: value.get_secret_value() if isinstance(value, SecretStr) else value
            for name, value in self
        }
        return json.dumps(plain, default=str)

    @classmethod
    def from_worker_json(cls, text: str) -> Settings:
        """What `to_worker_json` wrote; no other source is asked."""
        return cls(**json.loads(text))


def masked(value: Any) -> Any:
    """The value without a password that an address in it may carry."""
    return (
        re.sub(r"(://[^:/@\s]*):[^@/\s]+@", r"\1:***@", value) if isinstance(value, str) else value
    )
