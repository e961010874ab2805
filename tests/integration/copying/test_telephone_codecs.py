"""A copied WHEP stream whose audio is of a telephone: G.711 and G.722."""

from __future__ import annotations

from pathlib import Path

import av
import pytest
from pydantic import SecretStr

from orchestrator.settings import Settings
from orchestrator.settings.groups.streams import StreamSettings
from tests.kit.managing import managing
from tests.kit.recordings.copied import asked, decode_errors, tracks
from tests.kit.recordings.waits import FPS, until_received
from tests.kit.signals.reading import read
from tests.kit.sources.whep_server import TOKEN, whep_server

pytestmark = pytest.mark.real_time


@pytest.mark.parametrize(
    ("codec", "rate"),
    [
        ("G722", 16_000),
        pytest.param("PCMU", 8_000, marks=pytest.mark.all_only),
        pytest.param("PCMA", 8_000, marks=pytest.mark.all_only),
    ],
)
async def test_it_is_kept_as_pcm_at_its_time(tmp_path: Path, codec: str, rate: int) -> None:
    async with whep_server() as server:
        server.audio_codec = codec
        lobby = StreamSettings(whep=server.url, token=SecretStr(TOKEN))
        settings = Settings(
            discovery=["demo"],
            streams={"lobby": lobby},
            database_url=f"sqlite:///{tmp_path / 'catalog.db'}",
            output_directory=tmp_path / "out",
            disk_reserve_bytes=0,
            cpu_limit=10,
        )
        async with managing(settings) as manager:
            await manager.start(asked("lobby"))
            await until_received(manager, "lobby", 4 * FPS)
            ended = await manager.stop("lobby")
    path = Path(ended.output_path)
    assert (ended.state, ended.error, ended.audio_codec) == ("completed", None, "pcm_s16le")
    assert decode_errors(path) == []
    (audio,) = (track for track in tracks(path).values() if track.codec == "pcm_s16le")
    with av.open(str(path)) as file:
        assert file.streams.audio[0].rate == rate
    assert audio.times_ms
    reading = read(path)
    assert len(reading.codes) == ended.figures["video"]["received"]
    assert len(reading.offsets_s) >= 2
    assert all(abs(offset_s) < 0.1 for offset_s in reading.offsets_s)
