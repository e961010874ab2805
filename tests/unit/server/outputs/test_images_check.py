"""A recording has one output of images."""

from __future__ import annotations

from typing import Any, cast

import pytest

from orchestrator.errors import InvalidRequest
from orchestrator.outputs.specs import ImagesOutput
from orchestrator.recordings.start_request import StartRequest
from orchestrator.server.outputs.checks import checked_outputs
from orchestrator.settings import Settings

IMAGES = ImagesOutput(type="images")


async def checked(*outputs: ImagesOutput) -> tuple[Any, ...]:
    return await checked_outputs(StartRequest("room", outputs=outputs), cast(Any, None), Settings())


async def test_one_is_taken() -> None:
    assert await checked(IMAGES) == (IMAGES,)


async def test_two_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="one output of images") as refused:
        await checked(IMAGES, ImagesOutput(type="images", scene_changes=True))
    assert refused.value.context["field"] == "outputs"
