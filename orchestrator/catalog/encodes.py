"""The catalog's queue of encodes, and those that have ended."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import ColumnElement, Delete, Update, delete, func, select, update
from sqlalchemy.orm import Session

from orchestrator.catalog.encode_model import ACTIVE_ENCODES, Encode
from orchestrator.catalog.hls_runs.model import HlsRun
from orchestrator.catalog.models import TO_ENCODE, File, Recording, Segment
from orchestrator.catalog.statements import changed, check_columns, translated
from orchestrator.catalog.store import Catalog
from orchestrator.errors import EncodeNotFound, TooManyEncodes

MOST_ACTIVE: Final = 1000
"""Encodes that may wait at once."""

_PAUSED: Final = "encode_queue"
"""The preference that says whether the queue was paused or resumed last."""

_NEWEST: Final = (Encode.created_at.desc(), Encode.id.desc())
_IS_ACTIVE: Final = Encode.state.in_(ACTIVE_ENCODES)

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class MadeFile:
    """A file that an encode made beside a recording's own."""

    path: Path
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Replacement:
    """A file that took the place of a recording's."""

    file: File
    columns: Mapping[str, Any]
    """Of the recording, as its first file has them now: pipeline, codecs, quality."""


class Encodes:
    """The table of encodes. Every method is one short transaction."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def add(self, encode: Encode) -> None:
        """Puts an encode into the queue, durably.

        TooManyEncodes, AlreadyEncoding if its recording is in the queue, RecordingNotFound.
        """
        await self._write(lambda session: _add(session, encode), about=encode.recording_id)

    async def add_of_recording(self, encode: Encode) -> bool:
        """The same for what /start asked for, once only; False if another server did it."""
        mine = (Recording.id == encode.recording_id, TO_ENCODE)
        mark = update(Recording).where(*mine).values(encode_id=encode.id)

        def add(session: Session) -> bool:
            if not changed(session, mark):
                return False
            _add(session, encode)
            return True

        return await self._write(add, about=encode.recording_id)

    async def give_up(self, recording_id: str) -> None:
        """What /start asked for can't be queued: it isn't tried again."""
        mark = update(Recording).where(Recording.id == recording_id).values(encode_id="")
        await self._change(mark)

    async def to_add(self, limit: int = 20) -> list[Recording]:
        """Completed recordings whose /start asked for an encode that isn't queued yet."""
        query = select(Recording).where(TO_ENCODE).order_by(Recording.created_at).limit(limit)
        return await self._read(lambda session: list(session.scalars(query)))

    async def get(self, id: str) -> Encode:
        """One encode, or EncodeNotFound."""
        found = await self._read(lambda session: session.get(Encode, id))
        if found is None:
            raise EncodeNotFound(id)
        return found

    async def active(self) -> list[Encode]:
        """The queue, in its order."""
        query = select(Encode).where(_IS_ACTIVE).order_by(Encode.created_at, Encode.id)
        return await self._read(lambda session: list(session.scalars(query)))

    async def active_of(self, recording_id: str) -> Encode | None:
        """The encode of this recording that hasn't ended."""
        query = select(Encode).where(Encode.recording_id == recording_id, _IS_ACTIVE)
        return await self._read(lambda session: session.scalars(query).first())

    async def page(
        self,
        *,
        limit: int,
        offset: int,
        state: str | None = None,
        recording_id: str | None = None,
    ) -> tuple[list[Encode], int]:
        """One page of all encodes, newest first, and their total number."""
        wanted: list[ColumnElement[bool]] = []
        if state is not None:
            wanted.append(Encode.state == state)
        if recording_id is not None:
            wanted.append(Encode.recording_id == recording_id)
        newest = select(Encode).where(*wanted).order_by(*_NEWEST).limit(limit).offset(offset)
        count = select(func.count(Encode.id)).where(*wanted)
        return await self._read(
            lambda session: (list(session.scalars(newest)), session.scalar(count) or 0)
        )

    async def counts(self) -> dict[str, int]:
        """The number of encodes in each state."""
        query = select(Encode.state, func.count(Encode.id)).group_by(Encode.state)
        return await self._read(lambda s: {state: count for state, count in s.execute(query)})

    async def made_files(self, recording_id: str) -> list[MadeFile]:
        """What its encodes made beside its files; what took their place is a file of its own."""
        query = select(Encode.result).where(Encode.recording_id == recording_id)
        results = await self._read(lambda session: list(session.scalars(query)))
        files = [file for result in results for file in result.values() if not file["replaced"]]
        return [MadeFile(Path(file["output"]), file["output_bytes"]) for file in files]

    async def change(
        self,
        id: str,
        states: Collection[str] = ACTIVE_ENCODES,
        *,
        starts: int | None = None,
        **columns: Any,
    ) -> bool:
        """Sets columns of an encode in one of these states; False if it is in another, or gone.

        With `starts`: only while that is the number of its last process.
        """
        check_columns(Encode, columns, fixed=("id", "recording_id"))
        this: list[ColumnElement[bool]] = [Encode.id == id, Encode.state.in_(states)]
        if starts is not None:
            this.append(Encode.starts == starts)
        return bool(await self._change(update(Encode).where(*this).values(**columns)))

    async def put_result(
        self, id: str, result: dict[str, Any], replaced: Replacement | None
    ) -> None:
        """What came of the files so far, and the file that took the place of a recording's."""

        def put(session: Session) -> None:
            session.execute(update(Encode).where(Encode.id == id).values(result=result))
            if replaced is not None:
                _replace(session, replaced)

        await self._write(put, about=id)

    async def put_replaced(self, replaced: Replacement) -> None:
        """The file that took the place of a recording's, without an encode of the queue."""
        about = replaced.file.recording_id
        await self._write(lambda session: _replace(session, replaced), about=about)

    async def cancel(self, id: str) -> bool:
        """Cancels one that is queued, and asks for the end of one that has begun.

        False if its process, or the next server, has yet to end it. EncodeNotFound.
        """
        ended: dict[str, Any] = {"state": "cancelled", "ended_at": datetime.now(UTC)}
        if await self.change(id, ("queued",), wanted="cancel", **ended):
            about, message = (await self.get(id)).recording_id, "Encoding again was cancelled."
            data = {"encode_id": id, "state": ended["state"]}
            await self._catalog.add_event(about, "encoded", message, **data)
            return True
        await self.change(id, wanted="cancel")
        return (await self.get(id)).state not in ACTIVE_ENCODES

    async def paused(self) -> bool | None:
        """Whether the queue was paused, or resumed, by request; None: neither."""
        kept = await self._catalog.preference(_PAUSED)
        return None if kept is None else kept == "paused"

    async def pause(self, *, paused: bool) -> None:
        """Pauses or resumes the queue; kept until it is asked for again."""
        await self._catalog.set_preference(_PAUSED, "paused" if paused else "running")

    async def claim(self, id: str, starts: int, **columns: Any) -> bool:
        """Claims the right to start the next process after `starts`; False if another has it."""
        no_process = {"worker_pid": None, "worker_created": None, "worker_boot": None}
        change = update(Encode).where(Encode.id == id, _IS_ACTIVE, Encode.starts == starts)
        values = {"starts": starts + 1, "state": "running", **no_process, **columns}
        return bool(await self._change(change.values(**values)))

    async def _change(self, statement: Update | Delete) -> int:
        return await self._catalog.transactions.write(lambda session: changed(session, statement))

    async def _read(self, work: Callable[[Session], _T]) -> _T:
        return await self._catalog.transactions.read(work)

    async def _write(self, work: Callable[[Session], _T], *, about: str) -> _T:
        with translated(about):
            return await self._catalog.transactions.write(work, durable=True)


