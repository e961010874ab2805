"""Over a real network that loses packets: a tone goes on, and video that can be decoded."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys

import pytest

from tests.kit.network import why_no_namespaces

pytestmark = [pytest.mark.livekit, pytest.mark.real_time]


def test_at_three_percent_loss_a_tone_goes_on_without_silence_or_clicks() -> None:
    """Without concealment: zeros for 960 samples, steps of 17 times the tone's own."""
    if (missing := why_no_namespaces()) is not None:
        pytest.skip(f"no network that loses packets: {missing}")
    command = [
        sys.executable,
        "-m",
        "tests.kit.sources.lossy_tone",
        "--loss",
        "3",
        "--seconds",
        "6",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert found["packets_lost"] > 3, "else this shows nothing"
    assert found["longest_zeros"] < 900
    assert found["step"] < 4
    assert 0.9 < found["level"] < 1.05
    # Publisher and server send redundant audio: only of two lost in a row one is concealed.
    assert found["concealed_s"] < 0.01 * found["packets_lost"]
    # Some frames are on their way from their decoders when both are counted.
    assert found["received_s"] == pytest.approx(0.02 * found["frames_received"], abs=0.2)


@pytest.mark.all_only
@pytest.mark.parametrize("codec", ["vp8", "vp9", "h264"])
def test_at_much_loss_no_encoded_frame_comes_whose_reference_is_missing(codec: str) -> None:
    if (missing := why_no_namespaces()) is not None:
        pytest.skip(f"no network that loses packets: {missing}")
    command = [sys.executable, "-m", "tests.kit.sources.lossy_video"]
    command += ["--loss", "20", "--seconds", "6", "--codec", codec]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    shown = list(zip(found["codes"], found["keyframes"], strict=True))
    assert shown[0][1]
    for (before, _), (code, keyframe) in itertools.pairwise(shown):
        assert code == before + 1 or keyframe, "it needs one that was left out"
    assert found["frames_undecodable"] > 0, "else this shows nothing"
    assert len(shown) > 30
