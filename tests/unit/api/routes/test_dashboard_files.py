"""The dashboard's files: all there, nothing from elsewhere, and a policy that says so."""

from __future__ import annotations

import re

import httpx
import pytest

from orchestrator.api.dashboard_files import DIRECTORY

pytestmark = pytest.mark.slow

FILES = [p.relative_to(DIRECTORY).as_posix() for p in sorted(DIRECTORY.rglob("*")) if p.is_file()]


async def test_browsers_are_led_to_the_dashboard(client: httpx.AsyncClient) -> None:
    browser = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    led = await client.get("/", headers=browser)
    assert (led.status_code, led.headers["location"]) == (307, "/dashboard/")
    program = await client.get("/", headers={"accept": "application/json"})
    assert program.headers["location"] == "/docs"
    assert "Accept" in program.headers["vary"]
    page = await client.get("/dashboard", headers=browser, follow_redirects=True)
    assert page.headers["content-type"].startswith("text/html")


async def test_nothing_but_our_own_may_run(client: httpx.AsyncClient) -> None:
    page = await client.get("/dashboard/")
    policy = dict(
        part.split(" ", 1) for part in page.headers["content-security-policy"].split("; ")
    )
    assert (policy["default-src"], policy["script-src"]) == ("'none'", "'self'")
    assert "unsafe" not in " ".join(policy.values())
    assert not re.search(r"<script>|<style|style=| on\w+=", page.text)


@pytest.mark.parametrize("name", FILES)
async def test_every_file_is_given(client: httpx.AsyncClient, name: str) -> None:
    first = await client.get(f"/dashboard/{name}")
    assert first.status_code == 200
    if name.endswith(".js"):
        assert first.headers["content-type"].startswith("text/javascript")
    again = await client.get(f"/dashboard/{name}", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304


ANSWERS = [
    "/docs",
    "/openapi.json",
    "/",
    "/dashboard/",
    "/dashboard/icon.svg",
    "/livez",
    "/metrics",
]


@pytest.mark.parametrize(
    "path", [*ANSWERS, "/api/recording/active", "/nowhere", "/api/recordings/x/thumbnail.jpg"]
)
async def test_no_page_embeds_or_frames_an_answer(client: httpx.AsyncClient, path: str) -> None:
    answers = [await client.get(path)]
    answers.append(await client.get(path, headers={"Sec-Fetch-Site": "cross-site"}))
    assert answers[1].status_code == 403
    for answer in answers:
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert answer.headers["x-frame-options"] == "DENY"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_settings(client: httpx.AsyncClient) -> None:
    listed = (await client.get("/api/settings")).json()["settings"]
    named = {one["name"]: one for one in listed}
    assert named["disk_reserve_bytes"]["value"] == "0"
    assert named["port"]["origin"] == "default"
    assert named["api_key"]["value"] == ""
    assert "X-API-Key" in named["api_key"]["description"]
