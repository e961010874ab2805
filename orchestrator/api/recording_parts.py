"""What the API needs of the parts that deal with recordings after their start."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from orchestrator.catalog.encode_model import Encode
    from orchestrator.catalog.outputs.model import OutputRow
    from orchestrator.catalog.sidecars.model import SidecarFile
    from orchestrator.catalog.uploads.model import UploadedFile
    from orchestrator.outputs.specs import Output
    from orchestrator.recordings.encodes.options import EncodeOptions
    from orchestrator.recordings.hls.view import View
    from orchestrator.server.encodes.power import PauseReason


class Outputs(Protocol):
    """What becomes of recordings besides their files."""

    async def of_recording(self, recording_id: str, /) -> list[OutputRow]:
        """All outputs of a recording, in order; RecordingNotFound."""

    async def of_recordings(self, ids: Collection[str], /) -> dict[str, list[OutputRow]]:
        """Those of several recordings, by recording."""

    async def get(self, recording_id: str, id: str, /) -> OutputRow:
        """One of a recording; OutputNotFound."""

    async def current(self) -> list[OutputRow]:
        """Those that haven't ended, and all of recordings that run."""

    async def counts(self) -> dict[tuple[str, str], int]:
        """How many there are, by type and state."""

    async def add(self, recording_id: str, output: Output, /) -> OutputRow:
        """Adds one; InvalidRequest, OutputConflict, TooManyOutputs."""

    async def remove(self, recording_id: str, id: str, /) -> OutputRow:
        """Ends one; OutputNotFound, OutputConflict."""

    async def retry(self, recording_id: str, id: str, /) -> OutputRow:
        """Tries one anew; OutputNotFound, OutputConflict."""


class Sidecars(Protocol):
    """The files beside recordings' own."""

    async def page(
        self, recording_id: str, /, *, kind: str | None, limit: int, offset: int
    ) -> tuple[list[SidecarFile], int]:
        """Those of a recording by name, and how many there are in all."""

    async def get(self, recording_id: str, name: str, /) -> SidecarFile:
        """One by its name, or SidecarNotFound."""


class Uploads(Protocol):
    """Files of recordings at upload targets."""

    async def of_recording(self, recording_id: str, /) -> list[UploadedFile]:
        """All that has arrived, newest first; RecordingNotFound."""

    async def place(self, recording_id: str, name: str, /) -> str | Path:
        """An address with a signature, or a path; UploadedFileNotFound, UploadError."""

    async def playlist(self, recording_id: str, name: str, /) -> bytes:
        """The text of a playlist of HLS at a target; what `place` raises."""

    async def place_of_part(self, recording_id: str, part: int, /) -> str | Path | None:
        """The same of a final file; None if it isn't anywhere else."""

    async def is_removed(self, recording_id: str, part: int, /) -> bool:
        """Whether an upload deleted the final file here."""


class Hls(Protocol):
    """Playlists and pieces of recordings."""

    async def view(self, id: str, piece: int | None = None, part: int | None = None) -> View:
        """Its playlists, once they have that piece or part where they are of low latency.

        RecordingNotFound, HlsNotReady, HlsImpossible, InvalidRequest.
        """

    async def init(self, id: str, run: str, header: int = 0) -> bytes:
        """A segment's header; NotFound."""

    async def piece(self, id: str, run: str, piece: int) -> bytes:
        """A piece's bytes; NotFound."""

    async def part(self, id: str, run: str, piece: int, part: int) -> bytes:
        """A part's bytes; NotFound."""


class Encodes(Protocol):
    """Finished recordings that are encoded again, in a queue."""

    @property
    def pause_reason(self) -> PauseReason | None:
        """Why nothing is encoded now; None while the queue runs."""

    async def add(self, recording_id: str, options: EncodeOptions, /) -> Encode:
        """Queues a finished recording."""

    async def get(self, encode_id: str, /) -> Encode:
        """One encode, or EncodeNotFound."""

    async def pause(self, *, paused: bool) -> PauseReason | None:
        """Pauses or resumes the queue; why it is paused then."""

    async def active(self) -> list[Encode]:
        """The queue, in its order."""

    async def page(
        self, *, limit: int, offset: int, state: str | None = None, recording_id: str | None = None
    ) -> tuple[list[Encode], int]:
        """Encodes, newest first, and how many there are in all."""

    async def counts(self) -> dict[str, int]:
        """How many encodes there are in each state."""

    async def cancel(self, encode_id: str, /) -> Encode:
        """Cancels an encode; returns when it has ended."""
