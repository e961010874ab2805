"""A recorded file, an upload to a folder that is looked at each time something is put there."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from orchestrator.uploads.pieces import sender
from orchestrator.uploads.pieces.far_end import FarEnd
from tests.kit.mediafiles.fragmented import X264, encode
from tests.kit.recordings.hls import ID
from tests.kit.uploads.hls import missing


@pytest.fixture(scope="session")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven seconds, four pieces."""
    return encode(tmp_path_factory.mktemp("hls") / "0001.mp4", 7, *X264)


@pytest.fixture
def away(tmp_path: Path) -> Path:
    """The target."""
    (tmp_path / "away").mkdir()
    return tmp_path / "away"


@pytest.fixture
def hls(away: Path) -> Path:
    """Where HLS is there."""
    return away / f"final-{ID[:8]}" / "hls"


@pytest.fixture
def puts(monkeypatch: pytest.MonkeyPatch, hls: Path) -> Counter[str]:
    """How often each piece and playlist was put; after each what is named there is there."""
    counted: Counter[str] = Counter()
    put = FarEnd.put

    async def watched(self: FarEnd, one: Any) -> Any:
        verified = await put(self, one)
        counted[one.key.removeprefix("hls/")] += 1
        assert missing(hls) == []
        return verified

    monkeypatch.setattr(FarEnd, "put", watched)
    return counted


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks often; no thumbnail."""
    monkeypatch.setattr("orchestrator.uploads.contents._write_thumbnail", lambda *_: False)
    monkeypatch.setattr("orchestrator.uploads.upload_pass.LOOK_S", 0.02)
    monkeypatch.setattr(sender, "LEAST_S", 0.0)
