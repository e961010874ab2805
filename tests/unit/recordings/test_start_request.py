"""A request as JSON values: of a watch's row, and on the wire, where the stream is `mint_id`."""

from __future__ import annotations

from dataclasses import replace

from orchestrator.recordings.limits import Limits
from orchestrator.recordings.start_request import StartedBy, StartRequest

STORED = {
    "mint_id": "room",
    "output_format": "webm",
    "pipeline": None,
    "video_quality": "low",
    "audio_quality": "high",
    "output_directory": "/films",
    "file_name": None,
    "limits": {"split_s": 60.0},
    "speed_step": 2,
    "started_by": "watch",
}
"""As versions before `stream_id` wrote it, too."""

REQUEST = StartRequest(
    "room",
    output_format="webm",
    video_quality="low",
    output_directory="/films",
    limits=Limits(split_s=60.0),
    speed_step=2,
    started_by=StartedBy.WATCH,
)


def test_a_request_is_written_under_the_names_of_before() -> None:
    assert list(REQUEST.as_dict().items()) == list(STORED.items())


def test_a_written_request_is_read() -> None:
    assert StartRequest.from_dict(STORED) == REQUEST
    copied = replace(REQUEST, pipeline="copy", tracks="all")
    assert copied.as_dict()["tracks"] == "all"
    assert StartRequest.from_dict(copied.as_dict()) == copied
