"""A web page of no origin in a real Chromium, which publishes by WHIP what it draws and plays."""

from __future__ import annotations

from typing import Final

from playwright.async_api import Browser, Page

from tests.kit.whip.publishing import KEY

_PUBLISH: Final = """
async ([address, key, codec, cells]) => {
  const canvas = document.createElement('canvas');
  canvas.width = 640; canvas.height = 360;
  const drawing = canvas.getContext('2d');
  let code = 0;
  const draw = () => {
    const bits = Array.from({length: cells - 4}, (_, bit) => code >> bit & 1);
    const parity = bits.reduce((sum, bit) => sum + bit, 0) % 2;
    drawing.fillStyle = '#555';
    drawing.fillRect(0, 0, 640, 360);
    [1, 0, ...bits, parity, 0].forEach((value, cell) => {
      drawing.fillStyle = value ? '#fff' : '#000';
      drawing.fillRect(cell * 640 / cells, 0, 640 / cells, 90);
    });
    code += 1;
  };
  setInterval(draw, 1000 / 25);
  const audio = new AudioContext();
  const tone = audio.createOscillator(), played = audio.createMediaStreamDestination();
  tone.connect(played);
  tone.start();
  const connection = new RTCPeerConnection();
  const send = {direction: 'sendonly'};
  connection.addTransceiver(played.stream.getAudioTracks()[0], send);
  const video = connection.addTransceiver(canvas.captureStream(25).getVideoTracks()[0], send);
  const known = RTCRtpSender.getCapabilities('video').codecs;
  const wanted = known.filter(one => one.mimeType === codec);
  if (!wanted.length) return {missing: true};
  video.setCodecPreferences(wanted);
  await connection.setLocalDescription();
  const headers = {Authorization: `Bearer ${key}`, 'Content-Type': 'application/sdp'};
  const body = connection.localDescription.sdp;
  const answer = await fetch(address, {method: 'POST', headers, body});
  const location = answer.headers.get('Location'), etag = answer.headers.get('ETag');
  window.leave = async () => {
    const left = await fetch(new URL(location, address), {method: 'DELETE', headers});
    connection.close();
    return left.status;
  };
  await connection.setRemoteDescription({type: 'answer', sdp: await answer.text()});
  return {missing: false, status: answer.status, location, etag};
}
"""


class PublishingPage:
    """The page, once it has been answered."""

    def __init__(self, page: Page, found: dict[str, str | int | bool | None]) -> None:
        self._page, self.found = page, found

    async def leave(self) -> int:
        """The status of its DELETE."""
        status: int = await self._page.evaluate("leave()")
        await self._page.close()
        return status


async def publish_page(browser: Browser, url: str, stream: str, codec: str) -> PublishingPage:
    """Publishes numbered frames in this codec (`video/VP8`), and a tone."""
    page = await browser.new_page()
    found = await page.evaluate(_PUBLISH, [f"{url}/whip/{stream}", KEY, codec, 20])
    return PublishingPage(page, found)
