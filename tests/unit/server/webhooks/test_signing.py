"""Signatures, as the other side's own libraries verify them."""

from __future__ import annotations

import time
from typing import Any

import pytest
from livekit.api import TokenVerifier, WebhookReceiver

from orchestrator.outputs.webhooks import Webhook
from orchestrator.server.webhooks.payload import as_bytes, for_livekit
from orchestrator.server.webhooks.signing import headers

URL = "https://hooks.example/"
BODY = {"id": "1.ended", "type": "recording.finished", "timestamp": "2026-01-02T12:00:00+00:00"}


def hook(**values: Any) -> Webhook:
    return Webhook.model_validate({"url": URL, **values})


def test_standard_webhooks_signs_alike() -> None:
    """The signature is that of standardwebhooks 1.1.0 for its own example."""
    signed = headers(
        hook(key="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        b'{"test": 2432232314}',
        1614265330,
    )
    assert signed["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert signed["webhook-id"] == "msg_p5jXN8AQM9LWM0D4loKWxJek"
    assert signed["webhook-timestamp"] == "1614265330"


def test_livekits_receiver_takes_it() -> None:
    body = as_bytes(for_livekit(BODY))
    signed = headers(
        hook(key="devkey:" + "s" * 40, signature="livekit"), "1.ended", body, int(time.time())
    )
    assert signed["Content-Type"] == "application/webhook+json"
    receiver = WebhookReceiver(TokenVerifier("devkey", "s" * 40))
    event = receiver.receive(body.decode(), signed["Authorization"])
    assert (event.id, event.event, event.created_at) == (
        "1.ended",
        "recording.finished",
        1767355200,
    )
    with pytest.raises(Exception, match="hash mismatch"):
        receiver.receive(body.decode() + " ", signed["Authorization"])
    with pytest.raises(Exception, match="verification failed"):
        WebhookReceiver(TokenVerifier("devkey", "x" * 40)).receive(
            body.decode(), signed["Authorization"]
        )


def test_without_a_key_nothing_is_signed() -> None:
    signed = headers(hook(), "1", b"{}", 1)
    assert "webhook-signature" not in signed
    assert "Authorization" not in signed
