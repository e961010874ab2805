"""A worker's job as a line of JSON."""

from __future__ import annotations

import json
from pathlib import Path

from orchestrator.media import LiveKitEndpoint
from orchestrator.recordings.job import Job
from orchestrator.settings import Settings

JOB = Job(
    "r1",
    2,
    Settings(_env_file=None),
    LiveKitEndpoint(url="ws://127.0.0.1:7880", token="t"),
    Path("/recordings/worker.log"),
    demo_url="http://127.0.0.1:9/whep",
    asked_ns=5,
)


def test_it_is_read_as_it_was_written() -> None:
    assert Job.read(JOB.line()) == JOB


def test_a_server_of_the_version_before_says_nothing_of_a_demo_stream() -> None:
    line = json.loads(JOB.line())
    del line["demo_url"]
    job = Job.read(json.dumps(line))
    assert (job.recording_id, job.demo_url) == ("r1", None)
