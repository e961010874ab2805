"""The Recording API document's Python example, run unchanged against a server."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE

from orchestrator.api.server import listening
from orchestrator.errors import SettingsError
from tests.api.memory import MINT, MemoryManager
from tests.api.serving import Served

PORT = 8000
EXAMPLE = """\
import asyncio
import aiohttp

async def test_recording_api():
    async with aiohttp.ClientSession() as session:
        # Start recording
        async with session.post('http://localhost:8000/api/recording/start', 
                              json={
                                  'mint_id': 'V5cCiSixPLAiEDX2zZquT5VuLm4prr5t35PWmjNpump',
                                  'output_format': 'av1',
                                  'video_quality': 'high',
                                  'audio_quality': 'high'
                              }) as response:
            result = await response.json()
            print(f"Recording started: {result}")
        
        # Monitor status
        async with session.get('http://localhost:8000/api/recording/status/V5cCiSixPLAiEDX2zZquT5VuLm4prr5t35PWmjNpump') as response:
            status = await response.json()
            print(f"Recording status: {status}")
        
        # Stop recording
        async with session.post('http://localhost:8000/api/recording/stop',
                               json={'mint_id': 'V5cCiSixPLAiEDX2zZquT5VuLm4prr5t35PWmjNpump'}) as response:
            result = await response.json()
            print(f"Recording stopped: {result}")

# Run the example
asyncio.run(test_recording_api())
"""  # noqa: E501, W291, W293
"""Word for word, trailing blanks and all."""


def example_for(url: str) -> str:
    """The document's text; only where its port is taken by somebody else with another one."""
    return EXAMPLE.replace(f":{PORT}/", f":{url.rpartition(':')[2]}/")


def port_if_free() -> int:
    """The document's port, or any."""
    try:
        with listening("127.0.0.1", PORT):
            return PORT
    except SettingsError:
        return 0


async def run_example(program: str) -> str:
    """What the example prints; it has to end well."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=PIPE, stderr=PIPE
    )
    async with asyncio.timeout(180):
        out, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")
    return out.decode()


async def test_example_runs_unchanged(manager: MemoryManager, served: Served) -> None:
    async with served(manager, port_if_free()) as url:
        printed = await run_example(example_for(url))
    started, status, stopped = printed.splitlines()
    assert started.startswith("Recording started: {'success': True, ")
    assert status.startswith("Recording status: {")
    assert "'is_recording': True" in status
    assert stopped.startswith("Recording stopped: {'success': True, ")
    assert f"'mint_id': '{MINT}'" in stopped
    assert "'final_path': '" in stopped


def test_another_port_is_all_that_may_change() -> None:
    assert example_for("http://127.0.0.1:8000") == EXAMPLE
    assert example_for("http://127.0.0.1:8123").replace("8123", "8000") == EXAMPLE
    assert EXAMPLE.count("localhost:8000") == 3
