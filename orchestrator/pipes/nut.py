"""NUT as it goes through our pipes: one raw video and one PCM stream. Pure.

Written here, not by libavformat, so that a frame goes from its decoder's memory into the pipe: a
few bytes from `frame`, then the planes as they are. The format is Michael Niedermayer's nut.txt
(https://git.videolan.org/?p=nut.git), version 4 in pipe mode: syncpoints and an index are for
seeking, and would take memory for each frame in ffmpeg, for ever.
"""

from __future__ import annotations

from typing import Final

from orchestrator.media import AUDIO_CHANNELS, AUDIO_RATE, AUDIO_TIME_BASE, VIDEO_TIME_BASE

VIDEO, AUDIO = 0, 1
"""Numbers of the streams."""

_FILE_ID: Final = b"nut/multimedia container\0"
_MAIN: Final = 0x4E4D7A561F5F04AD
_STREAM: Final = 0x4E5311405BF2F9DB
_INFO: Final = 0x4E49AB68B596BA78
_SYNCPOINT: Final = 0x4E4BE4ADEECA4569

_VERSION, _MINOR_VERSION, _PIPE_MODE = 4, 0, 2
_MAX_DISTANCE: Final = 65_536
"""Frames above twice this have a checksum; here all have one."""
_MAX_PTS_DISTANCE: Final = 1 << 30

_KEY, _CODED_PTS, _SIZE_MSB, _CHECKSUM, _INVALID = 1, 8, 32, 64, 8192
_FRAME: Final = _KEY | _CODED_PTS | _SIZE_MSB | _CHECKSUM
_CODES: Final = {VIDEO: 1, AUDIO: 2}
"""Each stream's first byte of a frame: the two valid rows of the frame code table."""


def header(width: int, height: int, fps: float) -> bytes:
    """All that comes before the first frame: yuv420p frames, interleaved 16 bit stereo.

    `fps` is what encoders plan their bit rate with; every frame has its own PTS.
    """
    return b"".join(
        (
            _FILE_ID,
            _packet(_MAIN, _main()),
            _packet(_STREAM, _video(width, height)),
            _packet(_STREAM, _audio()),
            rate(fps),
            _packet(_SYNCPOINT, _v(0) + _v(0)),
        )
    )


def rate(fps: float) -> bytes:
    """The rate from here on: FFmpeg gives each frame behind it that duration."""
    of_stream = (_v(VIDEO + 1), _s(0), _v(0), _v(0), _v(1))
    value = f"{VIDEO_TIME_BASE.denominator}/{round(VIDEO_TIME_BASE.denominator / fps)}".encode()
    info = b"".join((*of_stream, _vb(b"r_frame_rate"), _s(-1), _vb(value)))
    return _packet(_INFO, info)


def frame(stream: int, pts: int, size: int) -> bytes:
    """What stands before `size` bytes of a frame at `pts` in its stream's time base."""
    head = bytes((_CODES[stream],)) + _v(pts + 1) + _v(size)  # pts: msb_pts_shift is 0
    return head + _checksum(head)


def _main() -> bytes:
    bases = (VIDEO_TIME_BASE, AUDIO_TIME_BASE)
    return b"".join(
        (
            *map(_v, (_VERSION, _MINOR_VERSION, len(bases), _MAX_DISTANCE, len(bases))),
            *(_v(base.numerator) + _v(base.denominator) for base in bases),
            _codes(_INVALID, 0, 1),
            _codes(_FRAME, VIDEO, 1),
            _codes(_FRAME, AUDIO, 1),
            _codes(_INVALID, 0, 256 - 3 - 1),  # 'N' begins packets and is not counted
            _v(0),  # no headers are left out of frames
            _v(_PIPE_MODE),
        )
    )


def _codes(flags: int, stream: int, count: int) -> bytes:
    """Rows of the frame code table: flags, and pts, mul, stream, size, res, count."""
    return b"".join(map(_v, (flags, 6, 0, 1, stream, 0, 0, count)))


def _video(width: int, height: int) -> bytes:
    return _stream(VIDEO, b"I420") + b"".join(map(_v, (width, height, 0, 0, 0)))


def _audio() -> bytes:
    return _stream(AUDIO, b"PSD\x10") + b"".join(map(_v, (AUDIO_RATE, 1, AUDIO_CHANNELS)))


def _stream(number: int, fourcc: bytes) -> bytes:
    """Class and time base have the number of the stream; no reordering, no extradata."""
    begins = (_v(number), _v(number), _vb(fourcc), _v(number))
    return b"".join((*begins, *map(_v, (0, _MAX_PTS_DISTANCE, 0, 0, 0))))


def _packet(startcode: int, content: bytes) -> bytes:
    """With its checksums; ours are short, so that the head needs none."""
    size = len(content) + 4
    return startcode.to_bytes(8) + _v(size) + content + _checksum(content)


def _v(number: int) -> bytes:
    """A number, seven bits a byte, the highest first."""
    groups = [number & 0x7F]
    while number := number >> 7:
        groups.append(number & 0x7F | 0x80)
    return bytes(reversed(groups))


def _s(number: int) -> bytes:
    """A number with a sign."""
    return _v(2 * number - 1 if number > 0 else -2 * number)


def _vb(data: bytes) -> bytes:
    return _v(len(data)) + data


def _row(byte: int) -> int:
    crc = byte << 24
    for _ in range(8):
        crc = crc << 1 ^ (0x04C11DB7 if crc & 0x80000000 else 0)
    return crc & 0xFFFFFFFF


_CRC: Final = tuple(map(_row, range(256)))
"""The generator polynomial 0x104C11DB7, highest bit first, nothing inverted."""


def _checksum(data: bytes) -> bytes:
    crc = 0
    for byte in data:
        crc = crc << 8 & 0xFFFFFFFF ^ _CRC[crc >> 24 ^ byte]
    return crc.to_bytes(4)
