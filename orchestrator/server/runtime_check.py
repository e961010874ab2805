"""Checks that the temporary folder can hold the workers' private folders and pipes."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from orchestrator.errors import SettingsError


def check_runtime_folder() -> None:
    """SettingsError unless pipes can be made in the system's temporary folder. Blocking."""
    try:
        with tempfile.TemporaryDirectory(prefix="haven-recorder-pipes-") as folder:
            os.mkfifo(Path(folder) / "pipe", 0o600)
    except OSError as error:
        where = os.environ.get("TMPDIR") or "/tmp"
        raise SettingsError(
            f"No pipes can be made in the temporary folder ({where}): {error.strerror or error}.",
            "Set TMPDIR to a folder on a local disk that this user may write to.",
        ) from error
