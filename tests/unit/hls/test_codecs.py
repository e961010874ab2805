"""Headers that are damaged are told from others."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.fragments.fragment import NotFragmented
from orchestrator.hls.codecs import codecs_of
from orchestrator.hls.run import SegmentRun
from tests.kit.mediafiles.fragmented import X264, encode


@pytest.mark.parametrize("missing", [b"avcC", b"esds", b"stsd", b"mdia"])
def test_a_header_without_what_is_looked_for_is_damaged(missing: bytes, tmp_path: Path) -> None:
    run = SegmentRun(1, encode(tmp_path / "x.mp4", 2, *X264), "mp4", 0.0, False)
    run.poll(last=True)
    assert len(codecs_of(run.inits[0])) == 2
    with pytest.raises(NotFragmented, match="damaged"):
        codecs_of(run.inits[0].replace(missing, b"free"))
