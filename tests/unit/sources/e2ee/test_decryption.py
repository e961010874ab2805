"""A stream of encrypted frames: what goes on, and when it is said that nothing does."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from orchestrator.e2ee_keys import E2eeKeys
from orchestrator.media import TrackKind
from orchestrator.sources.e2ee.decryption import FrameDecryption
from orchestrator.sources.e2ee.frame_layout import BLANKS
from orchestrator.sources.e2ee.key_ring import Undecryptable
from orchestrator.sources.e2ee.room_keys import RoomKeys
from tests.kit.clocks import HandClock
from tests.kit.encoded.encrypting import Encryptor

KEY, OTHER = b"the right key 16", b"a wrong key of16"
KEYFRAME = b"\x10\2\0\x9d\x01\x2a\x40\1\xb4\0 and its data"
DELTA = b"\x11\2\0 and its data"


class Stream:
    """Frames of one video or audio on their way."""

    def __init__(self, kind: TrackKind = TrackKind.VIDEO) -> None:
        self.clock = HandClock()
        key = base64.b64encode(KEY).decode()
        self.ring = RoomKeys(E2eeKeys.model_validate({"key": key})).ring("anna")
        self.decryption = FrameDecryption(kind, self.clock)
        self.right, self.wrong = Encryptor(KEY), Encryptor(OTHER)

    def take(self, data: bytes, codec: str = "VP8") -> bytes | None:
        opened = self.decryption.open(self.ring, codec, (data,))
        return None if opened is None else opened[0]


def test_after_a_wrong_key_video_goes_on_at_the_next_keyframe() -> None:
    stream = Stream()
    assert stream.take(stream.right.encrypt("VP8", KEYFRAME)) == KEYFRAME
    assert stream.take(stream.right.encrypt("VP8", DELTA)) == DELTA
    assert stream.take(stream.wrong.encrypt("VP8", DELTA)) is None
    assert not stream.decryption.needs_keyframe, "one of that key would be of no use"
    assert stream.take(stream.right.encrypt("VP8", DELTA)) is None
    assert stream.decryption.needs_keyframe
    assert stream.take(stream.right.encrypt("VP8", KEYFRAME)) == KEYFRAME
    assert not stream.decryption.needs_keyframe
    assert stream.decryption.undecryptable == 2, "the second needs the first"


def test_audio_goes_on_at_once() -> None:
    stream = Stream(TrackKind.AUDIO)
    assert stream.take(stream.wrong.encrypt("OPUS", b"\xf8\1"), "OPUS") is None
    assert stream.take(stream.right.encrypt("OPUS", b"\xf8\1"), "OPUS") == b"\xf8\1"


def test_trouble_is_said_after_a_second_and_is_over_with_the_next_frame() -> None:
    stream = Stream()
    stream.take(stream.wrong.encrypt("VP8", KEYFRAME))
    stream.take(stream.wrong.encrypt("VP8", DELTA))
    assert stream.decryption.trouble is None, "keys change"
    stream.clock.now += 1.1
    stream.take(stream.wrong.encrypt("VP8", DELTA))
    assert "is not the right one" in str(stream.decryption.trouble)
    stream.take(stream.right.encrypt("VP8", KEYFRAME))
    assert stream.decryption.trouble is None


def test_one_frame_that_fails_and_then_silence_is_no_trouble() -> None:
    stream = Stream(TrackKind.AUDIO)
    stream.take(stream.wrong.encrypt("OPUS", b"\xf8\1"), "OPUS")
    stream.clock.now += 60
    assert stream.decryption.trouble is None
    assert stream.take(BLANKS["OPUS"], "OPUS") is not None
    stream.take(stream.wrong.encrypt("OPUS", b"\xf8\1"), "OPUS")
    assert stream.decryption.trouble is None, "the server's silence passed"


@pytest.mark.parametrize("interval_s", [0.02, 0.4, 0.98, 1.02])
@pytest.mark.parametrize("yet", [False, True])
def test_a_wrong_key_is_said_within_three_seconds_however_few_frames_come(
    interval_s: float, yet: bool
) -> None:
    """Opus sends a packet each 400 ms of silence (DTX), a browser a frame a second of a still
    screen.
    """

    class Ring:
        def decrypt(self, frame: object) -> bytes:
            raise Undecryptable("wrong", yet=yet)

    stream = Stream()
    ring: Any = Ring()
    begun = stream.clock.now
    while stream.decryption.trouble is None:
        frame = stream.wrong.encrypt("VP8", KEYFRAME)
        assert stream.decryption.open(ring, "VP8", (frame,)) is None
        stream.clock.now += interval_s
    assert stream.clock.now - interval_s - begun < 2.5


def test_a_key_that_is_being_derived_is_not_called_wrong() -> None:
    class Ring:
        def decrypt(self, frame: object) -> bytes:
            raise Undecryptable("still being derived", yet=True, untried=True)

    stream = Stream()
    ring: Any = Ring()
    for _ in range(10):
        frame = stream.right.encrypt("VP8", DELTA)
        assert stream.decryption.open(ring, "VP8", (frame,)) is None
        stream.clock.now += 1
    assert stream.decryption.trouble is None
    assert not stream.decryption.needs_keyframe, "it could not be decrypted either"
    assert stream.decryption.undecryptable == 10
    assert stream.take(stream.right.encrypt("VP8", KEYFRAME)) == KEYFRAME


def test_plain_frames_of_who_encrypts_are_no_frames() -> None:
    stream = Stream()
    assert stream.take(KEYFRAME) is None
    stream.clock.now += 1.1
    assert stream.take(DELTA) is None
    assert "not encrypted in the way of LiveKit" in str(stream.decryption.trouble)


def test_each_layer_of_vp9_is_decrypted_by_itself_and_none_without_the_others() -> None:
    stream = Stream()
    layers = (b"\x82\x49\x83 one", b"\x86 another")
    sent = tuple(stream.right.encrypt("VP9", each) for each in layers)
    assert stream.decryption.open(stream.ring, "VP9", sent) == layers
    wrong = (sent[0], stream.wrong.encrypt("VP9", layers[1]))
    assert stream.decryption.open(stream.ring, "VP9", wrong) is None


def test_a_frame_with_nothing_in_it_is_left_out() -> None:
    stream = Stream()
    assert stream.take(stream.right.encrypt("VP9", b""), "VP9") is None
    assert stream.decryption.open(stream.ring, "VP9", (b"", b"")) is None
    assert (stream.decryption.undecryptable, stream.decryption.trouble) == (0, None)


@pytest.mark.parametrize("encrypted", [False, True])
def test_a_layer_with_nothing_in_it_spoils_no_frame(encrypted: bool) -> None:
    stream = Stream()
    nothing = stream.right.encrypt("VP9", b"") if encrypted else b""
    layer = b"\x82\x49\x83 one"
    sent = (stream.right.encrypt("VP9", layer), nothing)
    assert stream.decryption.open(stream.ring, "VP9", sent) == (layer,)
    assert stream.decryption.open(stream.ring, "VP9", sent[::-1]) == (layer,)


def test_the_servers_blanks_pass_and_nothing_that_ends_with_one() -> None:
    for codec, blank in BLANKS.items():
        stream = Stream(TrackKind.AUDIO if codec == "OPUS" else TrackKind.VIDEO)
        assert stream.take(blank, codec) == blank
        half = stream.right.encrypt("VP8", KEYFRAME)[:20]
        assert stream.take(half + blank, codec) is None
        assert stream.decryption.undecryptable == 0, "no key would help"
        assert stream.decryption.trouble is None


def test_after_a_blank_video_goes_on_at_a_keyframe() -> None:
    stream = Stream()
    assert stream.take(stream.right.encrypt("VP8", KEYFRAME)) == KEYFRAME
    stream.take(BLANKS["VP8"])
    assert stream.take(stream.right.encrypt("VP8", DELTA)) is None
    assert stream.take(stream.right.encrypt("VP8", KEYFRAME)) == KEYFRAME


def test_an_idr_frame_whose_parameter_sets_came_before_is_a_keyframe() -> None:
    stream = Stream()
    idr = b"\0\0\0\1\x65\x88 the slice"
    assert stream.take(stream.wrong.encrypt("H264", idr), "H264") is None
    assert stream.take(stream.right.encrypt("H264", idr), "H264") == idr
