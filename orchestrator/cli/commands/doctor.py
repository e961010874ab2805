"""`orchestrator doctor`: checks that this machine can record, and advises if not."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Final

import typer

from orchestrator.cli.formatting import AsJson, Config, plain, print_json

MARKS: Final = {"ok": "ok  ", "warning": "warn", "failed": "FAIL"}


def doctor(as_json: AsJson = False, config: Config = None) -> None:
    """Check this machine: settings, ffmpeg, encoders, LiveKit, folders, disk, catalog."""
    from orchestrator.cli.doctor_checks import check_all
    from orchestrator.settings import load_settings

    settings = load_settings(config=config)
    findings = asyncio.run(check_all(settings))
    failed = any(finding.verdict == "failed" for finding in findings)
    if as_json:
        print_json({"ok": not failed, "checks": [asdict(finding) for finding in findings]})
    else:
        for finding in findings:
            print(f"{MARKS[finding.verdict]} {finding.name}: {plain(finding.found)}")
            if finding.advice:
                print(f"     {plain(finding.advice)}")
    if failed:
        raise typer.Exit(1)
