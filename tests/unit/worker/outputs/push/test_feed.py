"""What ffmpeg makes of what a push's thread feeds it, into a file in place of a server."""

from __future__ import annotations

import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from orchestrator.pipes.fifo import Fifo
from orchestrator.pushing.address import address_of
from orchestrator.pushing.command import PushEncoding, arguments
from orchestrator.worker.outputs.push.feed import Feed
from orchestrator.worker.outputs.push.segment_follower import SegmentFollower
from orchestrator.worker.segments.segment_positions import SegmentPosition, write_position
from tests.kit.fakes import REAL
from tests.kit.pushes.growing import Growing
from tests.kit.signals.codes import draw
from tests.kit.signals.reading import Reading, read
from tests.kit.signals.tones import RATE, samples

pytestmark = pytest.mark.all_only

FPS = 30
SECONDS = 6
CHUNK = 960
LOW, HIGH = 440, 1240
URLS = {"rtmp": "rtmp://127.0.0.1/live/key", "srt": "srt://127.0.0.1:9000"}


def copied(path: Path, *spans: tuple[int, float, float]) -> Path:
    """A segment as of a copy: video, and microphones with a tone each from one time to another."""
    with av.open(str(path), "w", format="matroska") as made:
        video: Any = made.add_stream("libx264", rate=FPS)
        video.width, video.height, video.pix_fmt = 320, 180, "yuv420p"
        video.options = {"preset": "ultrafast", "bf": "0", "g": "30"}
        microphones: list[Any] = [
            made.add_stream("libopus", rate=RATE, layout="stereo") for _ in spans
        ]
        chunks = 0
        for number in range(SECONDS * FPS):
            frame = draw(number, width=320, height=180, fps=FPS)
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            made.mux(video.encode(frame))
            while chunks * CHUNK / RATE <= number / FPS:
                for microphone, (tone, begin, end) in zip(microphones, spans, strict=True):
                    if begin <= chunks * CHUNK / RATE < end:
                        made.mux(microphone.encode(audio(tone, chunks * CHUNK)))
                chunks += 1
        for each in (video, *microphones):
            made.mux(each.encode(None))
    return path


def audio(tone: int, at: int) -> av.AudioFrame:
    data = samples(tone, at, CHUNK).repeat(2).reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(data, format="s16", layout="stereo")
    frame.sample_rate, frame.pts, frame.time_base = RATE, at, Fraction(1, RATE)
    return frame


def received(
    folder: Path, kind: str, segment: Path, encoding: PushEncoding, **how: bool
) -> Reading:
    """All of it, in the format of this protocol."""
    write_position(segment, SegmentPosition(2.5, 1))
    segments: Any = Growing(folder, [(1, segment)])
    follower = SegmentFollower(lambda: segments, "matroska")
    first = follower.next()
    assert first is not None
    address, fifo = address_of(URLS[kind]), Fifo(folder / "feed", large=False)
    made = folder / "received"
    argv = arguments(Path(REAL), fifo.path, address, encoding)
    # Up to what is of the protocol itself.
    argv = [*argv[: argv.index("-rw_timeout")], "-y", "-f", argv[-2], str(made)]
    feed = Feed(fifo, follower, first, **how)
    feed.finish()
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL) as ffmpeg:
        assert feed.run() == "recorded"
        follower.close()
        assert ffmpeg.wait(30) == 0
    return read(made)


def longest(reading: Reading, tone: int) -> tuple[float, float]:
    """From when to when it is heard, from the first frame on."""
    first_s = reading.codes[0][0]
    begin, end = max(reading.heard[tone], key=lambda span: span[1] - span[0])
    return begin - first_s, end - first_s


@pytest.mark.parametrize("kind", ["rtmp", "srt"])
def test_all_microphones_are_heard_where_they_spoke(tmp_path: Path, kind: str) -> None:
    segment = copied(tmp_path / "0001.mkv", (LOW, 0, SECONDS), (HIGH, 2, 4))
    encoding = PushEncoding(audio_bps=128_000)
    found = received(tmp_path, kind, segment, encoding, mixes=True)
    assert found.numbers == list(range(SECONDS * FPS))
    assert (found.video_codec, found.audio_codec) == ("h264", "aac")
    assert found.audio_gaps == 0
    assert longest(found, LOW) == pytest.approx((0, SECONDS), abs=0.15)
    assert longest(found, HIGH) == pytest.approx((2, 4), abs=0.1)


def test_where_nobody_speaks_there_is_silence(tmp_path: Path) -> None:
    segment = copied(tmp_path / "0001.mkv", (LOW, 4, 5))
    found = received(tmp_path, "rtmp", segment, PushEncoding(audio_bps=96_000), mixes=True)
    assert longest(found, LOW) == pytest.approx((4, 5), abs=0.1)
    assert found.audio_gaps == 0
    assert found.audio_samples / RATE == pytest.approx(SECONDS, abs=0.15)


def test_behind_the_end_there_is_nothing_to_see(tmp_path: Path) -> None:
    segment = copied(tmp_path / "0001.mkv", (LOW, 0, SECONDS))
    found = received(tmp_path, "srt", segment, PushEncoding(), pads=True)
    assert found.numbers == list(range(SECONDS * FPS))
    assert found.audio_codec == "opus"
    assert longest(found, LOW) == pytest.approx((0, SECONDS), abs=0.15)
