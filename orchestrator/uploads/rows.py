"""What the rows of uploads mean: targets, and files here."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from orchestrator.catalog.uploads.model import UploadedFile
from orchestrator.outputs.specs import UploadOutput
from orchestrator.uploads.objects import LocalFile
from orchestrator.uploads.plain_options import plain_options
from orchestrator.uploads.targets import Target, open_target


def target_of(spec: UploadOutput, *, fallback: bool) -> Target:
    """The first or the second target; what `open_target` raises. Blocking."""
    url, options = spec.url, spec.options
    if fallback and spec.fallback_url is not None:
        url, options = spec.fallback_url, spec.fallback_options
    return open_target(url.get_secret_value(), plain_options(options))


def local_file(row: UploadedFile) -> LocalFile:
    """The file of a row."""
    return LocalFile(
        path=Path(row.path),
        size=row.size_bytes,
        sha256=row.sha256,
        key=row.key,
        content_type=row.content_type,
    )


def sizes_of(paths: Sequence[Path]) -> list[int | None]:
    """In bytes; None of a file that isn't there. Blocking."""
    sizes: list[int | None] = []
    for path in paths:
        try:
            sizes.append(path.stat().st_size)
        except OSError:
            sizes.append(None)
    return sizes


def unlink_if_same(file: UploadedFile) -> None:
    """Deletes the file here; another one of its name that came meanwhile stays. Blocking."""
    path = Path(file.path)
    with suppress(FileNotFoundError):
        if path.stat().st_size == file.size_bytes:
            path.unlink()
