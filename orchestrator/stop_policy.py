"""How long each waits for the next one when a recording is stopped.

From the inside out: ffmpeg finishes its file, its worker makes the final file, POST /stop or the
server that is told to end waits for the worker, whoever asked waits for the server. Only the inner
durations are chosen, and each outer one is their sum, so nobody gives up before the one it waits
for. Two things are outside of it: making the file takes as long as its size needs (`file_s` is what
is reserved for it), and a catalog that can't be written to is tried again for longer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

_LEAST_SCALE: Final = 0.02
"""What a last run of ffmpeg has of each of its times at least."""


@dataclass(frozen=True, slots=True)
class StopPolicy:
    """Durations in seconds; those that aren't fields are sums of fields."""

    # -- within the worker, in their order
    notice_s: float = 1.0
    """Between two looks at what is wanted, where the signal to look at once is lost."""
    flush_s: float = 2.0
    """For decoders to finish what was received; at the end of the source once more."""
    grace_s: float = 15.0
    """Between the end of ffmpeg's input and SIGINT, if ffmpeg doesn't work: at least this long."""
    working_s: float = 50.0
    """The same while ffmpeg works: at most this long."""
    signal_s: float = 10.0
    """From SIGINT to SIGTERM, and from SIGTERM to SIGKILL, while ffmpeg works: at most."""
    reap_s: float = 5.0
    """From SIGKILL to the end of the process."""
    writer_s: float = 3.0
    """For the thread that writes the pipe, once ffmpeg is gone."""
    outputs_s: float = 4.0
    """For pushes and images to send or write what is left, once everything is recorded."""
    leave_s: float = 2.0
    """For the stream's server to hear that we leave."""
    disconnect_s: float = 5.0
    """For the connection to close."""
    file_s: float = 20.0
    """For joining, checking and naming the file: 11 GB at the rate that docs/benchmarks.md has."""

    # -- after the final file
    notes_s: float = 15.0
    """For the last lines of a recording's event log."""
    exit_margin_s: float = 3.0
    """For a worker's process to end after them."""
    requests_s: float = 3.0
    """For running requests when the server ends; the desktop app starts the next one after 3 s."""
    margin_s: float = 2.0
    """Between a server that has ended its requests and the next one that waits for its lock."""
    network_s: float = 20.0
    """By how much our own client waits longer than the server."""

    @property
    def ffmpeg_s(self) -> float:
        """From the end of ffmpeg's input until it is reaped, whatever it does."""
        return self.working_s + 2 * self.signal_s + self.reap_s

    @property
    def answer_s(self) -> float:
        """Until the file is final: what POST /stop waits, and a server that ends."""
        source_s = 2 * self.flush_s + self.leave_s + self.disconnect_s
        ending_s = self.ffmpeg_s + self.writer_s + self.outputs_s
        return self.notice_s + source_s + ending_s + self.file_s

    @property
    def exit_s(self) -> float:
        """From the final file until the worker's process is gone."""
        return self.notes_s + self.exit_margin_s

    @property
    def server_s(self) -> float:
        """From SIGTERM until the server is gone, with the default of `shutdown_timeout_s`."""
        return self.requests_s + self.answer_s + self.exit_s

    @property
    def lock_s(self) -> float:
        """How long the next server waits for the lock of one that ends."""
        return self.requests_s + self.margin_s

    @property
    def client_s(self) -> float:
        """How long our own client waits for POST /stop."""
        return self.answer_s + self.network_s

    def ffmpeg_within(self, limit_s: float) -> StopPolicy:
        """The same, shortened so that ffmpeg is gone within `limit_s` seconds, if 7 or more."""
        if limit_s >= self.ffmpeg_s:
            return self
        scale = max((limit_s - self.reap_s) / (self.ffmpeg_s - self.reap_s), _LEAST_SCALE)
        return replace(
            self,
            grace_s=self.grace_s * scale,
            working_s=self.working_s * scale,
            signal_s=self.signal_s * scale,
        )


STOP: Final = StopPolicy()
