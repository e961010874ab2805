"""The examples of docs/proxy.md, run as they stand there, with a real Chromium before them."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from playwright.async_api import Browser, Page, Response, expect
from pydantic import SecretStr

from orchestrator.media import Stream
from orchestrator.settings import Settings
from tests.kit.api.memory import MemoryManager, recording
from tests.kit.api.serving import Served
from tests.kit.ports import free_port

pytestmark = pytest.mark.real_time

DOCS: Final = Path(__file__).parents[4] / "docs" / "proxy.md"
KEY: Final = "a key of more than sixteen"

# The proxies' own surroundings: a folder of the test's, no other port, no start as a service.
NGINX: Final = """
daemon off;
error_log {folder}/error.log;
pid {folder}/nginx.pid;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {example}
}}
"""
CADDY: Final = """{{
    admin off
    auto_https off
    skip_install_trust
    storage file_system {folder}
    servers {{
        protocols h1 h2
    }}
}}
{example}"""


def example(language: str, replaced: Mapping[str, str]) -> str:
    """The code block of this language, with what differs here replaced."""
    block = re.search(rf"```{language}\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)
    assert block is not None
    text = block[1]
    for was, becomes in replaced.items():
        assert was in text
        text = text.replace(was, becomes)
    return text


def certificate(folder: Path) -> tuple[Path, Path]:
    """One for 127.0.0.1 that nobody signed, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "media.example.org")])
    address = x509.IPAddress(ip_address("127.0.0.1"))
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    paths = folder / "media.pem", folder / "media.key"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    paths[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, form, plain))
    return paths


@asynccontextmanager
async def nginx(folder: Path, recorder: str, changed: dict[str, str]) -> AsyncIterator[str]:
    """nginx with the documentation's example, `changed` in places; the address of the recorder."""
    port, (public, secret) = free_port(), certificate(folder)
    replaced = {
        "443 ssl": f"127.0.0.1:{port} ssl",
        "/etc/ssl/media.pem": str(public),
        "/etc/ssl/media.key": str(secret),
        "http://127.0.0.1:8000": recorder,
        **changed,
    }
    path = folder / "nginx.conf"
    path.write_text(NGINX.format(folder=folder, example=example("nginx", replaced)), "utf-8")
    command = ("nginx", "-e", str(folder / "error.log"), "-c", str(path))
    async with running(*command, port=port, home=folder):
        yield f"https://127.0.0.1:{port}/recorder"


@asynccontextmanager
async def caddy(folder: Path, recorder: str, changed: dict[str, str]) -> AsyncIterator[str]:
    """Caddy, likewise."""
    port, (public, secret) = free_port(), certificate(folder)
    site = f"https://127.0.0.1:{port} {{\n    tls {public} {secret}"
    replaced = {
        "media.example.org {": site,
        "127.0.0.1:8000": recorder.removeprefix("http://"),
        **changed,
    }
    path = folder / "Caddyfile"
    path.write_text(CADDY.format(folder=folder, example=example("caddy", replaced)), "utf-8")
    command = ("caddy", "run", "--adapter", "caddyfile", "--config", str(path))
    async with running(*command, port=port, home=folder):
        yield f"https://127.0.0.1:{port}/recorder"


@asynccontextmanager
async def running(*command: str, port: int, home: Path) -> AsyncIterator[None]:
    """A proxy that answers at this port, until the context ends."""
    program = shutil.which(command[0], path="/usr/sbin:/usr/bin:/usr/local/bin")
    if program is None:
        pytest.skip(f"no {command[0]}: apt-get install it, and its example is tested too")
    own = {"PATH": os.environ["PATH"], "HOME": str(home), "XDG_CONFIG_HOME": str(home)}
    process = await asyncio.create_subprocess_exec(
        program, *command[1:], stderr=asyncio.subprocess.DEVNULL, env=own
    )
    try:
        async with asyncio.timeout(20):
            while not await answers(port):
                assert process.returncode is None, "it ended"
                await asyncio.sleep(0.05)
        yield
    finally:
        process.terminate()
        await process.wait()


async def answers(port: int) -> bool:
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting)
    except OSError:
        return False
    writer.close()
    return True


@pytest.fixture
def manager(settings: Settings) -> MemoryManager:
    """A recorder that wants its key, with one stream that is live."""
    made = MemoryManager(settings.model_copy(update={"api_key": SecretStr(KEY)}))
    made.directory.streams = [Stream("coin-1", "livekit", name="Example Coin")]
    made.rows.append(recording("other"))
    return made


@asynccontextmanager
async def opened(browser: Browser, url: str) -> AsyncIterator[Page]:
    """The dashboard, entered by its key; nothing on it may fail or be looked for elsewhere."""
    wrong: list[str] = []
    context = await browser.new_context(ignore_https_errors=True)
    page = await context.new_page()
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("response", lambda r: wrong.extend(_missing(r)))
    await page.goto(f"{url}/")
    assert page.url.rstrip("/") == f"{url}/dashboard"
    await page.get_by_label("API key").fill(KEY)
    await page.get_by_role("button", name="Open the dashboard").click()
    yield page
    assert wrong == []
    await context.close()


def _missing(response: Response) -> list[str]:
    """Addresses that lead nowhere; a preview that isn't there yet is none."""
    missing = response.status == 404 and "/preview/" not in response.url
    return [response.url] if missing else []


async def test_nginx(
    manager: MemoryManager, served: Served, browser: Browser, tmp_path: Path
) -> None:
    async with (
        served(manager) as recorder,
        nginx(tmp_path, recorder, {}) as url,
        opened(browser, url) as page,
    ):
        await all_of_it_works(page, manager, url)


@pytest.mark.all_only
async def test_caddy(
    manager: MemoryManager, served: Served, browser: Browser, tmp_path: Path
) -> None:
    async with (
        served(manager) as recorder,
        caddy(tmp_path, recorder, {}) as url,
        opened(browser, url) as page,
    ):
        await all_of_it_works(page, manager, url)


@pytest.mark.all_only
async def test_nginx_as_most_people_have_it(
    manager: MemoryManager, served: Served, browser: Browser, tmp_path: Path
) -> None:
    """It passes no name on, and takes nothing off the path."""
    bare = {
        "proxy_set_header Host $http_host;": "",
        "proxy_set_header X-Forwarded-Proto $scheme;": "",
        "proxy_set_header X-Forwarded-Prefix /recorder;": "",
    }
    manager.settings = manager.settings.model_copy(update={"path_prefix": "/recorder"})
    async with served(manager) as recorder:
        changed = {**bare, f"{recorder}/;": f"{recorder};"}
        async with nginx(tmp_path, recorder, changed) as url, opened(browser, url) as page:
            await all_of_it_works(page, manager, url)


async def all_of_it_works(page: Page, manager: MemoryManager, url: str) -> None:
    """Live events come, a change is taken, the cookie is for here alone, and /docs is readable."""
    await expect(page.get_by_role("status").get_by_text("Ready")).to_be_visible()
    await expect(page.locator(".running > li")).to_have_count(1)
    await page.get_by_role("button", name="Record Example Coin").click()
    await expect(page.locator(".running > li")).to_have_count(2)
    assert manager.requests[-1].stream_id == "coin-1"
    (cookie,) = await page.context.cookies()
    assert (cookie["path"], cookie["secure"]) == ("/recorder/api", True)
    docs = await page.context.new_page()
    await docs.goto(f"{url}/docs")
    await expect(docs.locator(".opblock").first).to_be_visible()
    await expect(docs.get_by_text("/recorder", exact=False).first).to_be_attached()
