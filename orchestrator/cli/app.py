"""All commands, and the one place where errors become a message and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Final

import typer

from orchestrator import __version__
from orchestrator.cli.commands import (
    calibrate,
    demo_stream,
    doctor,
    encode,
    encodes,
    inspect,
    layouts,
    outputs,
    pause,
    pipelines,
    record,
    recordings,
    serve,
    settings,
    streams,
    webhooks,
)
from orchestrator.cli.error_messages import report, report_unexpected
from orchestrator.errors import HavenError

EPILOG: Final = """\
Exit codes: 0 done, 1 failed, 2 wrong usage or settings, 130 Ctrl-C.

Environment: ORCHESTRATOR_* are settings, which `orchestrator settings --template` explains; options
come before them, .env and orchestrator.toml of the current folder after them.

TMPDIR: folder for named pipes. NOTIFY_SOCKET, WATCHDOG_USEC: set by systemd, read by serve."""

app = typer.Typer(
    name="orchestrator",
    help="Record live WebRTC streams to AV1, MP4 or WebM files with ffmpeg.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command()(serve.serve)
app.command()(record.record)
app.command()(pause.pause)
app.command()(pause.resume)
app.add_typer(streams.app, name="streams")
app.add_typer(recordings.app, name="recordings")
app.add_typer(outputs.app, name="outputs")
app.add_typer(webhooks.app, name="webhooks")
app.add_typer(pipelines.app, name="pipelines")
app.add_typer(layouts.app, name="layouts")
app.command()(settings.settings)
app.command()(inspect.inspect)
app.command(epilog=encode.EPILOG)(encode.encode)
app.add_typer(encodes.app, name="encodes")
app.command()(doctor.doctor)
app.command()(calibrate.calibrate)
app.command()(demo_stream.demo_stream)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"haven-recorder {__version__}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an unexpected error.")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options before the command."""
    context.obj = {"debug": debug}


def run(arguments: Sequence[str]) -> int:
    """Runs one command line. Exit code: 0 done, 1 failed, 2 wrong usage or settings, 130 Ctrl-C."""
    try:
        return int(app(list(arguments), prog_name="orchestrator", standalone_mode=False) or 0)
    except (HavenError, typer.TyperException) as error:
        return report(error)
    except (typer.Abort, KeyboardInterrupt):
        return 130
    except BrokenPipeError:
        # Whoever read our output has gone (`| head`); Python must not complain at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # noqa: BLE001 - the edge of the program; the failure is reported
        return report_unexpected(error, shown="--debug" in arguments)
