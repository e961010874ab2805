"""/api/recording/formats and the output directory."""

from __future__ import annotations

from pathlib import Path

import httpx

from orchestrator.encoding.pipeline.loading import Pipelines
from tests.kit.api.memory import MINT, MemoryManager
from tests.kit.documented import documented_pipelines


async def test_output_directory(client: httpx.AsyncClient, tmp_path: Path) -> None:
    there = (await client.get("/api/recording/output-directory")).json()
    assert there == {
        "success": True,
        "output_directory": str(tmp_path),
        "exists": True,
        "writable": True,
    }
    set_to = {"directory": str(tmp_path)}
    chosen = await client.post("/api/recording/set-output-directory", json=set_to)
    assert {"success": True, "output_directory": str(tmp_path)}.items() <= chosen.json().items()
    nowhere = {"directory": str(tmp_path / "a" / "b")}
    refused = await client.post("/api/recording/set-output-directory", json=nowhere)
    assert (refused.status_code, refused.json()["error"]) == (400, "Path is not a directory")


async def test_output_directory_that_is_gone(
    client: httpx.AsyncClient, manager: MemoryManager, tmp_path: Path
) -> None:
    gone = tmp_path / "gone"
    manager.settings = manager.settings.model_copy(update={"output_directory": gone})
    body = (await client.get("/api/recording/output-directory")).json()
    assert (body["exists"], body["writable"]) == (False, False)


async def test_formats_answers_both(client: httpx.AsyncClient) -> None:
    body = (await client.get("/api/recording/formats")).json()
    high = {"video_bitrate": "2M", "audio_bitrate": "128k"}

    def codecs(video: str, audio: str, extension: str) -> dict[str, str]:
        return {"video_codec": video, "audio_codec": audio, "extension": extension, **high}

    supported = {
        "formats": ["av1", "mp4", "webm"],
        "codecs": {
            "av1": codecs("libaom-av1", "aac", "av1"),
            "mp4": codecs("libx264", "aac", "mp4"),
            "webm": codecs("libvpx-vp9", "libopus", "webm"),
        },
        "quality_presets": {
            "low": {"video_bitrate": "500k", "audio_bitrate": "64k"},
            "medium": {"video_bitrate": "1M", "audio_bitrate": "96k"},
            "high": high,
        },
    }
    assert body == {
        "success": True,
        "supported_formats": supported,
        "default_format": "av1",
        "recommended_formats": ["av1", "mp4"],
        **supported,
    }


async def test_a_format_of_a_users_pipeline(
    client: httpx.AsyncClient, manager: MemoryManager, tmp_path: Path
) -> None:
    (tmp_path / "small.py").write_text(documented_pipelines()["small.py"])
    manager.pipelines = Pipelines.load(tmp_path)
    body = (await client.get("/api/recording/formats")).json()
    assert body["formats"] == ["av1", "mp4", "webm", "small", "mkv"]
    assert body["codecs"]["small"]["video_codec"] == "libx264"
    copied = {"video_codec": "copy", "audio_codec": "copy", "extension": "mkv"}
    assert body["codecs"]["mkv"] == {**copied, "video_bitrate": None, "audio_bitrate": None}
    assert body["recommended_formats"] == ["av1", "mp4"]
    asked = {"mint_id": MINT, "output_format": "small"}
    assert (await client.post("/api/recording/start", json=asked)).status_code == 200
    assert manager.rows[-1].output_format == "small"
