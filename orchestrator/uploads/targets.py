"""Where files go: the store of obstore, and what is needed besides it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import obstore
from obstore.store import AzureStore, GCSStore, LocalStore, S3Store, from_url

from orchestrator.errors import BucketMissing, InvalidRequest, UploadRefused
from orchestrator.outputs.specs import masked_url
from orchestrator.uploads.failures import failure_of_obstore
from orchestrator.uploads.options import CLIENT, SETTINGS_ONLY, TRUE, Scheme, scheme_of
from orchestrator.uploads.signed.names import escaped, signed_for_azure

REQUEST_TIMEOUT: Final = timedelta(minutes=5)
"""Of one request of obstore's, which carries at most 8 MiB: 0.2 Mbit/s is enough."""
CONNECT_TIMEOUT: Final = timedelta(seconds=10)
_RETRY: Final[Any] = {"max_retries": 1, "retry_timeout": timedelta(seconds=10)}
"""Longer outages are ours to wait for: they are reported, and outlive this process."""
_AWS: Final = ("access_key_id", "secret_access_key", "session_token")
_AZURE_KINDS: Final = {
    "account_key": "access_key",
    "sas_key": "sas_token",
    "client_secret": "client_secret",
}
"""obstore's credential_type by the option that is given."""
_SSE: Final = "x-amz-server-side-encryption"
_HEADERS: Final = {
    "server_side_encryption": _SSE,
    "sse_kms_key_id": f"{_SSE}-aws-kms-key-id",
    "sse_bucket_key_enabled": f"{_SSE}-bucket-key-enabled",
}

