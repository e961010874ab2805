"""The arguments of an ffmpeg that pushes, and what of the media it takes as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.pushing.address import Kind, address_of
from orchestrator.pushing.command import (
    PushEncoding,
    arguments,
    encoding_for,
    secret_environment,
    tail_s,
)
from orchestrator.pushing.media import PushedMedia, PushedTrack

URLS = {
    "rtmp": "rtmps://user:secret-pass@a.example/live/secret-key",
    "srt": "srt://a.example:9000?streamid=secret-id&passphrase=secret-phrase",
    "whip": "whip+https://a.example/secret-path",
}


def media(video: str, audio: str, channels: int = 2) -> PushedMedia:
    """Tracks of these codecs."""
    return PushedMedia(
        PushedTrack(video, b"\x01\x42\xc0\x1e", 640, 360),
        (PushedTrack(audio, b"", rate=48_000, channels=channels),),
    )


@pytest.mark.parametrize(
    ("kind", "video", "audio", "reordered", "encoded"),
    [
        ("rtmp", "h264", "aac", True, ()),
        ("rtmp", "hevc", "aac", False, ("video",)),
        ("rtmp", "av1", "aac", False, ("video",)),
        ("rtmp", "vp9", "opus", False, ("video", "audio")),
        ("srt", "hevc", "opus", True, ()),
        ("srt", "vp8", "pcm_s16le", False, ("video", "audio")),
        ("whip", "h264", "opus", False, ()),
        ("whip", "h264", "aac", False, ("audio",)),
        ("whip", "h264", "opus", True, ("video",)),
    ],
)
def test_only_what_the_other_side_does_not_take_is_encoded(
    kind: str, video: str, audio: str, reordered: bool, encoded: tuple[str, ...]
) -> None:
    encoding = encoding_for(
        media(video, audio),
        address_of(URLS[kind]),
        reordered=reordered,
        video_bps=1_000_000,
        audio_bps=128_000,
    )
    assert encoding.tracks == encoded


def test_whip_gets_another_profile_only_until_it_is_refused() -> None:
    high = PushedMedia(PushedTrack("h264", b"\x01\x64\x00\x1e", 640, 360))
    assert high.copies_video("whip", reordered=False)
    assert not high.copies_video("whip", reordered=False, baseline_only=True)
    assert media("h264", "opus").copies_video("whip", reordered=False, baseline_only=True)
    assert high.copies_video("rtmp", reordered=False, baseline_only=True)


def test_another_microphone_needs_another_connection_unless_all_are_mixed() -> None:
    one = media("h264", "opus")
    two = PushedMedia(one.video, one.audio * 2)
    assert one.goes_on_as(media("h264", "opus"), mixed=False)
    assert not one.goes_on_as(two, mixed=False)
    assert one.goes_on_as(two, mixed=True)
    assert not one.goes_on_as(PushedMedia(None, one.audio), mixed=True)


def test_audio_that_is_mixed_is_encoded() -> None:
    made = encoding_for(
        media("h264", "opus"),
        address_of(URLS["srt"]),
        reordered=False,
        mixes=True,
        video_bps=1_000_000,
        audio_bps=96_000,
    )
    assert made == PushEncoding(None, 96_000)


@pytest.mark.parametrize(
    ("url", "seconds"),
    [
        ("srt://a.example:9000", 0.42),
        ("srt://a.example:9000?latency=800000", 1.1),
        ("srt://a.example:9000?latency=20000&peerlatency=500000", 0.8),
        ("srt://a.example:9000?latency=much", 0.42),
        (URLS["rtmp"], 0.5),
        (URLS["whip"], 0),
    ],
)
def test_it_stays_open_until_its_receiver_has_all(url: str, seconds: float) -> None:
    assert tail_s(address_of(url)) == pytest.approx(seconds)


def test_whip_gets_mono_in_stereo() -> None:
    kind: Kind = "whip"
    assert media("h264", "opus").copies_audio(kind)
    assert not media("h264", "opus", channels=1).copies_audio(kind)


@pytest.mark.parametrize("kind", list(URLS))
@pytest.mark.parametrize("pinned", ["192.0.2.1", None])
def test_no_argument_has_a_secret(kind: str, pinned: str | None) -> None:
    address = address_of(URLS[kind])
    argv = arguments(
        Path("ffmpeg"),
        Path("feed.nut"),
        address,
        PushEncoding(),
        pinned=pinned is not None,
        token=kind == "whip",
    )
    assert "secret" not in " ".join(argv)
    hidden = secret_environment(address, "secret-token" if kind == "whip" else None, pinned)
    named = {word[1:] for word in argv if word.startswith("$")}
    assert named == set(hidden), "each is there, and each is used"
    assert argv[-1] == "$PUSH_TARGET"
    assert (pinned or "a.example") in hidden["PUSH_TARGET"]


def test_a_tls_server_at_an_ip_address_is_verified_by_its_name() -> None:
    argv = arguments(
        Path("ffmpeg"), Path("feed"), address_of(URLS["rtmp"]), PushEncoding(), pinned=True
    )
    assert argv[argv.index("-verifyhost") + 1] == "a.example"
    assert argv[argv.index("-rtmp_tcurl") + 1] == "rtmps://a.example/live"


def test_what_is_encoded_has_its_rate_and_no_b_frames() -> None:
    argv = arguments(
        Path("ffmpeg"),
        Path("feed"),
        address_of(URLS["whip"]),
        PushEncoding(video_bps=900_000, audio_bps=96_000),
    )
    assert argv[argv.index("-c:v") + 1] == "libx264"
    assert argv[argv.index("-bf") + 1] == "0"
    assert argv[argv.index("-b:v") + 1] == "900000"
    assert argv[argv.index("-c:a") + 1] == "libopus"
    assert argv[argv.index("-ac") + 1] == "2"
