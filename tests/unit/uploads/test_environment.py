"""Keys of the server's environment never go to an endpoint that was named with keys of its own."""

from __future__ import annotations

import asyncio

import obstore
import pytest
from obstore.exceptions import BaseError

from orchestrator.uploads.targets import open_target
from tests.kit.uploads.answering import answering

ENVIRONMENT = {
    "AZURE_STORAGE_TOKEN": "of-the-server",
    "AZURE_STORAGE_ACCOUNT_KEY": "b2YtdGhlLXNlcnZlcg==",
    "AZURE_STORAGE_SAS_KEY": "sig=of-the-server",
    "AWS_ACCESS_KEY_ID": "of-the-server",
    "AWS_SECRET_ACCESS_KEY": "of-the-server",
    "AWS_SESSION_TOKEN": "of-the-server",
    "AWS_SERVER_SIDE_ENCRYPTION": "sse-c",
    "AWS_SSE_CUSTOMER_KEY_BASE64": "b2YtdGhlLXNlcnZlcg==",
}
ACCOUNT = {"account_name": "mine"}


@pytest.mark.parametrize(
    ("url", "options", "told"),
    [
        ("s3://b/p", {"access_key_id": "mine", "secret_access_key": "x"}, "credential=mine/"),
        ("az://c/p", ACCOUNT | {"account_key": "bWluZQ=="}, "sharedkey mine:"),
        ("az://c/p", ACCOUNT | {"sas_key": "sig=mine"}, "?sig=mine"),
    ],
)
async def test_only_the_keys_that_were_given_are_sent(
    monkeypatch: pytest.MonkeyPatch, url: str, options: dict[str, str], told: str
) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    async with answering(403) as server:
        given = {"endpoint": server.address, "allow_http": "true", **options}
        target = await asyncio.to_thread(open_target, url, given)
        with pytest.raises((BaseError, PermissionError)):
            await obstore.put_async(target.store, "key", b"data", use_multipart=False)
    (head,) = server.heads
    assert told in head
    assert "of-the-server" not in head
    assert "b2ytdghllxnlcnzlcg" not in head
    assert target.aws_secret in (None, "x")
