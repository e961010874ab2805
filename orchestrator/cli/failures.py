"""How an error looks to a person: one line that says what happened and what to do."""

from __future__ import annotations

import sys
import traceback
from datetime import datetime
from pathlib import Path
from typing import Final

import typer

from orchestrator.errors import (
    AlreadyActive,
    EncodingFailed,
    HavenError,
    RecordingNotFound,
    SettingsError,
    StreamNotFound,
)

COMMANDS: Final[dict[type[HavenError], str]] = {
    RecordingNotFound: "`orchestrator recordings` lists what there is.",
    AlreadyActive: "It has to end first; `orchestrator recordings` lists what runs.",
    StreamNotFound: "`orchestrator streams` lists what is live now.",
}
"""Advice for the terminal, where the error's own speaks of the HTTP API."""

NO_ARGUMENTS = "NoArgsIsHelpError"


def report(error: HavenError | typer.TyperException) -> int:
    """Says the error on stderr; returns the exit code."""
    if isinstance(error, HavenError):
        _say(f"{_sentence(error.error)} {_advice(error)}")
        if isinstance(error, EncodingFailed):
            _say_lines(error.context.get("stderr", ()))
        return SettingsError.exit_code if isinstance(error, SettingsError) else 1
    return _report_usage(error)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _advice(error: HavenError) -> str:
    return COMMANDS.get(type(error), error.detail) if "GET /api" in error.detail else error.detail


def _report_usage(error: typer.TyperException) -> int:
    message = error.format_message() if hasattr(error, "format_message") else str(error)
    if type(error).__name__ == NO_ARGUMENTS:
        print(message, file=sys.stderr)
        return error.exit_code
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "orchestrator"
    _say(f"{_sentence(message)} `{command} --help` lists what there is.")
    return error.exit_code


def report_unexpected(error: Exception, *, shown: bool) -> int:
    """One line for an error nobody foresaw; the traceback goes to a file, or here with --debug."""
    text = "".join(traceback.format_exception(error))
    if shown:
        print(text, file=sys.stderr, end="")
        return 1
    what = f"Unexpected {type(error).__name__}: {' '.join(str(error).split())}"
    _say(f"{what[:500]}. {_kept(text)}")
    return 1


def _kept(text: str) -> str:
    """Writes the traceback to the one file for it (the latest only, so that it never grows)."""
    try:
        path = _log_folder() / "last-error.log"
        path.write_text(f"{datetime.now().astimezone().isoformat()} {sys.argv}\n{text}")
    except OSError:
        return "`orchestrator --debug ...` shows the traceback."
    return f"The traceback is in {path}; `orchestrator --debug ...` shows it."


def _log_folder() -> Path:
    from platformdirs import user_log_path

    from orchestrator.settings import APP

    return user_log_path(APP, ensure_exists=True)


def _say(message: str) -> None:
    label = "\033[1;31merror:\033[0m" if sys.stderr.isatty() else "error:"
    print(label, " ".join(message.split()), file=sys.stderr)


def _say_lines(lines: tuple[str, ...] | list[str]) -> None:
    for line in lines[-5:]:
        print(f"  ffmpeg: {line}", file=sys.stderr)
