"""The ffmpeg that sends: its arguments, without secrets (`hidden_arguments`). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from orchestrator.pushing.address import PushAddress
from orchestrator.pushing.media import PushedMedia

TARGET, APPLICATION, KEY, TOKEN = "PUSH_TARGET", "PUSH_APPLICATION", "PUSH_KEY", "PUSH_TOKEN"
"""Variables of its environment, which other users can't read, that stand for arguments."""

ANSWER_S: Final = 10
"""How long the other side may take for whatever it has to answer, or to take what is sent."""
_SEND_BUFFER_BYTES: Final = 2**19
"""Of the TCP socket: what a receiver that stops reading is noticed behind."""
_SRT_LATENCY_S: Final = 0.12
"""SRTO_RCVLATENCY of who names no other (libsrt 1.5, live mode)."""
_SRT_MARGIN_S: Final = 0.3
"""For the network, and for threads of both sides."""
_RTMP_TAIL_S: Final = 0.5
"""For what the socket still holds: TCP throws it away where the other side's acknowledgement (RTMP
§5.4.3, after each MiB or so) comes when nobody reads it any more (RFC 1122 §4.2.2.13)."""
_FORMATS: Final = {"rtmp": "flv", "srt": "mpegts", "whip": "whip"}
_LOG_LEVELS: Final = {"whip": "verbose"}
"""Where ffmpeg logs a server's answer with this one only; others: info."""
_KEYFRAMES: Final = "expr:if(isnan(prev_forced_t),1,gte(t,prev_forced_t+2))"
"""Where video that is encoded for the push has keyframes: each two seconds."""


@dataclass(frozen=True, slots=True)
class PushEncoding:
    """How what can't be sent as it is gets encoded; None: it is sent as it is."""

    video_bps: int | None = None
    audio_bps: int | None = None
    threads: int = 0

    @property
    def tracks(self) -> tuple[str, ...]:
        """What is encoded."""
        rates = {"video": self.video_bps, "audio": self.audio_bps}
        return tuple(name for name, rate in rates.items() if rate is not None)


def arguments(
    ffmpeg: Path,
    source: Path,
    address: PushAddress,
    encoding: PushEncoding,
    *,
    pinned: bool = False,
    token: bool = False,
) -> list[str]:
    """Reads NUT from a pipe and sends it. `pinned`: to an IP address in place of the host's name;
    `token`: with a bearer token.
    """
    return [
        str(ffmpeg),
        *(
            "-hide_banner",
            "-nostats",
            "-loglevel",
            f"level+{_LOG_LEVELS.get(address.kind, 'info')}",
        ),
        # The header says all: nothing has to be found out before the first packet goes on.
        *("-probesize", "100000", "-analyzeduration", "0", "-fpsprobesize", "0"),
        *("-f", "nut", "-i", str(source)),
        *("-map", "0:v:0?", "-map", "0:a:0?"),
        *_video(address, encoding),
        *_audio(address, encoding),
        *_order(encoding),
        *("-flush_packets", "1"),
        *("-muxdelay", "0", "-muxpreload", "0"),
        *_of_protocol(address, pinned=pinned, token=token),
        *("-f", _FORMATS[address.kind], f"${TARGET}"),
    ]


def secret_environment(
    address: PushAddress, token: str | None, pinned_to: str | None
) -> Mapping[str, str]:
    """The arguments that `$NAME` stands for."""
    return {
        TARGET: address.url_at(pinned_to),
        **({APPLICATION: address.application, KEY: address.key} if address.key else {}),
        **({TOKEN: token} if token else {}),
    }


def encoding_for(
    media: PushedMedia,
    address: PushAddress,
    *,
    reordered: bool,
    video_bps: int,
    audio_bps: int,
    mixes: bool = False,
    baseline_only: bool = False,
) -> PushEncoding:
    """What has to be encoded for this address, at these rates; audio that is mixed always."""
    kind = address.kind
    copies_video = media.copies_video(kind, reordered=reordered, baseline_only=baseline_only)
    copies_audio = media.copies_audio(kind) and not mixes
    return PushEncoding(None if copies_video else video_bps, None if copies_audio else audio_bps)


