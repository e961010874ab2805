"""The code of docs/webhooks.md verifies what is sent, and nothing else."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.outputs.webhook_events import WebhookEvent
from orchestrator.server.webhooks.signing import headers
from tests.kit.webhooks.queues import hook

PAGE = (Path(__file__).parents[4] / "docs" / "webhooks.md").read_text()
KEY = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
BODY = '{"id":"1","type":"recording.finished","data":"ä"}'.encode()

Verify = Callable[[str, dict[str, str], bytes], bool]


def code(language: str) -> str:
    """The page's only example in this language."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


def in_python(key: str, sent: dict[str, str], body: bytes) -> bool:
    names: dict[str, Verify] = {}
    exec(code("python"), names)
    return names["verified"](key, sent, body)


def in_node(key: str, sent: dict[str, str], body: bytes) -> bool:
    if (node := shutil.which("node")) is None:
        pytest.skip("node is not installed")
    given = json.dumps([key, sent, list(body)])
    call = f"const [k, h, b] = {given}; console.log(verified(k, h, Buffer.from(b)))"
    ran = subprocess.run(
        [node, "-e", code("js") + call], capture_output=True, text=True, timeout=30, check=True
    )
    return ran.stdout == "true\n"


@pytest.mark.parametrize("verify", [in_python, in_node])
def test_the_examples_verify(verify: Verify) -> None:
    now_s = int(time.time())
    sent = dict(headers(hook("https://example.org/", key=KEY), "1", BODY, now_s))
    assert verify(KEY, sent, BODY)
    assert not verify(KEY, sent, BODY + b" ")
    assert not verify(KEY, sent | {"webhook-id": "2"}, BODY)
    assert not verify("whsec_QUJDREVGR0g=", sent, BODY)
    old = dict(headers(hook("https://example.org/", key=KEY), "1", BODY, now_s - 3600))
    assert not verify(KEY, old, BODY)
    assert not verify(KEY, dict(headers(hook("https://example.org/"), "1", BODY, now_s)), BODY)


def test_every_event_is_on_the_page() -> None:
    assert [type.value for type in WebhookEvent if f"`{type.value}`" not in PAGE] == []
