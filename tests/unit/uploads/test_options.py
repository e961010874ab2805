"""Addresses and options of upload targets."""

from __future__ import annotations

import pytest

from orchestrator.errors import InvalidRequest
from orchestrator.uploads.options import Scheme, check_options, scheme_of


@pytest.mark.parametrize(
    ("url", "scheme"),
    [
        ("s3://bucket", "s3"),
        ("s3://bucket/a b/ü", "s3"),
        ("gcs://bucket/x", "gs"),
        ("azure://container/x", "az"),
        ("file:///srv/recordings", "file"),
    ],
)
def test_addresses_of_targets(url: str, scheme: str) -> None:
    assert scheme_of(url) == scheme


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/x",
        "bucket/prefix",
        "s3:///prefix",
        "s3://key:secret@bucket/x",
        "s3://bucket/x?versionId=1",
        "s3://bucket/a/../b",
        "s3://bucket/a/%2e%2e/b",
        "file://host/folder",
        "s3://[::1/x",
    ],
)
def test_others_are_refused_without_saying_their_secrets(url: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        scheme_of(url)
    assert refused.value.context["field"] == "url"
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "name",
    ["metadata_endpoint", "web_identity_token_file", "proxy_url", "container_credentials_full_uri"],
)
def test_what_reads_files_or_asks_other_hosts_is_for_settings_only(name: str) -> None:
    with pytest.raises(InvalidRequest):
        check_options("s3", {name: "x"})


ENDPOINT = {"endpoint": "https://s3.example.com"}
PAIR = {"access_key_id": "a", "secret_access_key": "b"}


@pytest.mark.parametrize(
    ("scheme", "options"),
    [
        ("s3", ENDPOINT),
        ("s3", ENDPOINT | {"access_key_id": "a"}),
        ("s3", ENDPOINT | {"secret_access_key": "b"}),
        ("s3", ENDPOINT | PAIR | {"secret_access_key": ""}),
        ("s3", {"access_key_id": "a"}),
        ("az", ENDPOINT | {"account_name": "a"}),
        ("az", ENDPOINT | {"account_key": "b"}),
        ("az", ENDPOINT | {"client_id": "a", "client_secret": "b"}),
        ("az", {"account_name": "mine"}),
    ],
)
def test_keys_of_the_environment_are_not_for_an_endpoint_that_a_request_names(
    scheme: Scheme, options: dict[str, str]
) -> None:
    with pytest.raises(InvalidRequest):
        check_options(scheme, options)


@pytest.mark.parametrize(
    ("scheme", "options"),
    [
        ("s3", {}),
        ("s3", ENDPOINT | PAIR),
        ("az", ENDPOINT | {"account_name": "a", "account_key": "b"}),
        ("az", ENDPOINT | {"sas_key": "b"}),
        ("az", {"client_id": "a", "client_secret": "b", "tenant_id": "c"}),
        ("gs", {"service_account_key": "{}"}),
    ],
)
def test_complete_keys_are_enough(scheme: Scheme, options: dict[str, str]) -> None:
    check_options(scheme, options)
