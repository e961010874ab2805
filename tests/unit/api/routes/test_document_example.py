"""The Recording API document's examples, run unchanged against a server.

Their text lies in tests/unit/api/routes/document, word for word, trailing blanks and all. The
JavaScript one has types in it: it is run by the node that Playwright brings along, which passes
over them.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest
from playwright._impl._driver import compute_driver_executable

from orchestrator.api.server import listening
from orchestrator.errors import SettingsError
from tests.kit.api.memory import MINT, MemoryManager
from tests.kit.api.serving import Served

PORT = 8000
DOCUMENT = Path(__file__).parent / "document"
PYTHON, JAVASCRIPT = DOCUMENT / "python.txt", DOCUMENT / "javascript.mts"


def example_for(url: str, example: Path) -> str:
    """The document's text; only where its port is taken by somebody else with another one."""
    return example.read_text().replace(f":{PORT}/", f":{url.rpartition(':')[2]}/")


def port_if_free() -> int:
    """The document's port, or any."""
    try:
        with listening("127.0.0.1", PORT):
            return PORT
    except SettingsError:
        return 0


async def run_example(program: str) -> str:
    """What the Python example prints; it has to end well."""
    return await _run(sys.executable, "-c", program)


async def _run(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE)
    async with asyncio.timeout(180):
        out, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")
    return out.decode()


async def test_the_python_example(manager: MemoryManager, served: Served) -> None:
    async with served(manager, port_if_free()) as url:
        printed = await run_example(example_for(url, PYTHON))
    started, status, stopped = printed.splitlines()
    assert started.startswith("Recording started: {'success': True, ")
    assert status.startswith("Recording status: {")
    assert "'is_recording': True" in status
    assert stopped.startswith("Recording stopped: {'success': True, ")
    assert f"'mint_id': '{MINT}'" in stopped
    assert "'final_path': '" in stopped


async def test_the_javascript_example(
    manager: MemoryManager, served: Served, tmp_path: Path
) -> None:
    program = tmp_path / JAVASCRIPT.name
    async with served(manager, port_if_free()) as url:
        program.write_text(example_for(url, JAVASCRIPT))
        node, _ = compute_driver_executable()
        printed = await _run(node, str(program))
    row = manager.rows[0]
    assert printed.startswith(f"Recording started: {row.output_path}\nRecording status: {{")
    assert "is_recording: true" in printed
    assert printed.endswith(f"\nRecording stopped: {row.output_path}\n")
    assert (row.output_format, row.state) == ("av1", "completed")


@pytest.mark.parametrize("example", [PYTHON, JAVASCRIPT])
def test_another_port_is_all_that_may_change(example: Path) -> None:
    text = example.read_text()
    assert example_for("http://127.0.0.1:8000", example) == text
    assert example_for("http://127.0.0.1:8123", example).replace("8123", "8000") == text
    assert f"localhost:{PORT}" in text
