"""Streams that are named by their address on the command line: whep+https://host/path, or one that
ffmpeg reads. Whoever has a command line decides himself what is read.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

from orchestrator.settings.value_types import MEDIA_SCHEMES

if TYPE_CHECKING:
    from orchestrator.settings import Settings
    from orchestrator.settings.groups.streams import StreamSettings

WHEP: Final = ("whep+https://", "whep+http://")
SCHEMES: Final = (*WHEP, "file://", *(f"{scheme}://" for scheme in MEDIA_SCHEMES))
TOKEN: Final = "WHEP_TOKEN"
"""Environment variable with the bearer token, so that it is in no list of processes."""

TOKEN_FILE: Final = "--token-file"
LONGEST_FILE: Final = 8192
STDIN: Final = Path("-")


def with_address(settings: Settings, stream: str, token_file: Path | None) -> tuple[Settings, str]:
    """The settings with the stream at this address, and its id; of an id as they are."""
    from orchestrator.stream_ids import check_no_address

    token = read_token(token_file)
    if not stream.startswith(WHEP):
        if token_file is not None:
            raise typer.BadParameter(
                "a token is of use with an address like whep+https://host/path",
                param_hint=TOKEN_FILE,
            )
        token = None
    if not stream.startswith(SCHEMES):
        check_no_address(stream)
        return settings, stream
    id, defined = defined_by(stream, token=token)
    streams = settings.streams | {id: defined}
    return settings.model_copy(update={"streams": streams}), id


def defined_by(address: str, **more: Any) -> tuple[str, StreamSettings]:
    """The stream at an address, and the id that is made of that: its host and path."""
    from orchestrator.media import shown_address
    from orchestrator.stream_ids import check_stream_id
    from orchestrator.url_input.address import MASK
    from orchestrator.url_input.address import shown as shown_url

    url = address.removeprefix("whep+")
    field = "whep" if address.startswith(WHEP) else "url"
    shown = shown_address(url) if field == "whep" else shown_url(url).removesuffix(f"/{MASK}")
    defined = checked(**{field: url}, **more)
    return check_stream_id(shown.partition("://")[2].strip("/")), defined


def checked(**fields: Any) -> StreamSettings:
    """The definition of a stream. Raises BadParameter, without what was given."""
    from pydantic import ValidationError

    from orchestrator.settings.groups.streams import StreamSettings

    try:
        return StreamSettings(**fields)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        what = first["msg"].removeprefix("Value error, ")
        raise typer.BadParameter(f"{'.'.join(map(str, first['loc']))}: {what}") from None


def read_token(file: Path | None) -> str | None:
    """The token of a file, without the end of its line; else the environment's, which loses it."""
    variable = os.environ.pop(TOKEN, None)
    return variable or None if file is None else read_secret(file, "token", TOKEN_FILE)


def read_secret(file: Path, what: str, option: str) -> str:
    """What a file, or standard input for -, has, without the end of its line."""
    try:
        if file == STDIN:
            return sys.stdin.read(LONGEST_FILE).strip()
        with file.open(encoding="utf-8") as source:
            return source.read(LONGEST_FILE).strip()
    except (OSError, UnicodeError) as error:
        raise typer.BadParameter(f"no {what} in {file}: {error}", param_hint=option) from None
