"""Addresses: what ffmpeg is given, what is a secret, what is shown."""

from __future__ import annotations

import pytest

from orchestrator.errors import SourceError
from orchestrator.settings.value_types import MEDIA_SCHEMES
from orchestrator.url_input.address import PROTOCOLS, address_of, masked, shown
from orchestrator.url_input.command import listing


def test_every_scheme_of_the_settings_is_known() -> None:
    assert {*MEDIA_SCHEMES, "file"} == {*PROTOCOLS}


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        ("rtmp://media.example/live/s3cret", "rtmp://media.example/live/***"),
        ("rtmp://media.example/live/s3cret/", "rtmp://media.example/live/***"),
        ("rtmp://me:pw@media.example:1936/a/b/s3cret?x=y", "rtmp://media.example:1936/a/b/***"),
        ("rtmps://media.example", "rtmps://media.example"),
        ("srt://media.example:9000?passphrase=s3cret&streamid=u", "srt://media.example:9000"),
        ("rtsp://me:pw@camera.example/1", "rtsp://camera.example/1"),
        ("https://media.example/a.m3u8?token=s3cret", "https://media.example/a.m3u8"),
        ("file:///films/a%20b.mkv", "file:///films/a%20b.mkv"),
    ],
)
def test_no_secret_is_shown(url: str, seen: str) -> None:
    assert shown(url) == seen


@pytest.mark.parametrize(
    "url",
    [
        "rtmp://me:p%40ss@h/live/the-key?token=the-token",
        "srt://h:9000?mode=caller&passphrase=the-key&streamid=the-token&x=p%40ss",
    ],
)
def test_secrets_are_masked_wherever_ffmpeg_repeats_them(url: str) -> None:
    address = address_of(url)
    said = f"{url}: failed; app live, playpath the-key, the-token, p@ss, p%40ss caller"
    text = masked(said, address.secrets)
    for secret in ("the-key", "the-token", "p@ss", "p%40ss"):
        assert secret not in text
    assert "failed" in text
    assert "app live" in text
    assert text.endswith("caller")


def test_a_short_secret_is_masked_where_it_stands_alone() -> None:
    assert masked("a fail at rtmp://h/live/a", ("a",)) == "*** fail at rtmp://h/live/***"


@pytest.mark.parametrize(
    ("url", "listens", "opened"),
    [
        ("rtmp://0.0.0.0/live/k", False, "rtmp://0.0.0.0/live/k"),
        ("rtmp://0.0.0.0/live/k?listen=1", True, "rtmp://0.0.0.0/live/k"),
        ("rtmp://0.0.0.0/live/k?listen=0", False, "rtmp://0.0.0.0/live/k?listen=0"),
        ("rtsp://0.0.0.0:8554/k?listen=1&a=b", True, "rtsp://0.0.0.0:8554/k?a=b"),
        ("srt://:9000?mode=listener", True, "srt://:9000?mode=listener"),
        ("srt://h:9000", False, "srt://h:9000"),
    ],
)
def test_who_connects_to_whom(url: str, listens: bool, opened: str) -> None:
    address = address_of(url)
    assert (address.listens, address.url) == (listens, opened)


@pytest.mark.parametrize(
    "url",
    [
        *("", "room", "concat:a|b", "ftp://h/a", "data:video/mp4;base64,AA", "file://host/a"),
        *("rtmp://h:port/a", "rtmp://h/a'\nfile 'file:/etc/passwd", "file:///a%0Afile%20b"),
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(SourceError):
        address_of(url)


def test_ffmpeg_may_use_what_the_scheme_needs_and_nothing_else() -> None:
    text = listing(address_of("https://media.example/a.m3u8")).decode()
    assert "option protocol_whitelist https,tls,tcp,crypto\n" in text
    assert "file 'https://media.example/a.m3u8'\n" in text
    assert "file" not in PROTOCOLS["http"]
    assert rb"file 'file:/a'\''b'" in listing(address_of("file:///a'b"))
    assert PROTOCOLS["file"] == "file"