Store = S3Store | GCSStore | AzureStore | LocalStore
AzureKey = tuple[str, str]
"""Account and key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A bucket, container or folder, with a prefix."""

    scheme: Scheme
    shown: str
    """Its address, as users may see it, without / at its end."""
    store: Store
    folder: Path | None = None
    """Of file://."""
    aws_secret: str | None = field(default=None, repr=False)
    """The secret key of S3, if it is known and not only lent (by a role, by the machine)."""
    aws_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """How S3 is to encrypt the objects."""
    client: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Options of the connection."""
    signer: GCSStore | None = None
    """Of Google: the whole bucket."""
    azure_key: AzureKey | None = field(default=None, repr=False)
    """Of Azure, if it is known."""

    def location(self, key: str) -> str:
        """The address of an object, as users may see it."""
        return f"{self.shown}/{key}"

    async def signed(self, method: Any, key: str, valid: timedelta) -> str:
        """An address with a signature, for whoever has it; UploadError if there can be none."""
        if isinstance(self.store, LocalStore):
            raise InvalidRequest("Folders have no addresses.", "Open the file itself.")
        name = "/".join(part for part in (str(self.store.prefix or ""), key) if part)
        try:
            if self.signer is not None:
                return await obstore.sign_async(self.signer, method, escaped(name), valid)
            address = await obstore.sign_async(self.store, method, key, valid)
        except Exception as error:
            raise failure_of_obstore(self.shown, error) from error
        return self._for_azure(address, name) if self.scheme == "az" else address

    def _for_azure(self, address: str, name: str) -> str:
        path = f"{urlsplit(self.shown).netloc}/{name}"
        if self.azure_key is not None:
            return signed_for_azure(address, *self.azure_key, path)
        if escaped(path) != path:
            raise UploadRefused(
                f"{self.location(name)} can't have an address with a signature.",
                "Give account_name and account_key; or use a prefix, and names of streams, of"
                " letters, digits, - and _ only.",
            )
        return address


def open_target(url: str, options: Mapping[str, str]) -> Target:
    """The target at an address. Blocking (a folder is looked at).

    InvalidRequest for an address or options that are none, BucketMissing for a missing folder.
    """
    scheme, shown = scheme_of(url), masked_url(url).rstrip("/")
    if scheme == "file":
        return _folder(url, shown)
    of_client = {name: options[name] for name in CLIENT | SETTINGS_ONLY if name in options}
    config: dict[str, Any] = {n: v for n, v in options.items() if n not in of_client}
    extra: dict[str, Any] = {}
    if scheme == "s3" and "access_key_id" in config:
        # Given as plain options, obstore would add a session token of the environment to them.
        given = {name: config.pop(name, None) for name in _AWS}
        extra["credential_provider"] = lambda: _aws_keys(given)
        # Likewise a key to encrypt with, which is sent with each request.
        config.setdefault("sse_customer_key_base64", "")
    if scheme == "az" and (kind := _azure_kind(options)) is not None:
        config.setdefault("credential_type", kind)  # else a token of the environment comes first
    address = f"{scheme}://{url.partition('://')[2]}"
    extra |= {"client_options": _client_options(of_client), "retry_config": _RETRY}
    store = _opened(address, shown, config, extra)
    bucket = f"gs://{urlsplit(url).netloc}"
    signer = _opened(bucket, shown, config, extra) if isinstance(store, GCSStore) else None
    assert signer is None or isinstance(signer, GCSStore)
    secret = _secret(options) if scheme == "s3" else None
    return Target(
        scheme=scheme,
        shown=shown,
        store=store,
        aws_secret=secret,
        aws_headers={_HEADERS[n]: v for n, v in options.items() if n in _HEADERS},
        client=of_client,
        signer=signer,
        azure_key=_azure_key(options) if scheme == "az" else None,
    )


def _opened(
    address: str, shown: str, config: Mapping[str, Any], extra: Mapping[str, Any]
) -> S3Store | GCSStore | AzureStore:
    try:
        store = from_url(address, config=dict(config), **extra)  # type: ignore[call-overload]
    except Exception as error:
        raise InvalidRequest(
            f"{shown} can't be used with these options: {_first_line(error)}",
            "Correct the address or the options of the output.",
            field="options",
        ) from error
    assert isinstance(store, S3Store | GCSStore | AzureStore)
    return store


def _aws_keys(given: Mapping[str, str | None]) -> Any:
    return {
        "access_key_id": given["access_key_id"],
        "secret_access_key": given["secret_access_key"],
        "token": given["session_token"],
        "expires_at": None,
    }


def _azure_kind(options: Mapping[str, str]) -> str | None:
    return next((kind for name, kind in _AZURE_KINDS.items() if name in options), None)


def _azure_key(options: Mapping[str, str]) -> AzureKey | None:
    """What obstore signs with, of the options or else of the environment."""
    account, key = options.get("account_name"), options.get("account_key")
    if _azure_kind(options) is None:
        environment = os.environ.get
        account = environment("AZURE_STORAGE_ACCOUNT_NAME")
        key = environment("AZURE_STORAGE_ACCOUNT_KEY")
    return (account, key) if account and key else None


def _secret(options: Mapping[str, str]) -> str | None:
    if "access_key_id" in options:
        return options.get("secret_access_key")
    return os.environ.get("AWS_SECRET_ACCESS_KEY") if os.environ.get("AWS_ACCESS_KEY_ID") else None


def _folder(url: str, shown: str) -> Target:
    folder = Path(unquote(urlsplit(url).path))
    if not folder.is_dir():
        raise BucketMissing(
            f"The folder {folder} doesn't exist.",
            "Make it, or mount what it is on; then try again.",
        )
    return Target(scheme="file", shown=shown, store=LocalStore(str(folder)), folder=folder)


def _client_options(given: Mapping[str, str]) -> Any:
    options: dict[str, Any] = {"timeout": REQUEST_TIMEOUT, "connect_timeout": CONNECT_TIMEOUT}
    for name, value in given.items():
        is_flag = name.startswith("allow_")
        options[name] = value.lower() in TRUE if is_flag else value
    return options


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:200]
