#!/usr/bin/env bash
# obstore: keys that are given as options get the session token of the environment added, and are refused by S3.
#
# Guess:   S3Store(access_key_id=..., secret_access_key=...) uses just these; AWS_* of the environment fills in only
#          where no keys are given, as boto3 does: a token belongs to the keys that it came with.
# Version: obstore 0.12.1 (its object_store).
# Seen:    with AWS_SESSION_TOKEN in the environment (any machine with a role, any CI with assumed credentials) the
#          request is signed with the given keys and has the environment's x-amz-security-token as well, which no S3
#          accepts. An empty session_token doesn't help: then x-amz-security-token is sent empty.
#          A credential_provider that returns the keys with token None does.
#
#          given                                          key        x-amz-security-token
#          access_key_id, secret_access_key               given      the environment's
#          the same with a credential_provider            given      none
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
export HOME="$folder"
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --only-binary :all: obstore==0.12.1

cat >see.py <<'PYTHON'
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import obstore
from obstore.store import S3Store

seen = []


class Bucket(BaseHTTPRequestHandler):
    def do_PUT(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        seen.append(dict(self.headers.items()))
        self.send_response(200)
        self.send_header("ETag", '"0"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Bucket)
threading.Thread(target=server.serve_forever, daemon=True).start()
os.environ |= {"AWS_ACCESS_KEY_ID": "ENVIRONMENT", "AWS_SECRET_ACCESS_KEY": "e", "AWS_SESSION_TOKEN": "of-the-environment"}
place = {
    "endpoint": f"http://127.0.0.1:{server.server_port}",
    "region": "us-east-1",
    "client_options": {"allow_http": True},
}


def provided():
    return {"access_key_id": "GIVEN", "secret_access_key": "g", "token": None, "expires_at": None}


WAYS = {
    "access_key_id, secret_access_key": {"access_key_id": "GIVEN", "secret_access_key": "g"},
    "credential_provider": {"credential_provider": provided},
}
STATED = {
    "access_key_id, secret_access_key": ("GIVEN", "of-the-environment"),
    "credential_provider": ("GIVEN", None),
}
as_stated = True
for name, keys in WAYS.items():
    obstore.put(S3Store("bucket", **place, **keys), "object", b"x", use_multipart=False)
    sent = {header.lower(): value for header, value in seen[-1].items()}
    key = sent["authorization"].partition("Credential=")[2].partition("/")[0]
    token = sent.get("x-amz-security-token")
    print(f"{name:34} key {key:12} x-amz-security-token {token}")
    as_stated &= (key, token) == STATED[name]
sys.exit(None if as_stated else "CHANGED: this is not what was seen before; see the top of this file.")
PYTHON
venv/bin/python see.py
