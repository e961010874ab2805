"""A recorded file, and the HLS of a catalog's recordings."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.catalog.store import Catalog
from orchestrator.server.hls import recording_hls
from orchestrator.server.hls.recordings import HlsRecordings
from tests.kit.mediafiles.fragmented import X264, encode


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven seconds, four pieces."""
    return encode(tmp_path_factory.mktemp("hls") / "0001.mp4", 7, *X264)


@pytest.fixture
def hls(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> HlsRecordings:
    """Looks each time it is asked."""
    for name in ("LOOK_S", "ROWS_S", "ENDED_S"):
        monkeypatch.setattr(recording_hls, name, 0.0)
    monkeypatch.setattr(recording_hls, "READY_S", 0.2)
    return HlsRecordings(catalog)
