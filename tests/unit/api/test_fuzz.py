"""The API is called with what its own documentation allows and forbids: a real server, real rows.

The same calls every time (no random seed, no database of examples), some fifteen for each kind.
Every answer has a status that the documentation names for it and the form it gives: a 5xx that
isn't documented would be an error that nobody foresaw.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.core.result import Ok
from schemathesis.specs.openapi import checks

from orchestrator.api.schemas.common import RECORDING_ID
from orchestrator.catalog.models import File
from orchestrator.catalog.store import Catalog
from tests.kit.catalog.rows import NOON, recording
from tests.kit.recordings.machine import Machine

pytestmark = pytest.mark.slow

BOUNDED = settings(
    max_examples=15,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
LONGEST_LINE_BYTES = 16_000
"""About what h11 reads of a request without its body: `h11_max_incomplete_event_size`."""
CHECKS = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that knows one recording, and of no live stream."""
    machine = Machine(tmp_path_factory.mktemp("fuzzed"))
    machine.settings["DISCOVERY"] = "livekit"
    asyncio.run(_add_recording(machine))
    with (
        (machine.folder / "server.log").open("wb") as log,
        subprocess.Popen(
            [sys.executable, "-m", "orchestrator", "serve", "--port", "0"],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            cwd=machine.folder,
            env=machine.environment(),
        ) as process,
    ):
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            found = re.search(r"http://\S+", line)
            assert found, machine.log()
            yield found[0]
            assert process.poll() is None, "the server runs still"
        finally:
            process.terminate()
    assert "Traceback" not in machine.log(), machine.log()[-5000:]


async def _add_recording(machine: Machine) -> None:
    catalog = Catalog(machine.settings["DATABASE_URL"])
    await catalog.open(migrate=True)
    path = machine.out / "a.mp4"
    path.write_bytes(b"x" * 5000)
    ended: dict[str, Any] = {"state": "completed", "ended_at": NOON, "output_path": str(path)}
    await catalog.create(recording(RECORDING_ID, **ended, size_bytes=5000))
    file = {"recording_id": RECORDING_ID, "number": 1, "path": str(path), "offset_s": 0.0}
    await catalog.put_file(File(**file, duration_s=1.0, size_bytes=5000, made_at=NOON))
    await catalog.close()


def takes_something(operation: APIOperation[Any, Any, Any, Any]) -> bool:
    """Only then there is something that it forbids."""
    return bool(operation.body) or any(operation.iter_parameters())


def ends(operation: APIOperation[Any, Any, Any, Any]) -> bool:
    """Live events go on for ever: tests/unit/api/monitoring/test_events.py reads them."""
    return operation.path != "/api/events"


def is_another_address(response: schemathesis.Response) -> bool:
    """A line break or a slash in a parameter makes an address of which nothing is documented."""
    return response.status_code == 404 and response.json()["code"] == "unknown_address"


def is_too_long(response: schemathesis.Response) -> bool:
    """A request line longer than uvicorn reads is refused before there is an address."""
    line_bytes = len(str(response.request.url))
    return response.status_code == 400 and line_bytes > LONGEST_LINE_BYTES


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_every_answer_is_a_documented_one(url: str, mode: GenerationMode) -> None:
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    results = list(schema.get_all_operations())
    described = [result.ok() for result in results if isinstance(result, Ok)]
    assert len(described) == len(results), "each is described well enough to be called"
    operations = [operation for operation in described if ends(operation)]
    assert len(operations) > 10
    with httpx.Client(base_url=url, timeout=60) as client:
        for operation in operations:
            if mode is GenerationMode.NEGATIVE and not takes_something(operation):
                continue

            @BOUNDED
            @given(case=operation.as_strategy(generation_mode=mode))
            def answered(case: Case[Any]) -> None:
                response = case.call(base_url=url)
                if not is_another_address(response) and not is_too_long(response):
                    case.validate_response(response, checks=CHECKS)

            answered()
        assert client.get("/api/recording/active").json()["count"] == 0
