"""Which offers are taken, and what trickled candidates are read as."""

from __future__ import annotations

import pytest

from orchestrator.errors import UnusableOffer
from orchestrator.sources.whip.offer import (
    check_offer,
    check_published,
    check_transport,
    fragment_of,
)
from orchestrator.whep.publications import publications_in

AUDIO = "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=sendonly\r\na=rtpmap:111 opus/48000/2\r\n"
VIDEO = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=sendonly\r\na=rtpmap:96 VP8/90000\r\n"
DATA = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:2\r\n"
HEAD = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"
BUNDLE = "a=group:BUNDLE 0 1\r\n"


@pytest.mark.parametrize(
    "sdp",
    [
        HEAD + BUNDLE + AUDIO + VIDEO,
        HEAD + BUNDLE + VIDEO + AUDIO,
        HEAD + AUDIO,
        HEAD + VIDEO,
        (HEAD + BUNDLE + AUDIO + VIDEO).replace("\r\n", "\n"),
        HEAD
        + BUNDLE
        + AUDIO.replace("sendonly", "sendrecv")
        + VIDEO.replace("sendonly", "inactive"),
        HEAD + "a=sendonly\r\n" + VIDEO.replace("a=sendonly\r\n", ""),
        HEAD + VIDEO.replace("a=sendonly\r\n", ""),
        HEAD + VIDEO.replace("a=mid:1\r\n", ""),
        HEAD + BUNDLE + AUDIO + VIDEO.replace("video 9", "video 0"),
        HEAD + BUNDLE + AUDIO + VIDEO.replace("video 9", "video 0") + "a=bundle-only\r\n",
    ],
)
def test_one_video_one_audio_or_both(sdp: str) -> None:
    check_offer(sdp)
    check_published(sdp, publications_in(sdp, "publisher"))


def test_an_m_line_for_the_bundle_only_sends() -> None:
    """Its port is 0 all the same (RFC 9143 §6)."""
    sdp = HEAD + BUNDLE + AUDIO + VIDEO.replace("video 9", "video 0") + "a=bundle-only\r\n"
    assert list(publications_in(sdp, "publisher")) == ["0", "1"]


@pytest.mark.parametrize(
    "sdp",
    [
        (HEAD + BUNDLE + AUDIO + VIDEO).replace("a=mid:0\r\n", "").replace("a=mid:1\r\n", ""),
        (HEAD + BUNDLE + AUDIO + VIDEO).replace("a=mid:1\r\n", "a=mid:0\r\n"),
        HEAD + VIDEO.replace("a=rtpmap:96 VP8/90000\r\n", ""),
        HEAD + BUNDLE + AUDIO + VIDEO.replace("VP8", "rtx"),
    ],
)
def test_each_m_line_needs_a_codec_and_a_mid(sdp: str) -> None:
    check_offer(sdp)
    with pytest.raises(UnusableOffer, match="lacks a codec, or a mid of its own"):
        check_published(sdp, publications_in(sdp, "publisher"))


@pytest.mark.parametrize(
    ("sdp", "why"),
    [
        ("", "not SDP"),
        ("hello", "not SDP"),
        (HEAD, "not SDP with media"),
        ("x" + HEAD + AUDIO, "not SDP"),
        (HEAD + BUNDLE + AUDIO + VIDEO + DATA, "neither audio nor video: application"),
        (HEAD + BUNDLE + VIDEO + VIDEO, "more than one m-line of audio, or of video"),
        (HEAD + BUNDLE + 5 * (AUDIO + VIDEO), "more than one"),
        (HEAD + AUDIO + VIDEO, "doesn't bundle"),
        (HEAD + VIDEO.replace("sendonly", "recvonly"), "sends nothing"),
        (HEAD + "a=inactive\r\n" + VIDEO.replace("a=sendonly\r\n", ""), "sends nothing"),
        (HEAD + VIDEO.replace("video 9", "video 0"), "sends nothing"),
        (HEAD + "m=\r\n", "neither audio nor video"),
        (HEAD + "m=\nm=\n", "neither audio nor video"),
    ],
)
def test_all_else_is_refused(sdp: str, why: str) -> None:
    with pytest.raises(UnusableOffer, match=why) as raised:
        check_offer(sdp)
    assert "Send one video" in raised.value.detail


@pytest.mark.parametrize("codec", ["VP10/90000", "theora/90000"])
def test_a_codec_that_can_not_be_received_is_named(codec: str) -> None:
    sdp = HEAD + VIDEO.replace("VP8/90000", codec)
    with pytest.raises(UnusableOffer, match="no codec that can be received, only") as raised:
        check_published(sdp, publications_in(sdp, "publisher"))
    assert codec.partition("/")[0].lower() in raised.value.error
    assert "VP8, VP9 (profile 0), AV1, H.264 or H.265" in raised.value.detail


ICE = "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n"
PRINT = "a=fingerprint:sha-256 " + ":".join(["AB"] * 32) + "\r\n"


@pytest.mark.parametrize(
    "sdp",
    [
        HEAD + ICE + PRINT + VIDEO,
        HEAD + VIDEO + ICE + PRINT,
        HEAD + BUNDLE + AUDIO + ICE + PRINT + VIDEO,
        HEAD + BUNDLE + VIDEO + AUDIO + ICE + PRINT.replace("sha", "SHA"),
        HEAD + ICE + PRINT.replace("256", "1") + PRINT + VIDEO,
    ],
)
def test_the_transport_of_all_is_complete(sdp: str) -> None:
    check_transport(sdp)


@pytest.mark.parametrize(
    ("sdp", "why"),
    [
        (HEAD + ICE + VIDEO, "no a=fingerprint \\(RFC 8122"),
        (HEAD + BUNDLE + AUDIO + ICE + VIDEO + ICE + PRINT, "no a=fingerprint"),
        (HEAD + PRINT + VIDEO, "no a=ice-ufrag"),
        (HEAD + PRINT + "a=ice-ufrag:abcd\r\n" + VIDEO, "no a=ice-pwd"),
        (HEAD + ICE + PRINT.replace("sha-256", "sha-1") + VIDEO, "no hash function"),
    ],
)
def test_a_transport_without_keys_is_refused(sdp: str, why: str) -> None:
    with pytest.raises(UnusableOffer, match=why):
        check_transport(sdp)


def test_trickled_candidates() -> None:
    """As in RFC 9725 §4.3.2."""
    found = fragment_of(
        "a=group:BUNDLE 0 1\r\n"
        "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"
        "a=mid:0\r\n"
        "a=ice-ufrag:EsAw\r\n"
        "a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n"
        "a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host\r\n"
        "a=candidate:3471623853 1 udp 2122194687 198.51.100.2 61765 typ host\r\n"
        "a=end-of-candidates\r\n"
    )
    assert (found.ufrag, found.complete) == ("EsAw", True)
    assert found.candidates[0] == (
        "candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host",
        "0",
    )
    assert len(found.candidates) == 2


@pytest.mark.parametrize("nonsense", ["", "hello", "a=candidate:\r\n", "m=audio\r\na=mid:\r\n"])
def test_a_fragment_without_candidates(nonsense: str) -> None:
    found = fragment_of(nonsense)
    assert found.ufrag is None
    assert not found.complete
