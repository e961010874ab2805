#!/usr/bin/env bash
# obstore: put_async that is cancelled, as by asyncio.timeout(), leaves its upload in parts open at S3.
#
# Guess:   it ends there what it has begun, whichever way it is left: it does so when S3 refuses a part, and
#          open_writer_async does it for both. What stays open costs storage, and no list of objects shows it.
# Version: obstore 0.12.1 (its object_store).
# Seen:    cancelled, put_async sends no AbortMultipartUpload, and nothing else of obstore can do it later: it has
#          no call that lists or ends open uploads, and the id of this one was never told.
#          Inside open_writer_async the same cancellation does end it.
#
#          put_async, S3 refuses the third part            create, abort
#          put_async, cancelled at the third part          create
#          open_writer_async, S3 refuses the third part    create, abort
#          open_writer_async, cancelled at the third part  create, abort
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
export HOME="$folder"
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --only-binary :all: obstore==0.12.1

cat >see.py <<'PYTHON'
import asyncio
import re
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import obstore
from obstore.store import S3Store

PART = 5 * 2**20
DATA = bytes(6 * PART)
WAIT_S = 3  # for an abort, after the call has ended


class Bucket(BaseHTTPRequestHandler):
    """S3's uploads in parts; the third part is refused, or never answered."""

    protocol_version = "HTTP/1.1"
    refuses = False
    seen: list[str] = []
    third = threading.Event()

    def say(self, status, body=b""):
        self.send_response(status)
        self.send_header("ETag", '"0"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.seen.append("create" if "uploads" in self.path else "complete")
        self.say(200, b"<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>")

    def do_PUT(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        if re.search(r"partNumber=3\b", self.path):
            self.third.set()
            if not self.refuses:
                time.sleep(WAIT_S)
                self.close_connection = True
                return
            self.say(400)
        else:
            self.say(200)

    def do_DELETE(self):
        self.seen.append("abort")
        self.say(204)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Bucket)
threading.Thread(target=server.serve_forever, daemon=True).start()
store = S3Store(
    "bucket",
    endpoint=f"http://127.0.0.1:{server.server_port}",
    region="us-east-1",
    access_key_id="key",
    secret_access_key="secret",
    client_options={"allow_http": True},
)


async def put():
    await obstore.put_async(store, "object", DATA, use_multipart=True, chunk_size=PART, max_concurrency=1)


async def write():
    async with obstore.open_writer_async(store, "object", buffer_size=PART, max_concurrency=1) as writer:
        for at in range(0, len(DATA), PART):
            await writer.write(DATA[at : at + PART])


async def asked(way, refuses):
    """What the bucket was asked for besides the parts."""
    Bucket.seen.clear()
    Bucket.third.clear()
    Bucket.refuses = refuses
    putting = asyncio.ensure_future(way())
    await asyncio.to_thread(Bucket.third.wait)
    if not refuses:
        putting.cancel()
    (error,) = await asyncio.gather(putting, return_exceptions=True)
    assert isinstance(error, asyncio.CancelledError) != refuses, error
    await asyncio.sleep(WAIT_S)
    return ", ".join(Bucket.seen)


STATED = [
    ("put_async, S3 refuses the third part", put, True, "create, abort"),
    ("put_async, cancelled at the third part", put, False, "create"),
    ("open_writer_async, S3 refuses the third part", write, True, "create, abort"),
    ("open_writer_async, cancelled at the third part", write, False, "create, abort"),
]
as_stated = True
for name, way, refuses, stated in STATED:
    found = asyncio.run(asked(way, refuses))
    print(f"{name:48}{found}")
    as_stated &= found == stated
sys.exit(None if as_stated else "CHANGED: this is not what was seen before; see the top of this file.")
PYTHON
venv/bin/python see.py
