"""Errors on the terminal: one line that says what happened and what to do."""

from __future__ import annotations

import sys
import traceback
from datetime import datetime
from pathlib import Path
from typing import Final

import typer

from orchestrator.cli.formatting import plain
from orchestrator.errors import (
    AlreadyActive,
    EncodeNotFound,
    EncodingFailed,
    HavenError,
    NotAdded,
    RecordingNotFound,
    SettingsError,
    StreamNotFound,
)

COMMANDS: Final[dict[type[HavenError], str]] = {
    RecordingNotFound: "`orchestrator recordings` lists all recordings.",
    AlreadyActive: "It has to end first; `orchestrator recordings` lists the running ones.",
    NotAdded: "`orchestrator streams` lists them.",
    EncodeNotFound: "`orchestrator encodes` lists all encodes.",
    StreamNotFound: "`orchestrator streams` lists the live streams.",
}
"""Advice for the terminal, where the error's own advice names the HTTP API."""

OPTIONS: Final = {"output_format": "--format", "Leave tracks out": "Leave --tracks out"}
"""Options for fields of a request that errors name."""

NO_ARGUMENTS = "NoArgsIsHelpError"


def report(error: HavenError | typer.TyperException) -> int:
    """Prints the error to stderr; returns the exit code."""
    if isinstance(error, HavenError):
        _say(_as_options(f"{_sentence(error.error)} {_advice(error)}"))
        if isinstance(error, EncodingFailed):
            _say_lines(error.context.get("stderr", ()))
        return _exit_code(error)
    return _report_usage(error)


def log_failure(error: Exception) -> int:
    """Logs the error instead, for readers of JSON logs; returns the exit code."""
    import structlog

    log = structlog.get_logger("orchestrator")
    if isinstance(error, HavenError):
        log.error("ended", error=error.error, detail=error.detail, code=error.code)
    else:
        log.error("ended", error=str(error), code="internal", exc_info=error)
    return _exit_code(error)


def _exit_code(error: Exception) -> int:
    return SettingsError.exit_code if isinstance(error, SettingsError) else 1


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _advice(error: HavenError) -> str:
    return COMMANDS.get(type(error), error.detail) if "GET /api" in error.detail else error.detail


def _as_options(text: str) -> str:
    """With the command line's names for the fields of a request."""
    for field, option in OPTIONS.items():
        text = text.replace(field, option)
    return text


def _report_usage(error: typer.TyperException) -> int:
    message = error.format_message() if hasattr(error, "format_message") else str(error)
    if type(error).__name__ == NO_ARGUMENTS:
        print(message, file=sys.stderr)
        return error.exit_code
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "orchestrator"
    _say(f"{_sentence(message)} `{command} --help` lists the options.")
    return error.exit_code


def report_unexpected(error: Exception, *, shown: bool) -> int:
    """One line for an unexpected error; its traceback goes to a file, or to stderr with --debug."""
    text = "".join(traceback.format_exception(error))
    if shown:
        print(text, file=sys.stderr, end="")
        return 1
    summary = f"Unexpected {type(error).__name__}: {' '.join(str(error).split())}"
    _say(f"{summary[:500]}. {_save_traceback(text)}")
    return 1


def _save_traceback(text: str) -> str:
    """Writes the traceback to a file that holds only the latest one; where it is, for the user."""
    try:
        path = _log_folder() / "last-error.log"
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
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
    print(label, plain(" ".join(message.split())), file=sys.stderr)


def _say_lines(lines: tuple[str, ...] | list[str]) -> None:
    for line in lines[-5:]:
        print(f"  ffmpeg: {plain(line)}", file=sys.stderr)
