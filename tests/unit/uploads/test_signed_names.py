"""Addresses with a signature are for the object whose name was given, whatever is in it."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from orchestrator.errors import UploadRefused
from orchestrator.uploads.signed.names import signed_for_azure
from orchestrator.uploads.targets import Target, open_target
from tests.kit.uploads.stores import private_key

NAME = "Tälk #1? 50% ~a+b&c=d.mp4"
HOUR = timedelta(hours=1)
S3 = {"access_key_id": "a", "secret_access_key": "b", "region": "us-east-1"}
AZURE = {"account_name": "account", "account_key": "a2V5"}
CLIENT = {"client_id": "a", "client_secret": "b", "tenant_id": "c"}


async def opened(url: str, options: dict[str, str]) -> Target:
    return await asyncio.to_thread(open_target, url, options)


def google() -> dict[str, str]:
    key = {"client_email": "a@example.com", "private_key": private_key(), "private_key_id": "1"}
    return {"service_account_key": json.dumps(key)}


@pytest.mark.parametrize("scheme", ["s3", "gs", "az"])
@pytest.mark.parametrize("prefix", ["", "/a %2323 b"])
async def test_its_path_is_the_name(scheme: str, prefix: str) -> None:
    options = {"s3": S3, "gs": google(), "az": AZURE}[scheme]
    target = await opened(f"{scheme}://bucket{prefix}", options)
    parts = urlsplit(await target.signed("GET", f"folder/{NAME}", HOUR))
    assert unquote(parts.path) == f"/bucket{unquote(prefix)}/folder/{NAME}"
    assert parts.fragment == ""
    assert any(
        name.lower() in ("sig", "x-amz-signature", "x-goog-signature")
        for name in parse_qs(parts.query)
    )


async def test_where_obstore_signs_well_ours_is_the_same() -> None:
    target = await opened("az://container/prefix", AZURE)
    address = await target.signed("GET", "a.mp4", HOUR)
    wrong = address.replace("sig=", "sig=x")
    ours = signed_for_azure(wrong, "account", "a2V5", "container/prefix/a.mp4")
    assert parse_qs(urlsplit(ours).query) == parse_qs(urlsplit(address).query)


def test_azures_signature() -> None:
    """As azure-storage-blob 12.31.1 (generate_blob_sas) signs it."""
    query = "st=2026-11-30T21%3A00%3A00Z&se=2026-11-30T22%3A00%3A00Z&sp=r&sv=2026-10-06&sr=b&sig=x"
    address = f"https://account.blob.core.windows.net/c/a%20b.mp4?{query}"
    signed = signed_for_azure(address, "account", "a2V5", "c/a b.mp4")
    sig = "GspfYXImr/7BkkRleoIWKk331dJqonnJjNwoN9dxSqU="
    assert parse_qs(urlsplit(signed).query)["sig"] == [sig]


async def test_without_the_accounts_key_there_is_none_of_such_a_name() -> None:
    target = await opened("az://container/a b", CLIENT | {"account_name": "account"})
    with pytest.raises(UploadRefused) as refused:
        target._for_azure("https://account.blob.core.windows.net/x?sig=y", "a b/c.mp4")
    assert "account_key" in (refused.value.detail or "")
