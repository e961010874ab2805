#!/usr/bin/env bash
# obstore signs an address for Google Cloud Storage that leads to another object if the name has # or ?, and one for
# Azure that isn't accepted if it has a space or an umlaut.
#
# Guess:   obstore.sign() is for the object whose name it is given, whichever store it is, as put and head are: they
#          escape the name.
# Version: obstore 0.12.1 (its object_store); what Azure accepts is taken from azure-storage-blob 12.31.1, Microsoft's.
# Seen:    for S3 the path is the name, escaped. For Google nothing is escaped before it is read as an address: that of
#          "talk#1.mp4" is for the object "talk", and signed for it, so a PUT to it overwrites another object. For Azure
#          the path is right, but the signature is over the escaped name; Microsoft's is over the name itself.
#
#          name           S3: path of    Google: path of   Azure: signature as Microsoft's
#          talk.mp4       talk.mp4       talk.mp4          same
#          talk 1.mp4     talk 1.mp4     talk 1.mp4        another
#          tälk.mp4       tälk.mp4       tälk.mp4          another
#          talk#1.mp4     talk#1.mp4     talk              another
#          talk?.mp4      talk?.mp4      talk              another
#          talk%23.mp4    talk%23.mp4    talk#.mp4         another
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
export HOME="$folder"
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --only-binary :all: obstore==0.12.1 azure-storage-blob==12.31.1 cryptography

cat >see.py <<'PYTHON'
import base64
import hashlib
import hmac
import json
import sys
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, unquote, urlsplit

import obstore
from azure.storage.blob import generate_blob_sas
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from obstore.store import AzureStore, GCSStore, S3Store

HOUR = timedelta(hours=1)
ACCOUNT, KEY = "account", base64.b64encode(b"key").decode()


def google_key():
    pem = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return json.dumps({"client_email": "a@example.com", "private_key": pem.decode(), "private_key_id": "1"})


s3 = S3Store("bucket", access_key_id="a", secret_access_key="b", region="us-east-1")
google = GCSStore("bucket", service_account_key=google_key())
azure = AzureStore("bucket", account_name=ACCOUNT, account_key=KEY)


def led_to(store, name):
    """The object that an address is for, as a server reads it."""
    return unquote(urlsplit(obstore.sign(store, "GET", name, HOUR)).path).removeprefix("/bucket/")


def signature(name, query):
    """Azure's, with the times and the version of `query`, as documented for version 2020-12-06 and later."""
    given = {field: values[0] for field, values in query.items()}
    fields = [given[one] for one in ("sp", "st", "se")] + [f"/blob/{ACCOUNT}/bucket/{name}"]
    fields += ["", "", "", given["sv"], given["sr"], *[""] * 7]
    return base64.b64encode(hmac.digest(base64.b64decode(KEY), "\n".join(fields).encode(), hashlib.sha256)).decode()


def is_as_microsofts(name):
    """Whether obstore's signature is the one that Microsoft's library makes of the same fields."""
    now = datetime.now(UTC)
    query = parse_qs(generate_blob_sas(ACCOUNT, "bucket", name, account_key=KEY, permission="r", start=now, expiry=now + HOUR))
    assert signature(name, query) == query["sig"][0], "signed as documented"
    query = parse_qs(urlsplit(obstore.sign(azure, "GET", name, HOUR)).query)
    return signature(name, query) == query["sig"][0]


STATED = {
    "talk.mp4": ("talk.mp4", True),
    "talk 1.mp4": ("talk 1.mp4", False),
    "tälk.mp4": ("tälk.mp4", False),
    "talk#1.mp4": ("talk", False),
    "talk?.mp4": ("talk", False),
    "talk%23.mp4": ("talk#.mp4", False),
}
as_stated = True
for name, (google_to, same) in STATED.items():
    found = led_to(s3, name), led_to(google, name), is_as_microsofts(name)
    print(f"{name:15}{found[0]:15}{found[1]:18}{'same' if found[2] else 'another'}")
    as_stated &= found == (name, google_to, same)
sys.exit(None if as_stated else "CHANGED: this is not what was seen before; see the top of this file.")
PYTHON
venv/bin/python see.py
