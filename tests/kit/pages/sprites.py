"""Sprites that a page asks for, answered in the browser itself, until a recording has some."""

from __future__ import annotations

from playwright.async_api import Page, Route

from orchestrator.recordings.images.thumbnails import jpeg
from tests.kit.mediafiles.synthetic import black, frame_of

VTT = "WEBVTT\n\n" + "\n\n".join(
    f"00:00:{2 * n:02}.000 --> 00:00:{2 * n + 2:02}.000\nfilm.sprite.jpg#xywh={160 * n},0,160,90"
    for n in range(8)
)


async def answer_sprites(page: Page) -> None:
    """Eight images of two seconds each, and three larger ones."""
    image = jpeg(frame_of(black()))

    async def answer(route: Route) -> None:
        url = route.request.url
        if "kind=" in url:
            kind = "image" if "kind=image" in url else "sprite_vtt"
            names = (
                [f"film.images/{n}.jpg" for n in range(3)]
                if kind == "image"
                else ["film.sprite.vtt"]
            )
            files = [{"name": name, "at_s": 2.0 * n, "kind": kind} for n, name in enumerate(names)]
            await route.fulfill(json={"sidecars": files, "total": len(files)})
        elif url.endswith(".vtt"):
            await route.fulfill(body=VTT, content_type="text/vtt")
        else:
            await route.fulfill(body=image, content_type="image/jpeg")

    await page.route("**/api/recordings/*/sidecars**", answer)
    await page.route("**/api/recordings/*/sidecars/**", answer)
