#!/usr/bin/env bash
# An ffmpeg with two live inputs stops reading one of them when the other one stalls.
#
# Guess:   ffmpeg reads each input in a thread of its own, and the muxer holds back up to
#          max_interleave_delta (10 s) for the interleaving; so video goes on being read and encoded for
#          seconds while the audio's pipe is silent, and a larger thread_queue_size gives more room still.
# Version: FFmpeg 9.0.2 (imageio-ffmpeg 0.8.1).
# Seen:    half a second of audio, then silence in the pipe: ffmpeg takes the half second of video that
#          belongs to it and no more, whatever thread_queue_size and max_interleave_delta say. The
#          video's writer is blocked, and `-progress` shows the same frame for as long as the stall lasts.
#          Each input whose output is some 100 ms ahead of the slowest one is held back before it is
#          read (the scheduler of ffmpeg 7 and later).
#
#          two inputs:                              took 16 of 90 video frames in 4 s, frame=15; all 90 once audio ended
#          two inputs, thread_queue_size 1024:      took 16 of 90 video frames in 4 s, frame=15; all 90 once audio ended
#          two inputs, max_interleave_delta 1:      took 16 of 90 video frames in 4 s, frame=15; all 90 once audio ended
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
export HOME="$folder"
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --only-binary :all: imageio-ffmpeg==0.8.1
cat >see.py <<'PYTHON'
import os
import subprocess
import sys
import threading
import time

import imageio_ffmpeg

FRAMES, FPS = 90, 30
FRAME = bytes(320 * 180 * 3 // 2)
HALF_A_SECOND = bytes(48000 // 2 * 2)
VIDEO = ["-f", "rawvideo", "-s", "320x180", "-pix_fmt", "yuv420p", "-r", str(FPS), "-i", "video"]
AUDIO = ["-f", "s16le", "-ar", "48000", "-ac", "1", "-i", "audio"]
ENCODE = ["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-c:a", "aac", "out.mkv"]


def run(before_inputs=(), before_output=()):
    """(video frames that ffmpeg took, its last frame count) while the audio stalls after half a second."""
    taken, counts, over = 0, [], threading.Event()

    def write_video():
        nonlocal taken
        with open("video", "wb", 0) as pipe:
            for _ in range(FRAMES):
                pipe.write(FRAME)
                taken += 1
                over.wait(1 / FPS)

    def write_audio():
        with open("audio", "wb", 0) as pipe:
            pipe.write(HALF_A_SECOND)
            over.wait()

    def read_progress():
        counts.extend(int(line[6:]) for line in process.stdout if line.startswith("frame="))

    for name in ("video", "audio"):
        os.mkfifo(name)
    process = subprocess.Popen(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-progress", "pipe:1", "-stats_period", "0.2",
         *before_inputs, *VIDEO, *before_inputs, *AUDIO, *before_output, *ENCODE],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    threads = [threading.Thread(target=each) for each in (write_video, write_audio, read_progress)]
    for thread in threads:
        thread.start()
    time.sleep(FRAMES / FPS + 1)
    seen = taken, counts[-1] if counts else None
    over.set()  # the audio ends, so the rest of the video is taken
    for thread in threads:
        thread.join()
    process.wait()
    for name in ("video", "audio"):
        os.remove(name)
    return *seen, taken


runs = {
    "two inputs": run(),
    "two inputs, thread_queue_size 1024": run(["-thread_queue_size", "1024"]),
    "two inputs, max_interleave_delta 1": run(before_output=["-max_interleave_delta", "1"]),
}
for name, (taken, frame, in_the_end) in runs.items():
    print(f"{name + ':':40} took {taken} of {FRAMES} video frames in 4 s, frame={frame}; all {in_the_end} once audio ended")
as_stated = all(taken < 30 and frame and frame < 30 and end == FRAMES for taken, frame, end in runs.values())
sys.exit(None if as_stated else "CHANGED: this is not what was seen before; see the top of this file.")
PYTHON
venv/bin/python see.py
