"""Encrypted packets through a receiver: frames, requests for keyframes, reports, blanks."""

from __future__ import annotations

import base64

from orchestrator.e2ee_keys import E2eeKeys
from orchestrator.media import EncodedFrame
from orchestrator.sources.e2ee.decryption import PATIENCE_S
from orchestrator.sources.e2ee.frame_layout import BLANKS
from orchestrator.sources.e2ee.room_keys import RoomKeys
from orchestrator.sources.rtp_packet import Packet
from tests.kit.clocks import HandClock
from tests.kit.encoded.encrypting import Encryptor
from tests.kit.sources.taps import Sent, video_payload

KEY, OTHER = b"the right key 16", b"a wrong key of16"
TRAILER = bytes(range(200, 244))


class Encrypted(Sent):
    """A tap that gets encrypted VP8."""

    def __init__(self) -> None:
        super().__init__()
        keys = E2eeKeys.model_validate({"key": base64.b64encode(KEY)})
        self.owner.rings["camera"] = RoomKeys(keys).ring("anna")
        self.owner.injected_trailer = TRAILER
        self.right, self.wrong = Encryptor(KEY), Encryptor(OTHER)
        self.number = 0

    async def send(self, encryptor: Encryptor, *, key: bool = False) -> None:
        payload = video_payload(key=key)
        await self.put_payload(payload[:1] + encryptor.encrypt("VP8", payload[1:] + b"\0 more"))

    async def put_payload(self, payload: bytes) -> None:
        self.number += 1
        await self.put(Packet(self.number, 3000 * self.number, 1, 96, 1, payload))


async def test_frames_go_on_decrypted() -> None:
    sent = Encrypted()
    await sent.send(sent.right, key=True)
    await sent.send(sent.right)
    sent.tap.deliver()
    frames = [each.frame for each in sent.owner.frames]
    assert [frame.data for frame in frames if isinstance(frame, EncodedFrame)] == [
        video_payload(key=key)[1:] + b"\0 more" for key in (True, False)
    ]
    assert sent.tap.undecryptable == 0


async def test_after_a_wrong_key_a_keyframe_is_asked_for_once_the_right_one_is_back() -> None:
    sent = Encrypted()
    await sent.send(sent.right, key=True)
    asked = len(sent.plis)
    for _ in range(3):
        await sent.send(sent.wrong)
    assert len(sent.plis) == asked, "it would be of no use"
    assert sent.delivered() == [("camera", 1)]
    await sent.send(sent.right)
    await sent.send(sent.right)
    assert len(sent.plis) == asked + 1
    await sent.send(sent.right, key=True)
    await sent.send(sent.right)
    assert [number for _, number in sent.delivered()] == [7, 8]
    assert sent.tap.undecryptable == 5


async def test_that_nothing_can_be_decrypted_is_reported_at_once_and_with_its_reason() -> None:
    sent, clock = Encrypted(), HandClock()
    sent.tap._reassembly._decryption._clock = clock
    await sent.send(sent.wrong, key=True)
    sent.tap.deliver()
    assert sent.owner.undecrypted == [("camera", None)], "they come, and the key may change"
    sent.tap.deliver()
    clock.now += PATIENCE_S + 0.1
    for _ in range(2):
        await sent.send(sent.wrong)
        sent.tap.deliver()
    _, (label, why) = sent.owner.undecrypted
    assert label == "camera"
    assert "not the right one" in str(why)
    await sent.send(sent.right, key=True)
    assert sent.delivered() == [("camera", 4)]
    await sent.send(sent.wrong)
    clock.now += PATIENCE_S + 0.1
    await sent.send(sent.wrong)
    sent.tap.deliver()
    assert [why is None for _, why in sent.owner.undecrypted] == [True, False, False], "anew"


async def test_of_the_servers_own_frames_only_the_known_ones_are_taken() -> None:
    sent = Encrypted()
    await sent.send(sent.right, key=True)
    await sent.put_payload(b"\x10" + BLANKS["VP8"] + TRAILER)
    await sent.put_payload(video_payload(key=True) + TRAILER)
    await sent.send(sent.right)
    await sent.send(sent.right, key=True)
    assert [number for _, number in sent.delivered()] == [1, 5]
    assert sent.tap.undecryptable == 1, "the one that needs a keyframe"
