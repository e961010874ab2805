"""Paths and names of recordings. No name from outside ever chooses a folder.

The form of a file name is the HTTP contract's, ``{name}_{mint_id[:8]}_{YYYYmmdd_HHMMSS}.{ext}``.
Nothing is ever overwritten. Sources: POSIX NAME_MAX (255 bytes, limits.h); Windows' reserved
device names (learn.microsoft.com/windows/win32/fileio/naming-a-file).
"""

from __future__ import annotations

import os
import re
import tempfile
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from orchestrator.errors import HavenError, InvalidOutputDirectory, InvalidRequest
from orchestrator.file_access import FileAccess, give, make_folder
from orchestrator.media import Stream
from orchestrator.mediafiles.headroom import not_enough_disk
from orchestrator.mediafiles.links import TRIES, link, numbered, sync, sync_folder

MAX_NAME: Final = 60
MAX_ID: Final = 8
MAX_FILE_NAME_BYTES: Final = 240
"""NAME_MAX less what the work folder (``.….haven``) and a number (``_1000``) add."""

_RESERVED: Final = frozenset(
    {"CON", "PRN", "AUX", "NUL"}
    | {f"{device}{digit}" for device in ("COM", "LPT") for digit in "123456789¹²³"}
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a recording goes: the final file, and the hidden work folder beside it."""

    output: Path
    work: Path


# -- names (pure)


def safe_name(name: str | None, symbol: str | None) -> str:
    """The stream's name as part of a file name: else its symbol, else ``stream``."""
    for text in (name, symbol):
        safe = _safe(text or "", MAX_NAME)
        if safe.strip("_"):
            return safe
    return "stream"


def file_name(stream: Stream, when: datetime, extension: str) -> str:
    """``{name}_{mint_id[:8]}_{YYYYmmdd_HHMMSS}.{ext}`` in local time, at most 240 bytes long."""
    moment = when.astimezone().strftime("%Y%m%d_%H%M%S")
    rest = f"_{_safe(stream.id[:MAX_ID], MAX_ID) or '_'}_{moment}.{extension}"
    free_bytes = MAX_FILE_NAME_BYTES - len(rest.encode())
    return _cut(safe_name(stream.name, stream.symbol), free_bytes) + rest


def _safe(text: str, limit: int) -> str:
    r"""Letters and digits (what ``\w`` means, less underscores); a run of others is one ``_``."""
    safe = re.sub(r"[\W_]+", "_", unicodedata.normalize("NFC", text))[:limit]
    return f"{safe}_" if safe.upper() in _RESERVED else safe


def _cut(text: str, size_bytes: int) -> str:
    """The longest beginning that fits, without half a character at its end."""
    return text.encode()[:size_bytes].decode(errors="ignore")


# -- places


def reserve(directory: Path, stream: Stream, when: datetime, extension: str) -> Place:
    """Makes the work folder (0700) of a new recording, which reserves its file name. Blocking."""
    wanted = directory / file_name(stream, when, extension)
    for output in numbered(wanted):
        if place := _taken(output):
            return place
    raise _too_many(wanted)


def reserve_name(directory: Path, name: str) -> Place:
    """The same for a name that was asked for: InvalidRequest if it can't be just that. Blocking."""
    if not name.isprintable() or len(name.encode(errors="replace")) > MAX_FILE_NAME_BYTES:
        raise InvalidRequest(
            f"A recording can't be named {name[:100]!r}.",
            f"Use at most {MAX_FILE_NAME_BYTES} bytes and no control characters.",
        )
    if place := _taken(directory / name):
        return place
    raise InvalidRequest(
        f"{directory / name} already exists, or is being recorded; files are never overwritten.",
        "Use another name, or give only the folder.",
    )


def _taken(output: Path) -> Place | None:
    work = output.with_name(f".{output.name}.haven")
    return Place(output=output, work=work) if _take(output, work) else None


def _take(output: Path, work: Path) -> bool:
    try:
        work.mkdir(mode=0o700)
    except FileExistsError:
        return False
    except OSError as error:
        raise _unusable(work.parent, error) from error
    if os.path.lexists(output):
        work.rmdir()
        return False
    return True


def publish(source: Path, output: Path, access: FileAccess = "private") -> Path:
    """Gives a finished file its name, or the next free one like it; never overwrites. Blocking.

    When it returns the file outlives a power cut. OSError if the folder can't be written to.
    """
    give(source, access)
    sync(source)
    for target in numbered(output):
        if link(source, target):
            source.unlink(missing_ok=True)
            sync_folder(target.parent)
            return target
    raise _too_many(output)


def _too_many(path: Path) -> HavenError:
    return HavenError(
        f"{path} and {TRIES - 1} numbered variants already exist.", "Record to another folder."
    )


# -- folders


def check_output_directory(path: str | Path, roots: Sequence[Path]) -> Path:
    """The folder, absolute and without symbolic links, if it can be recorded to. Blocking.

    InvalidOutputDirectory if it is missing, no folder, not writable, or under none of `roots`.
    """
    return _usable(_resolve(path, roots))


def make_output_directory(
    path: str | Path, roots: Sequence[Path], access: FileAccess = "private"
) -> Path:
    """Like check_output_directory, and creates the folder if only it is missing. Blocking."""
    directory = _resolve(path, roots)
    try:
        if directory.parent.is_dir():
            make_folder(directory, access)
    except FileExistsError:
        pass  # a file: _usable says so
    except OSError as error:
        raise _unusable(directory, error) from error
    return _usable(directory)


def _resolve(path: str | Path, roots: Sequence[Path]) -> Path:
    try:
        given = Path(path).expanduser()
        if not given.is_absolute():
            raise InvalidOutputDirectory(
                f"The output directory {str(path)!r} is not an absolute path.",
                "Use a path like /home/you/recordings, or ~ for your home.",
            )
        resolved = given.resolve()
        allowed = [Path(root).expanduser().resolve() for root in roots]
    except (OSError, ValueError, RuntimeError) as error:
        # NUL or surrogates, a link to itself, an unknown ~user
        raise InvalidOutputDirectory(
            f"The output directory {str(path)!r} can't be used: {error}.", "Use another path."
        ) from error
    if not any(resolved.is_relative_to(root) for root in allowed):
        raise _not_allowed(resolved, allowed)
    return resolved


def _not_allowed(path: Path, roots: Sequence[Path]) -> InvalidOutputDirectory:
    return InvalidOutputDirectory(
        f"Recording to {path} is not allowed.",
        f"Folders under these are allowed: {', '.join(map(str, roots)) or 'none'};"
        " ORCHESTRATOR_ALLOWED_OUTPUT_ROOTS adds others.",
    )


def _usable(directory: Path) -> Path:
    try:
        if not directory.exists():
            raise InvalidOutputDirectory(
                f"The output directory {directory} does not exist.", "Create it, or choose another."
            )
        if not directory.is_dir():
            raise InvalidOutputDirectory(
                "Path is not a directory", f"{directory} is a file; give its folder."
            )
        # Tested by writing: permission bits don't bind root, and don't show read-only mounts.
        with tempfile.TemporaryFile(dir=directory):
            return directory
    except OSError as error:
        raise _unusable(directory, error) from error


def _unusable(directory: Path, error: OSError) -> HavenError:
    if (short := not_enough_disk(directory, error)) is not None:
        return short
    return InvalidOutputDirectory(
        f"Can't write to {directory}: {error.strerror or error}.",
        "Choose a folder this user may write to.",
    )
