"""What is shown of addresses: no stream key, no secret part of a path."""

from __future__ import annotations

import pytest

from orchestrator.outputs.specs import masked_url
from orchestrator.outputs.webhooks import Webhook
from orchestrator.settings import Settings
from orchestrator.settings.display import shown


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        ("rtmp://live.example/app/geheim", "rtmp://live.example/app/***"),
        ("rtmp://live.example/app/geheim/", "rtmp://live.example/app/***"),
        ("rtmps://live.example/a/b/geheim//?geheim=1", "rtmps://live.example/a/b/***?***"),
        ("srt://live.example:9000?passphrase=geheim", "srt://live.example:9000?***"),
        ("whip+https://live.example/geheim/", "whip+https://live.example/***"),
        ("s3://bucket/prefix/", "s3://bucket/prefix/"),
    ],
)
def test_the_last_part_of_a_path_is_its_key(url: str, seen: str) -> None:
    assert masked_url(url) == seen


def test_settings_show_of_a_web_hook_its_host() -> None:
    hook = Webhook.model_validate({"url": "https://hooks.example/services/geheim/B0"})
    (row,) = [row for row in shown(Settings(webhooks=[hook])) if row.name == "webhooks"]
    assert row.value == "https://hooks.example/***"
