"""The dashboard's player with a copy of several microphones: what a real Chromium gives out."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from orchestrator.catalog.store import Catalog
from orchestrator.server.hls.recordings import HlsRecordings
from tests.integration.api.dashboard.conftest import OpenPage
from tests.kit.api.memory import MemoryManager
from tests.kit.api.serving import Served
from tests.kit.mediafiles.voices import Voice, written
from tests.kit.recordings.hls import ID, add_segment, begin, end

pytestmark = [pytest.mark.real_time, pytest.mark.all_only]

HEARD_DB = -40
NEAR_S = 0.35
"""What is measured lasts 0.17 s, and a busy browser gives it out late."""

_LISTEN = """
async ([path, tones]) => {
  const { playHls } = await import('/dashboard/scripts/hls_playback.js');
  const wait = () => new Promise((done) => setTimeout(done, 50));
  const video = document.createElement('video');
  document.body.append(video);
  const context = new AudioContext({ sampleRate: 48000 });
  const analyser = new AnalyserNode(context, { fftSize: 8192, smoothingTimeConstant: 0 });
  context.createMediaElementSource(video).connect(analyser);
  const problems = [];
  const player = playHls(video, path, (refusal) => refusal && problems.push(refusal.detail));
  while (!(player.place() && video.buffered.length)) await wait();
  await context.resume();
  await video.play();
  const heard = [], levels = new Float32Array(analyser.frequencyBinCount);
  while (!video.ended && heard.length < 400) {
    await wait();
    analyser.getFloatFrequencyData(levels);
    heard.push([video.currentTime, tones.map((hertz) => levels[Math.round(hertz * 8192 / 48000)])]);
  }
  const buffered = [...Array(video.buffered.length).keys()];
  const spans = buffered.map((n) => [video.buffered.start(n), video.buffered.end(n)]);
  const ended = video.ended;
  player.end();
  return { heard, spans, problems, ended };
}
"""


async def test_everybody_is_heard_in_the_browser(
    manager: MemoryManager, served: Served, open_page: OpenPage, catalog: Catalog, tmp_path: Path
) -> None:
    voices = (Voice(440), Voice(880, ((4.5, 10.0),)), Voice(1760, ((0.0, 3.5),)))
    path = written(tmp_path / "0001.mkv", *voices)
    await begin(catalog, tmp_path, tracks="all")
    await add_segment(catalog, 1, path, outcome="finished")
    await end(catalog, path)
    manager.hls = HlsRecordings(catalog)
    async with served(manager) as url:
        page = await open_page(f"{url}/dashboard/")
        await page.mouse.click(2, 2)  # without that, no page may make itself heard
        tones = [voice.hertz for voice in voices]
        found = await page.evaluate(_LISTEN, [f"/api/recordings/{ID}/hls/master.m3u8", tones])
        await page.close()
    print(found["spans"], found["heard"][::10])
    assert (found["problems"], found["ended"]) == ([], True)
    ((first_s, last_s),) = found["spans"]
    assert (first_s, last_s) == (pytest.approx(0, abs=0.02), pytest.approx(10, abs=0.05))
    assert max(b - a for (a, _), (b, _) in pairwise(found["heard"])) < 0.5, "nothing is skipped"
    for number, voice in enumerate(voices):
        ((begin_s, end_s),) = voice.spans
        there = [levels[number] for at, levels in found["heard"] if begin_s + NEAR_S < at < end_s]
        away = [levels[number] for at, levels in found["heard"] if at > end_s + NEAR_S]
        away += [levels[number] for at, levels in found["heard"] if at < begin_s]
        assert min(there) > HEARD_DB
        assert max(away, default=-100) < HEARD_DB
