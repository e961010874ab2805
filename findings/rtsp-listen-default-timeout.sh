#!/usr/bin/env bash
# ffmpeg -rtsp_flags listen always fails unless listen_timeout is given: its own default is out of range.
#
# Guess:   -rtsp_flags listen waits for a publisher for as long as it takes: "listen_timeout ... (-1 is infinite) ...
#          (default -1)" is what -h demuxer=rtsp says.
# Version: ffmpeg n9.0.2-17-g2a571b6068 (imageio-ffmpeg 0.8.1).
# Seen:    the demuxer hands the default to the TCP protocol in milliseconds, -1000, which takes -1 or more: it ends at
#          once with "Unable to open RTSP for listening ... Numerical result out of range", before a socket is open.
#          With -listen_timeout 1 or any other number of seconds it listens.
#
#          options                              seen
#          -rtsp_flags listen                   ends at once: Numerical result out of range
#          -rtsp_flags listen -listen_timeout 2 listens
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
export HOME="$folder"
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --only-binary :all: imageio-ffmpeg==0.8.1

cat >see.py <<'PYTHON'
import socket
import subprocess
import sys
import time

import imageio_ffmpeg

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
STATED = {"": "ends at once: Numerical result out of range", "-listen_timeout 2": "listens"}


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def see(options):
    port = free_port()
    argv = [FFMPEG, "-nostdin", "-hide_banner", "-rtsp_flags", "listen", *options.split()]
    process = subprocess.Popen(
        [*argv, "-i", f"rtsp://127.0.0.1:{port}/live", "-f", "null", "-"], stderr=subprocess.PIPE, text=True
    )
    with process:
        until = time.monotonic() + 10
        while process.poll() is None and time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError:
                time.sleep(0.05)
            else:
                process.kill()
                return "listens"
        process.kill()
        why = "Numerical result out of range"
        return f"ends at once: {why}" if why in process.stderr.read() else "something else"


as_stated = True
for options, stated in STATED.items():
    seen = see(options)
    print(f"{f'-rtsp_flags listen {options}':37}{seen}")
    as_stated &= seen == stated
sys.exit(None if as_stated else "CHANGED: this is not what was seen before; see the top of this file.")
PYTHON
venv/bin/python see.py