def _replace(session: Session, replaced: Replacement) -> None:
    """The recording then has the sizes of its new files, if it is still there."""
    file = replaced.file
    if session.get(Recording, file.recording_id) is None:
        return
    before = session.get(File, (file.recording_id, file.number))
    file.replaced = 1 + (before.replaced if before is not None else 0)
    session.merge(file)
    session.flush()
    _forget_hls(session, file)
    of_recording = File.recording_id == file.recording_id
    columns: dict[str, Any] = {
        name: select(func.sum(column)).where(of_recording).scalar_subquery()
        for name, column in (("size_bytes", File.size_bytes), ("duration_s", File.duration_s))
    }
    # On the terminal perhaps: what /start asked for is done then.
    columns["encode_id"] = func.coalesce(Recording.encode_id, "")
    if file.number == 1:
        columns |= {"output_path": file.path, "probe": file.probe, **replaced.columns}
    check_columns(Recording, columns, fixed=("id",))
    session.execute(update(Recording).where(Recording.id == file.recording_id).values(**columns))


def _forget_hls(session: Session, file: File) -> None:
    """The headers and times of its pieces were those of the file before."""
    of_part = select(Segment.number).where(
        Segment.recording_id == file.recording_id, Segment.part == file.number
    )
    session.execute(
        delete(HlsRun).where(HlsRun.recording_id == file.recording_id, HlsRun.segment.in_(of_part))
    )


def _add(session: Session, encode: Encode) -> None:
    active = session.scalar(select(func.count(Encode.id)).where(_IS_ACTIVE)) or 0
    if active >= MOST_ACTIVE:
        raise TooManyEncodes(
            f"{MOST_ACTIVE} encodes are queued, which is the limit.",
            "Wait until some are done, or cancel one with DELETE /api/encodes/{id}.",
        )
    session.add(encode)
    session.flush()
