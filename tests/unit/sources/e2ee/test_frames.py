"""One encrypted frame after the other: what the SDK sent, and what it could send."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.e2ee_keys import E2eeKeys
from orchestrator.sources.e2ee.derivation import derived
from orchestrator.sources.e2ee.frame_layout import BLANKS, parts_of
from orchestrator.sources.e2ee.key_ring import EMPTY, KeyRing, Undecryptable
from orchestrator.sources.e2ee.room_keys import RoomKeys
from tests.kit.encoded.encrypting import Encryptor, stretched

FROM_THE_SDK = [
    ("OPUS", "f8742ab99013314e8bf8b5421c20c30dcedbe6ebf694e43f0f2b1e3f0f2a480c00", "f8fffe"),
    (
        "VP8",
        "310800cc0b0dd08190cb59f35104858134d152fdf5c7b8eb8e7407e29e36b8e43b17cee1dc61201e02b4d5dcdf"
        "2a797dc06353e8722d56a2361b39e5d1434ea8ec351bab04483f0edd02754fd9c992ee2b674e8d5b96e2e1aadf"
        "162d5b66c2f47064a065217b7ab7e7069ea5cbc2a20bae93b1b457492fb45748f10c00",
        "3108000f11c000180019dd27cfe800003400000372c02a1fb752f0000f00f000000dcb00a87edd4bc0004a7d00"
        "765558a83410ba6a9284d1a14d7f4f3509820becaa25f2fee9c9c46f34dee0fa8f6ec1faf4878b61c4f564f4e9"
        "39a1f64dc0",
    ),
    (
        "H264",
        "00000001419a45375d8ba937a836d614872e1003f6c2aae6a41f54c993669da34b6749ce4b71cd279466586e42"
        "6fe3a98bb16efabab8664454b86644340c00",
        "00000001419a408989de27e0203fc4f182790fe7f3f9f8d3f208f11e7e3847016d",
    ),
]
"""Of livekit 1.2.1 with this passphrase."""

PASSPHRASE = "correct horse battery staple"
KEY = bytes(range(32))
SPS = b"\0\0\0\1\x67\x42\xc0\x1f\0\0\0\1\x68\xce"

PLAIN = {
    "VP8": [b"\x10\2\0\x9d\x01\x2a\x40\1\xb4\0 the rest", b"\x11\2\0 the rest"],
    "VP9": [b"\x82\x49 all of it"],
    "H264": [SPS + b"\0\0\0\1\x65\x88 IDR", b"\0\0\0\1\x41\x9a not", b"\0\0\0\1\x61\x9a"],
    "H265": [b"\0\0\0\1\x40\1 VPS\0\0\0\1\x26\1 IDR", b"\0\0\0\1\2\1 not"],
    "OPUS": [b"\xf8\xff\xfe", b"\xf8"],
    "PCMU": [bytes(160)],
}


def ring(**given: object) -> KeyRing:
    keys = given or {"key": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}
    return RoomKeys(E2eeKeys.model_validate(keys)).ring("anna")


def opened(ring: KeyRing, codec: str, data: bytes) -> bytes:
    parts = parts_of(codec, data)
    assert parts is not None
    return ring.decrypt(parts)


@pytest.fixture(scope="module")
def sdk_ring() -> KeyRing:
    """Once it knows its key."""
    ring = RoomKeys(E2eeKeys.model_validate({"passphrase": PASSPHRASE})).ring("anna")
    while not ring._slots[0]._keys.known:
        os.sched_yield()
    return ring


@pytest.mark.parametrize(("codec", "encrypted", "plain"), FROM_THE_SDK)
def test_what_the_sdk_sent(sdk_ring: KeyRing, codec: str, encrypted: str, plain: str) -> None:
    assert opened(sdk_ring, codec, bytes.fromhex(encrypted)).hex() == plain


@pytest.mark.parametrize("codec", PLAIN)
def test_every_codec(codec: str) -> None:
    encryptor, keys = Encryptor(KEY), ring()
    for data in PLAIN[codec]:
        encrypted = encryptor.encrypt(codec, data)
        assert encrypted != data
        assert opened(keys, codec, encrypted) == data


@given(st.binary(max_size=300), st.sampled_from(["H264", "H265"]))
def test_escaped_bytes_come_back(body: bytes, codec: str) -> None:
    data = PLAIN[codec][0] + body
    # Zeros and threes are what is escaped: of random bytes there are few.
    for tried in (data, data.translate(bytes(byte % 4 for byte in range(256)))):
        frame = PLAIN[codec][0] + tried[len(PLAIN[codec][0]) :]
        assert opened(ring(), codec, Encryptor(KEY).encrypt(codec, frame)) == frame


@given(st.binary(max_size=200), st.sampled_from([*PLAIN, "AV1", "RTX"]))
def test_any_bytes_are_refused(data: bytes, codec: str) -> None:
    parts = parts_of(codec, data or b"\0")
    if parts is not None:
        with pytest.raises(Undecryptable):
            ring().decrypt(parts)


def damaged(frame: bytes) -> Iterator[bytes]:
    for at in range(len(frame) - 1):
        yield frame[:at] + bytes([frame[at] ^ 0x40]) + frame[at + 1 :]
        yield frame[:at]


@pytest.mark.parametrize("codec", ["VP8", "OPUS", "H264", "VP9"])
def test_a_frame_that_was_changed_or_cut_is_never_taken(codec: str) -> None:
    frame, keys = Encryptor(KEY).encrypt(codec, PLAIN[codec][0]), ring()
    for data in filter(None, damaged(frame)):
        parts = parts_of(codec, data)
        if parts is not None:
            with pytest.raises(Undecryptable):
                keys.decrypt(parts)


def test_without_a_key_and_with_another_index_that_is_said() -> None:
    frame = parts_of("OPUS", Encryptor(KEY, index=3).encrypt("OPUS", b"\xf8\xff\xfe"))
    assert frame is not None
    with pytest.raises(Undecryptable, match=r"no key is given for it$"):
        EMPTY.decrypt(frame)
    with pytest.raises(Undecryptable, match="no key is given for it with the key_index 3 that"):
        ring().decrypt(frame)
    other = ring(key="AAAA", key_index=3)
    with pytest.raises(Undecryptable, match=r"\(key_index 3\) is not the right one"):
        other.decrypt(frame)


def test_an_index_is_one_of_sixteen() -> None:
    for index in (0, 16, 32):
        frame = Encryptor(KEY, index=index).encrypt("OPUS", b"\xf8\xff\xfe")
        assert opened(ring(), "OPUS", frame) == b"\xf8\xff\xfe"


@pytest.mark.parametrize("kdf", ["hkdf", "pbkdf2"])
def test_derivation_is_that_of_another_implementation(kdf: str) -> None:
    for material in (b"x", KEY, "pässword".encode()):
        for bits in (128, 256):
            expected = stretched(material, bits, hkdf=kdf == "hkdf")
            assert derived(kdf, material, bits // 8) == expected  # type: ignore[arg-type]


def test_blanks_of_the_server_are_those_that_browsers_know() -> None:
    assert {codec: len(blank) for codec, blank in BLANKS.items()} == {
        "VP8": 31,
        "H264": 52,
        "OPUS": 80,
    }