def tail_s(address: PushAddress) -> float:
    """How long a connection stays open when its last packet is sent; 0 if it needn't.

    SRT's receiver gives each packet out `latency` after it was sent, and what it still holds is
    lost when the sender closes, as is what libsrt has not sent. WHIP has nothing like it.
    """
    if address.kind == "srt":
        return max(address.latency_s, _SRT_LATENCY_S) + _SRT_MARGIN_S
    return _RTMP_TAIL_S if address.kind == "rtmp" else 0.0


def _video(address: PushAddress, encoding: PushEncoding) -> tuple[str, ...]:
    rate = encoding.video_bps
    if rate is None:
        return ("-c:v", "copy")
    profile = "baseline" if address.kind == "whip" else "main"
    return (
        *("-c:v", "libx264", "-preset:v", "veryfast", "-profile:v", profile, "-bf", "0"),
        *("-pix_fmt", "yuv420p", "-vf", "scale=trunc(iw/2)*2:trunc(ih/2)*2"),
        # Without a rate x264 takes the clock's, 90000, for it, and offers a level for that; the
        # bits are shared by time all the same.
        *("-x264-params", "fps=30:rc-lookahead=2:sync-lookahead=0:sliced-threads=1"),
        *("-fps_mode", "passthrough", "-enc_time_base:v", "1:90000"),
        *(
            "-force_key_frames:v",
            _KEYFRAMES,
        ),
        *("-b:v", str(rate), "-maxrate:v", str(rate), "-bufsize:v", str(2 * rate)),
        *("-threads:v", str(encoding.threads)),
    )


def _audio(address: PushAddress, encoding: PushEncoding) -> tuple[str, ...]:
    rate = encoding.audio_bps
    if rate is None:
        return ("-c:a", "copy")
    codec = "libopus" if address.kind == "whip" else "aac"
    return ("-c:a", codec, "-b:a", str(rate), "-ar", "48000", "-ac", "2")


def _order(encoding: PushEncoding) -> tuple[str, ...]:
    if len(encoding.tracks) != 1:
        # Packets come in order: none is held back for one of the other track.
        return ("-max_interleave_delta", "1")
    # What is copied waits for what is encoded beside it. At first it may come before it all the
    # same; an encoder's first packet lies before zero, and FLV takes none such then.
    return ("-max_interleave_delta", "500000", "-output_ts_offset", "0.1")


def _of_protocol(address: PushAddress, *, pinned: bool, token: bool) -> tuple[str, ...]:
    timeout = ("-rw_timeout", str(ANSWER_S * 1_000_000))
    if address.kind == "srt":
        # Else MPEG-TS collects audio packets, of low rates for half a second, up to the very end.
        # With its length a frame is known to be whole without the next one.
        return (*timeout, "-pes_payload_size", "0", "-omit_video_pes_length", "0")
    if address.kind == "whip":
        answer = ("-handshake_timeout", str(ANSWER_S * 1000), "-timeout", f"{ANSWER_S}")
        return (*answer, *(("-authorization", f"${TOKEN}") if token else ()))
    return (
        *timeout,
        *("-tcp_nodelay", "1", "-send_buffer_size", str(_SEND_BUFFER_BYTES)),
        *("-flvflags", "no_duration_filesize"),
        # ffmpeg itself takes two parts of a path for the application at most.
        *("-rtmp_app", f"${APPLICATION}", "-rtmp_playpath", f"${KEY}"),
        *(("-rtmp_tcurl", address.server_url) if pinned else ()),
        *(("-verifyhost", address.host) if pinned and address.encrypted else ()),
    )
