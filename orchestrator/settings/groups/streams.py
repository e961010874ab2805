"""Settings of streams with names of their own, each `[streams.ID]`."""

from __future__ import annotations

from typing import Annotated, Final, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    model_validator,
)

from orchestrator.e2ee_keys import E2eeKeys
from orchestrator.errors import InvalidRequest
from orchestrator.settings.value_types import (
    BearerToken,
    HttpUrl,
    MediaUrl,
    StreamKey,
    from_json,
)
from orchestrator.stream_ids import LONGEST_ID, check_own_id

MOST_STREAMS: Final = 1000


class StreamSettings(BaseModel):
    """Where one stream comes from."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: str | None = Field(None, max_length=200)
    """For people; None: its id."""
    whep: HttpUrl | None = None
    """Address of a WHEP resource that sends it."""
    token: BearerToken | None = None
    """Bearer token for that."""
    whip: StreamKey | None = None
    """The key with which a publisher may send it here."""
    url: MediaUrl | None = Field(None, repr=False)
    """Where ffmpeg reads it."""
    e2ee: E2eeKeys | None = None
    """The keys of an end-to-end encrypted LiveKit room, which is this stream's id."""

    @model_validator(mode="after")
    def _comes_from_one_place(self) -> Self:
        given = [name for name in ("whep", "whip", "url") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"a stream comes from one place, not from {' and '.join(given)}")
        if not given and self.e2ee is None:
            raise ValueError("say where the stream comes from: whep, whip or url")
        if given and self.e2ee is not None:
            raise ValueError("e2ee is of use for LiveKit rooms only, which need no address here")
        if self.token is not None and self.whep is None:
            raise ValueError("token is of use with whep only")
        return self


def _id(value: str) -> str:
    try:
        return check_own_id(value)
    except InvalidRequest as wrong:
        raise ValueError(
            f"an id has 1 to {LONGEST_ID} characters, none of them a control character; it is no "
            "address, and has no . or .. between slashes and no slash at an end"
        ) from wrong


class ConfiguredStreams(BaseModel):
    """Streams that no directory of a platform lists."""

    streams: Annotated[
        dict[Annotated[str, AfterValidator(_id)], StreamSettings],
        from_json('{"lobby": {"whep": "https://…"}}'),
    ] = Field(
        {},
        max_length=MOST_STREAMS,
        description="Streams with names of their own, each a table [streams.ID] with whep (and "
        "token), whip or url, and a name; or with e2ee for the LiveKit room ID; in the environment "
        "as JSON.",
    )
    allow_url_streams: bool = Field(
        False,
        description="Whether requests may add streams with a url, which ffmpeg reads: any host "
        "that this machine reaches, any file that the server may read.",
    )
