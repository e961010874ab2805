"""What a request may not have uploaded."""

from __future__ import annotations

from typing import Any, cast

import pytest

from orchestrator.errors import InvalidRequest
from orchestrator.outputs.specs import UploadOutput
from orchestrator.server.outputs.checks import check_output
from orchestrator.settings import Settings


async def test_pieces_for_hls_are_refused() -> None:
    output = UploadOutput.model_validate({"type": "upload", "url": "s3://bucket", "hls": True})
    with pytest.raises(InvalidRequest, match="no pieces for HLS") as refused:
        await check_output(output, cast(Any, None), Settings())
    assert refused.value.context["field"] == "hls"
