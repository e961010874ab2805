"""A copied room with one video and all microphones: who comes late, goes, and comes back."""

from __future__ import annotations

import hashlib
import io
import time
from pathlib import Path

import av
import pytest

from orchestrator.recordings.images.preview_files import current
from orchestrator.recordings.images.thumbnails import thumbnail
from orchestrator.recordings.job import runtime_directory
from orchestrator.server.manager import Manager
from tests.kit.livekit.crowd import GUESTS, conference
from tests.kit.livekit.server import Server
from tests.kit.recordings.copied import (
    asked,
    decode_errors,
    event_log,
    heard,
    tracks,
    until_summed,
)
from tests.kit.recordings.waits import FPS, until_more, until_participants, until_received
from tests.kit.signals.reading import Reading
from tests.kit.signals.tones import TONES

pytestmark = [pytest.mark.livekit, pytest.mark.real_time]

LATE = TONES[2]
NEAR_S = 0.3
"""How far audio may be from where the frames' numbers say it belongs: a busy publisher is off."""


def number_s(reading: Reading, at_s: float) -> float:
    """The publisher's clock at this moment of the file, by the nearest frame's number."""
    near_s, number = min(reading.codes, key=lambda code: abs(code[0] - at_s))
    return number / FPS + at_s - near_s


async def test_who_comes_late_goes_and_comes_back_is_in_one_file(
    manager: Manager, livekit_server: Server
) -> None:
    room = "copied"
    async with conference(livekit_server, room) as there:
        started = await manager.start(asked(room))
        assert (started.state, started.pipeline) == ("recording", "copy")
        await until_received(manager, room, FPS)
        await there.late.join()
        late_s = there.host.clock_s
        await there.guests[0].leave()
        left_s = there.host.clock_s
        await until_more(manager, room, 2 * FPS)
        await until_participants(manager, room, 3)  # else who comes back has two at once
        await there.guests[0].join()
        back_s = there.host.clock_s
        preview = await current(runtime_directory(started.id))
        await until_more(manager, room, 3 * FPS)
        row = await manager.status(room)
        assert row is not None
        asked_s = time.monotonic()
        ended = await manager.stop(room)
        print(f"stop: {time.monotonic() - asked_s:.3f} s, first {row.figures['first_frame_s']}")
    path, log = Path(ended.output_path), await event_log(manager, ended)
    print(log, row.figures, ended.figures, sep="\n")
    assert (ended.state, ended.error, path.suffix) == ("completed", None, ".mkv")
    assert len(await manager.catalog.segments(ended.id)) == 1
    (file,) = await until_summed(manager, ended.id)
    assert (file.integrity, file.problem) == ("whole", None)
    assert file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (ended.video_codec, ended.audio_codec) == ("vp8", "opus")
    assert decode_errors(path) == []
    names = [*tracks(path)]
    assert names[0] == "video"
    assert {*names[1:]} == {
        "publisher microphone",
        *(f"speaker-{number} microphone" for number in range(3)),
    }
    reading = heard(path, "publisher microphone")
    assert len(reading.codes) == ended.figures["video"]["received"]
    assert reading.missing <= 2, "a busy publisher leaves one out"
    assert reading.in_order_and_once
    assert len(reading.offsets_s) >= 3
    assert all(abs(offset_s) < NEAR_S for offset_s in reading.offsets_s)
    late = heard(path, "speaker-2 microphone").heard
    ((begin_s, _),) = late[LATE]
    assert number_s(reading, begin_s) == pytest.approx(late_s, abs=NEAR_S)
    assert not late[GUESTS[0]]
    away = heard(path, "speaker-0 microphone").heard[GUESTS[0]]
    assert len(away) == 2, away
    assert number_s(reading, away[0][1]) == pytest.approx(left_s, abs=NEAR_S)
    assert number_s(reading, away[1][0]) == pytest.approx(back_s, abs=NEAR_S)
    assert len(heard(path, "speaker-1 microphone").heard[GUESTS[1]]) == 1
    with av.open(io.BytesIO(preview)) as image:
        assert image.streams.video[0].codec_context.width == 320
    assert thumbnail(path)[:3] == b"\xff\xd8\xff"
