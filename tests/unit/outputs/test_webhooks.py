"""What requests and settings may have as a web hook."""

from __future__ import annotations

from base64 import b64encode

import pytest
from pydantic import ValidationError

from orchestrator.errors import InvalidRequest
from orchestrator.outputs.webhooks import Webhook, plain_webhooks, read_webhooks, signing_key
from orchestrator.server.outputs.checks import check_webhooks
from orchestrator.settings import Settings

SECRET = "geheim"
KEY = f"whsec_{b64encode(b'ABC' * 8).decode()}"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ftp://example.com/geheim", "begins with http"),
        ("https:///geheim", "begins with http"),
        ("geheim", "begins with http"),
        ("https://user:geheim@example.com/", "no user and password"),
        ("https://example.com/#geheim", "no fragment"),
        ("https://example.com/a geheim", "no fragment"),
        ("https://example.com\\geheim.example/", "backslashes"),
        ("https://example.com/\ngeheim", "can't be shown"),
        ("https://example.com:99999/geheim", "can't be read"),
        ("https://[geheim/", "can't be read"),
    ],
)
def test_a_bad_url_is_refused_and_not_shown(url: str, why: str) -> None:
    with pytest.raises(ValidationError, match=why) as caught:
        Webhook.model_validate({"url": url})
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"key": "whsec_geheim!"}, "base64"),
        ({"key": f"whsec_{b64encode(b'g' * 23).decode()}"}, "24 to 64 bytes"),
        ({"key": f"whsec_{b64encode(b'g' * 65).decode()}"}, "24 to 64 bytes"),
        ({"signature": "livekit"}, "API_KEY:SECRET"),
        ({"signature": "livekit", "key": ":geheim"}, "API_KEY:SECRET"),
        ({"signature": "livekit", "key": "geheim"}, "API_KEY:SECRET"),
        ({"signature": "rsa"}, "signature"),
        ({"events": ["recording.geheimnis"]}, "recording.finished"),
        ({"color": "red"}, "color"),
    ],
)
def test_a_bad_key_or_event_is_refused(values: dict[str, object], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Webhook.model_validate({"url": "https://example.com/", **values})


def test_a_row_has_what_was_asked_for() -> None:
    hook = Webhook.model_validate(
        {"url": "https://example.com/a?b=c", "key": KEY, "events": ["recording.failed"]}
    )
    assert read_webhooks(plain_webhooks([hook])) == [hook]
    assert signing_key(KEY) == b"ABC" * 8
    assert signing_key("plain") == b"plain"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://hooks.example/services/T0/B0/geheim", "https://hooks.example/***"),
        ("http://hooks.example:81/?token=geheim", "http://hooks.example:81/***"),
        ("http://[::1]:81/", "http://[::1]:81/"),
    ],
)
def test_what_anybody_may_know_of_a_url(url: str, shown: str) -> None:
    hook = Webhook.model_validate({"url": url})
    assert hook.shown_url == shown
    assert SECRET not in repr(hook)


async def test_a_request_leads_to_private_addresses_only_where_that_is_allowed() -> None:
    public, private = (
        Webhook.model_validate({"url": url}) for url in ("http://1.1.1.1/", "http://[::1]:8000/")
    )
    await check_webhooks([public], Settings())
    with pytest.raises(InvalidRequest, match="private network") as caught:
        await check_webhooks([public, private], Settings())
    assert caught.value.context["field"] == "webhooks.1.url"
    await check_webhooks([private], Settings(allow_private_targets=True))
