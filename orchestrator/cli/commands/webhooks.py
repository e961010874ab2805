"""`orchestrator webhooks`: try a web hook; list the calls that wait or failed, and retry them.

It needs no server; one that runs sees within seconds what is to be tried again.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

import typer

from orchestrator.cli.formatting import UNKNOWN, AsJson, Config, plain, print_json, print_table
from orchestrator.cli.named_outputs import of_file
from orchestrator.cli.open_catalog import with_catalog

if TYPE_CHECKING:
    from orchestrator.catalog.webhooks.model import Delivery
    from orchestrator.catalog.webhooks.table import Deliveries
    from orchestrator.outputs.webhooks import Webhook
    from orchestrator.server.webhooks.schedule import Answer

app = typer.Typer(
    help="Try a web hook, list the calls that wait or failed, retry them.", no_args_is_help=True
)


class Signature(StrEnum):
    """How calls are signed."""

    HMAC = "hmac"
    LIVEKIT = "livekit"


class State(StrEnum):
    """States of a call."""

    WAITING = "waiting"
    FAILED = "failed"
    DELIVERED = "delivered"


KEY_FILE: Final = "--key-file"
LONGEST_KEY: Final = 4096

Url = Annotated[
    str,
    typer.Argument(
        metavar="URL",
        help="http:// or https://, called with POST; or @FILE with it: arguments are no place for"
        " secrets.",
    ),
]
KeyFile = Annotated[
    str | None,
    typer.Option(KEY_FILE, metavar="FILE", help="File with the key; - is standard input."),
]
SignatureOption = Annotated[
    Signature,
    typer.Option(
        "--signature", help="hmac (Standard Webhooks), or livekit with the key API_KEY:SECRET."
    ),
]
Limit = Annotated[int, typer.Option(min=1, max=10_000, help="Most calls to list, newest first.")]
StateOption = Annotated[
    State | None, typer.Option("--state", help="Only these. [default: all but the delivered]")
]
Id = Annotated[int | None, typer.Argument(metavar="ID", help="A call's id, as in the list.")]
All = Annotated[bool, typer.Option("--all", help="All that failed.")]

_T = TypeVar("_T")


@app.command("test")
def call_one(
    url: Url,
    key_file: KeyFile = None,
    signature: SignatureOption = Signature.HMAC,
    as_json: AsJson = False,
) -> None:
    """Call a web hook with an event of the type webhook.test, and show what comes back."""
    hook = _hook(of_file(url) if url.startswith("@") else url, key_file, signature)
    answer, took_s = asyncio.run(_call(hook))
    if as_json:
        shown = {"status": answer.status, "error": answer.error, "seconds": round(took_s, 3)}
        print_json({"url": hook.shown_url, "delivered": answer.error is None, **shown})
    elif answer.error is None:
        print(f"{hook.shown_url} took it: HTTP {answer.status} after {took_s:.2f} s.")
    else:
        print(f"{hook.shown_url} did not take it: {plain(answer.error)}.", file=sys.stderr)
    if answer.error is not None:
        raise typer.Exit(1)


@app.command("list")
def list_deliveries(
    limit: Limit = 50, state: StateOption = None, as_json: AsJson = False, config: Config = None
) -> None:
    """List calls that wait or failed, newest first."""
    states = [state] if state else [State.WAITING, State.FAILED]

    async def pages(table: Deliveries) -> list[tuple[list[Delivery], int]]:
        return [await table.page(limit=limit, offset=0, state=each.value) for each in states]

    found = _with_table(pages, config)
    rows = sorted((row for page, _ in found for row in page), key=lambda row: -row.id)[:limit]
    total = sum(count for _, count in found)
    if as_json:
        print_json({"total": total, "deliveries": [_as_dict(row) for row in rows]})
    elif not rows:
        print(f"None is {state}." if state else "Nothing waits, and nothing has failed.")
    else:
        columns = ("id", "recording", "event", "url", "state", "tries", "next try", "error")
        print_table(columns, [_row(row) for row in rows])
        if total > len(rows):
            print(f"{len(rows)} of {total}; --limit shows more.")


@app.command("retry")
def retry(id: Id = None, every: All = False, config: Config = None) -> None:
    """Try a call at once that failed or waits, or with --all those that failed."""
    if (id is None) != every:
        raise typer.BadParameter("give an id, or --all", param_hint="ID")
    now = datetime.now(UTC)
    if id is None:
        count = _with_table(lambda table: table.retry_failed(now), config)
        print(f"{count} are tried again." if count else "None has failed.")
        return
    row = _with_table(lambda table: table.retry(id, now), config)
    word = "is delivered already" if row.state == State.DELIVERED else "is tried again"
    print(f"Call {id} ({row.type} to {plain(row.shown_url)}) {word}.")


def _hook(url: str, key_file: str | None, signature: Signature) -> Webhook:
    from pydantic import ValidationError

    from orchestrator.outputs.webhooks import Webhook

    key = None if key_file is None else _key(key_file)
    try:
        return Webhook.model_validate({"url": url, "key": key, "signature": signature.value})
    except ValidationError as error:
        why = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise typer.BadParameter(why, param_hint="URL") from None


def _key(file: str) -> str:
    try:
        if file == "-":
            return sys.stdin.read(LONGEST_KEY).strip()
        with Path(file).open(encoding="utf-8") as source:
            return source.read(LONGEST_KEY).strip()
    except (OSError, UnicodeError) as error:
        raise typer.BadParameter(f"no key in {file}: {error}", param_hint=KEY_FILE) from None


async def _call(hook: Webhook) -> tuple[Answer, float]:
    from orchestrator.server.webhooks.attempt import Attempts
    from orchestrator.server.webhooks.payload import of_test

    attempts, clock = Attempts(), asyncio.get_running_loop().time
    began_s = clock()
    try:
        body = of_test(f"test.{secrets.token_hex(8)}", datetime.now(UTC))
        answer = await attempts.make(hook, body, anywhere=True)
    finally:
        await attempts.close()
    return answer, clock() - began_s


def _with_table(work: Callable[[Deliveries], Awaitable[_T]], config: Config) -> _T:
    from orchestrator.catalog.webhooks.table import Deliveries

    return with_catalog(lambda _, catalog: work(Deliveries(catalog)), config)


def _row(row: Delivery) -> tuple[str, ...]:
    waits = row.state == State.WAITING
    return (
        str(row.id),
        row.recording_id,
        row.type,
        row.shown_url,
        row.state,
        str(row.attempts),
        f"{row.next_try_at.astimezone():%H:%M:%S}" if waits else UNKNOWN,
        row.error or UNKNOWN,
    )


def _as_dict(row: Delivery) -> dict[str, Any]:
    """As the API gives it."""
    from orchestrator.api.serializers import webhooks as serialize

    return serialize.info(row).model_dump(mode="json")
