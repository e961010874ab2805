"""HLS of a copied room with several microphones: everybody is heard, in step with the video."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from statistics import median

import av
import pytest

from orchestrator.ffmpeg_environment import passed_on
from tests.integration.outputs.test_hls_crashes import begin, until
from tests.kit.fakes import REAL
from tests.kit.livekit.crowd import conference
from tests.kit.livekit.server import Server
from tests.kit.recordings.copied import heard
from tests.kit.recordings.hls_player import HlsPlayer
from tests.kit.recordings.machine import Machine
from tests.kit.signals.reading import Reading, read
from tests.kit.signals.tones import TONES

pytestmark = [
    pytest.mark.livekit,
    pytest.mark.real_time,
    pytest.mark.all_only,
    pytest.mark.timeout(240),
]

FIRST, SECOND, LATE = TONES[:3]
LAST_S = 9
NEAR_S = 0.15
"""What is known of a tone's beginning and end (`tests.kit.signals.tones.spans`), twice."""


@pytest.mark.parametrize("codec", ["h264", "vp9"])
async def test_everybody_is_heard(codec: str, tmp_path: Path, livekit_server: Server) -> None:
    (folder := tmp_path / "machine").mkdir()
    machine, room = Machine(folder, livekit_server), f"microphones {codec}"
    async with conference(livekit_server, room, video=codec) as there:
        async with machine.serving() as server:
            id = await begin(server, room, "copy")
            url = f"{server.url}/api/recordings/{id}/hls"
            player = HlsPlayer(url)
            playing = asyncio.create_task(player.play())
            async with copying(url, tmp_path / "live.mkv") as live:
                await until(lambda: len(player.pieces) >= 5, playing)
                await there.late.join()
                await until(lambda: len(player.pieces) >= 9, playing)
                await there.guests[0].leave()
                await until(lambda: len(player.pieces) >= 12, playing)
                await server.post("/api/recording/stop", mint_id=room)
                row = await server.until_ended(id)
                await asyncio.wait_for(playing, 30)
                async with asyncio.timeout(30):
                    assert await live.wait() == 0
            await server.end(signal.SIGTERM)
        async with machine.serving(server.port) as second:
            again = HlsPlayer(url)
            await again.play()
            async with copying(url, tmp_path / "finished.mkv") as finished, asyncio.timeout(30):
                assert await finished.wait() == 0
            await second.end(signal.SIGTERM)
    assert (row["state"], row["error"]) == ("completed", None)
    assert "warning" not in row["outputs"][0]["figures"], "all audio is in it"
    assert player.changed == []
    assert again.data == player.data, "another server makes the same bytes"
    (run,) = player.write(tmp_path / "pieces")
    final = Path(row["output_path"])
    steady = tmp_path / "steady.mp4"  # without a packet that overlaps where mixing begins
    data = [
        player.data[uri] for uri in (player.pieces[0].init, *(p.uri for p in player.pieces[5:]))
    ]
    steady.write_bytes(b"".join(data))
    offset_s = median(read(steady).offsets_s[-5:])
    assert offset_s == pytest.approx(last_offset_s(final), abs=0.003)
    ends_s = [check(read(path), final) for path in (run, tmp_path / "finished.mkv")]
    live_s = check(read(tmp_path / "live.mkv"), final)
    print(f"live to {live_s:.1f} s of {ends_s}", (tmp_path / "live.log").read_text()[-1500:])
    assert min(ends_s) == pytest.approx(row["duration_seconds"], abs=0.1)
    assert live_s == pytest.approx(ends_s[0], abs=0.1), "the end is played too"


def check(played: Reading, final: Path) -> float:
    """What a player has, beside the recording's file, up to where it has it; where that is."""
    own = {tone: span_of(final, f"speaker-{n}", tone) for n, tone in enumerate(TONES[:3])}
    print(played.heard, own, played.offsets_s, played.audio_gaps)
    # A decoder that begins in the middle clicks, in which there is every tone.
    lasting = {tone: [s for s in played.heard[tone] if s[1] - s[0] > 0.3] for tone in own}
    silent_s = max(lasting[tone][0][0] for tone in (FIRST, SECOND))
    for tone, (begin_s, end_s) in own.items():
        (found,) = lasting[tone]
        assert found[1] == pytest.approx(min(end_s, played.audio_end_s), abs=NEAR_S)
        assert found[0] == pytest.approx(max(begin_s, silent_s), abs=NEAR_S)
    assert silent_s < 7, "until audio has its place (PacketTimeline.HOLD_NS)"
    for half, row in enumerate(played.tones.rows):
        whole = [t for t, (a, b) in own.items() if max(a, silent_s) <= half / 2 < b - 0.5]
        assert row >= set(whole), f"all are heard in each half second: {half / 2} s"
    assert played.in_order_and_once
    assert played.audio_gaps <= 1, "where the first microphone came"
    assert max(b - a for a, b in pairwise(played.beeps)) < 1.1
    return played.audio_end_s


def last_offset_s(final: Path) -> float:
    """How much later than its flash a beep is at the file's end.

    `read` counts samples from the first packet on, so only the end is read: a stall of a busy
    machine's publisher, before it, would count twice.
    """
    tail = final.with_suffix(".tail.mkv")
    with av.open(str(final)) as file, av.open(str(tail), "w") as out:
        audio = next(s for s in file.streams.audio if s.metadata["title"].startswith("publisher"))
        used = (file.streams.video[0], audio)
        own = {stream.index: out.add_stream_from_template(stream) for stream in used}
        begin_s = float(file.duration or 0) / av.time_base - LAST_S
        begun = False
        for packet in file.demux(*used):
            if packet.pts is None or packet.pts * packet.time_base < begin_s:
                continue
            begun = begun or (packet.is_keyframe and packet.stream.type == "video")
            if begun:
                packet.stream = own[packet.stream.index]
                out.mux(packet)
    return median(read(tail).offsets_s[-5:])


def span_of(final: Path, name: str, tone: int) -> tuple[float, float]:
    """From when to when the file has a microphone."""
    spans = heard(final, f"{name} microphone").heard[tone]
    return spans[0][0], spans[-1][1]


@asynccontextmanager
async def copying(url: str, path: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """An ffmpeg that plays a recording's HLS from its beginning on, into a file."""
    reading = ("-live_start_index", "0", "-i", f"{url}/master.m3u8", "-c", "copy")
    command = (str(REAL), "-v", "verbose", "-nostdin", *reading, "-y", str(path))
    with path.with_suffix(".log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(*command, env=passed_on(), stderr=log)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
