"""Hosts of targets are looked up and checked before each pass, unless the settings named them."""

from __future__ import annotations

import json

import pytest

from orchestrator.errors import InvalidRequest, UploadUnreachable
from orchestrator.outputs.specs import UploadOutput
from orchestrator.uploads.rows import reachable_target, slot_of

KEYS = {"access_key_id": "a", "secret_access_key": "b", "region": "x", "allow_http": "true"}


def output(endpoint: str) -> UploadOutput:
    options = KEYS | {"endpoint": endpoint}
    return UploadOutput.model_validate(
        {"type": "upload", "url": "s3://bucket/x", "options": options}
    )


@pytest.mark.parametrize("host", ["127.0.0.1", "10.1.2.3", "[::1]", "169.254.169.254"])
async def test_an_internal_address_is_for_trusted_outputs_only(host: str) -> None:
    spec = output(f"http://{host}:9000")
    with pytest.raises(InvalidRequest):
        await reachable_target(spec, fallback=False, trusted=False)
    assert (await reachable_target(spec, fallback=False, trusted=True)).scheme == "s3"


@pytest.mark.parametrize("endpoint", ["https://user:secret@1.1.1.1", "ftp://1.1.1.1", "https://"])
async def test_an_endpoint_with_keys_or_without_a_host_is_refused(endpoint: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await reachable_target(output(endpoint), fallback=False, trusted=False)
    assert refused.value.context["field"] == "options.endpoint"
    assert "secret" not in str(refused.value)


async def test_a_name_that_cant_be_looked_up_is_tried_again() -> None:
    with pytest.raises(UploadUnreachable) as raised:
        await reachable_target(output("https://s3.invalid"), fallback=False, trusted=False)
    assert not raised.value.lasting


async def test_addresses_in_a_google_key_are_checked_too() -> None:
    key = json.dumps({"token_uri": "https://127.0.0.1/token"})
    spec = UploadOutput.model_validate(
        {"type": "upload", "url": "gs://bucket/x", "options": {"service_account_key": key}}
    )
    with pytest.raises(InvalidRequest):
        await reachable_target(spec, fallback=False, trusted=False)


async def test_keys_are_asked_for_again() -> None:
    """Whatever was allowed when the row was made."""
    options = {"endpoint": "https://1.1.1.1", "region": "x"}
    spec = UploadOutput.model_validate(
        {"type": "upload", "url": "s3://bucket/x", "options": options}
    )
    with pytest.raises(InvalidRequest):
        await reachable_target(spec, fallback=False, trusted=False)


def test_the_slot_of_a_target_is_its_endpoint_and_bucket() -> None:
    spec = output("https://s3.example.com")
    assert slot_of(spec, fallback=False) == "s3://bucket https://s3.example.com"
