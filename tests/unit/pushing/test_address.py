"""Addresses of pushes: what they mean, what is wrong with them, and what nobody sees of them."""

from __future__ import annotations

import pytest

from orchestrator.errors import InvalidRequest
from orchestrator.pushing.address import address_of


@pytest.mark.parametrize(
    ("url", "application", "key"),
    [
        ("rtmp://a.example/live/key", "live", "key"),
        ("rtmp://a.example:1936/live/key?sig=a/b&x=1", "live", "key?sig=a/b&x=1"),
        ("rtmps://a.example/a/b/c/key", "a/b/c", "key"),
        ("rtmp://a.example/live?token=abc/key", "live?token=abc", "key"),
    ],
)
def test_the_last_part_of_an_rtmp_path_is_the_key(url: str, application: str, key: str) -> None:
    address = address_of(url)
    assert (address.kind, address.application, address.key) == ("rtmp", application, key)
    assert key in address.secrets


def test_user_and_port_stay_and_an_ip_address_takes_the_names_place() -> None:
    address = address_of("rtmps://user:pass%20word@a.example/live/key")
    assert address.url_at() == "rtmps://user:pass%20word@a.example:443/live/key"
    assert address.url_at("2001:db8::1") == ("rtmps://user:pass%20word@[2001:db8::1]:443/live/key")
    assert address.server_url == "rtmps://a.example/live"
    assert "pass word" in address.secrets
    assert address.encrypted


def test_srt_calls_with_its_options() -> None:
    address = address_of("srt://a.example:9000?streamid=%23!::r=live&passphrase=ten-letters")
    assert address.url_at("192.0.2.1") == (
        "srt://192.0.2.1:9000?mode=caller&streamid=#!::r=live&passphrase=ten-letters"
    )
    assert {"ten-letters", "#!::r=live"} <= set(address.secrets)


def test_any_part_of_a_whip_path_may_be_its_secret() -> None:
    address = address_of("whip+https://a.example/0123456789abcdef/webRTC/publish")
    assert address.url_at() == "https://a.example:443/0123456789abcdef/webRTC/publish"
    assert address.shown == "whip+https://a.example/***"
    assert "0123456789abcdef" in address.secrets
    assert "0123456789abcdef" not in repr(address)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ftp://a.example/live/key", "made to ftp"),
        ("a.example/live/key", "without scheme"),
        ("rtmp://a.example/key", "an application and a key"),
        ("rtmp://a.example/live/", "an application and a key"),
        ("rtmp:///live/key", "no host"),
        ("rtmp://a.example:99999/live/key", "no URL"),
        ("rtmp://a.example/live/my key", "spaces"),
        ("srt://a.example?passphrase=ten-letters", "port"),
        ("srt://a.example:9000?mode=listener", "doesn't listen"),
        ("srt://a.example:9000?passphrase=short", "10 to 79"),
        ("srt://a.example:9000?payload=x", "no option 'payload'"),
        ("srt://a.example:9000/path", "no path"),
        ("whip+https://user:pass@a.example/live", "no user"),
    ],
)
def test_what_is_wrong_is_said_without_the_address(url: str, why: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        address_of(url)
    assert why in refused.value.error
    assert refused.value.context == {"field": "url"}
    assert "pass@" not in str(refused.value)
