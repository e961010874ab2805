"""Outputs as short texts: what each names, and what is said of those that name none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from orchestrator.errors import InvalidRequest
from orchestrator.outputs.short_text import read_short
from orchestrator.outputs.specs import plain as plain_text


@pytest.mark.parametrize(
    ("text", "kind", "fields"),
    [
        ("hls", "hls", {}),
        (" hls ", "hls", {}),
        ("hls:low-latency", "hls", {"low_latency": True}),
        ("hls:window=10m, low-latency", "hls", {"window_s": 600, "low_latency": True}),
        ("images", "images", {}),
        ("images:10s", "images", {"interval_s": 10}),
        ("images:1.5", "images", {"interval_s": 1.5}),
        (
            "images:1m,scenes,webp,width=640,no-sprite",
            "images",
            {"interval_s": 60, "scene_changes": True, "format": "webp", "width": 640}
            | {"sprite": False},
        ),
        ("push:rtmp://host/app/a,b:c", "push", {"url": "rtmp://host/app/a,b:c"}),
        ("push:whip+https://host/w?key=1", "push", {"url": "whip+https://host/w?key=1"}),
        ("upload:s3://bucket/a,b", "upload", {"url": "s3://bucket/a,b"}),
        ("upload:file:///folder", "upload", {"url": "file:///folder"}),
        (
            "upload:hls,until-uploaded,limit=1.5M:gs://bucket",
            "upload",
            {"url": "gs://bucket", "hls": True, "keep_local": "until_uploaded"}
            | {"bandwidth_bps": 1_500_000},
        ),
        (
            'upload:hls,s3://bucket/x="y"',
            "upload",
            {"url": 's3://bucket/x="y"', "hls": True},
        ),
        (
            '{"type": "push", "url": "srt://host:9000", "token": "t"}',
            "push",
            {"url": "srt://host:9000", "token": "t"},
        ),
    ],
)
def test_what_it_names(text: str, kind: str, fields: dict[str, Any]) -> None:
    output = read_short(text)
    assert output.type == kind
    given = {name: getattr(output, name) for name in output.model_fields_set - {"type"}}
    plain = {k: v.get_secret_value() if isinstance(v, SecretStr) else v for k, v in given.items()}
    assert plain == fields


def test_options_of_an_upload_may_be_true_or_false() -> None:
    options = '{"allow_http": true, "region": "r"}, "fallback_options": {"allow_http": false}'
    output = read_short('{"type": "upload", "url": "s3://b", "options": ' + options + "}")
    plain = json.loads(plain_text(output))
    assert plain["options"] == {"allow_http": "true", "region": "r"}
    assert plain["fallback_options"] == {"allow_http": "false"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "'' is no type of output"),
        ("rtmp://host/app/geheim", "push: or upload: before it"),
        ("hls:", "nothing stands behind hls:"),
        ("hls:fast", "hls has no option 'fast'. It has low-latency, window=…"),
        ("hls:window=soon", "in 'window=soon' of hls is no time"),
        ("hls:window=1s", "window_s: Input should be greater than or equal to 10"),
        ("images:0s", "interval_s: Input should be greater than or equal to 1"),
        ("images:10x", "in '10x' of images is no time"),
        ("images:width=wide", "in 'width=wide' of images is no number of pixels"),
        ("images:,", "images has no option ''"),
        ("push", "push has no address"),
        ("upload:/folder", "Write it as upload:s3://bucket/prefix or upload:file:///folder"),
        ("push:geheim", "push has no address. Write it as push:rtmp://host/app/key"),
        ("push:fast,rtmp://host/app/geheim", "push has no option 'fast'"),
        ("upload:limit=fast,s3://bucket/geheim", "in 'limit=fast' of upload is no bit rate"),
        ("upload:limit=1k,s3://bucket/geheim", "bandwidth_bps: Input should be greater"),
        ('{"type": "push"}', "push.url: Field required"),
        ('{"type": "push", "url": "x", "geheim": "geheim"', "Invalid JSON"),
        ("{", "Invalid JSON"),
    ],
)
def test_what_names_none_is_said_without_what_may_be_secret(text: str, said: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_short(text)
    assert said in str(caught.value)
    assert "geheim" not in str(caught.value)


@given(st.tuples(st.sampled_from(["", "images:", "upload:", "{"]), st.text()).map("".join))
def test_any_text_names_one_or_is_refused(text: str) -> None:
    try:
        output = read_short(text)
    except InvalidRequest:
        return
    assert output.type in ("hls", "images", "push", "upload")
