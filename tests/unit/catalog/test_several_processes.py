"""A catalog that several processes open, make and use at once, and what a process loads for it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from orchestrator.catalog.store import Catalog
from tests.kit.catalog.programs import python
from tests.kit.catalog.rows import url_of

MIGRATE = """
import asyncio, sys
from orchestrator.catalog.store import Catalog
async def main():
    catalog = Catalog(sys.argv[1])
    await catalog.open(migrate=True)
    print(await catalog.preference("x"))
    await catalog.close()
asyncio.run(main())
"""


async def test_several_processes_migrate_at_once(tmp_path: Path) -> None:
    url = url_of(tmp_path / "catalog.db")
    ended = await asyncio.gather(*(python(MIGRATE, url) for _ in range(4)))
    assert ended == [(0, "None\n")] * 4


CALL = """
import asyncio, sys
from orchestrator.catalog.store import Catalog
from tests.kit.catalog.rows import recording
async def main(url, name):
    catalog = Catalog(url)
    await catalog.open(migrate=False)
    await catalog.create(recording(name, name))
    async def call(number):
        await catalog.update(name, worker_starts=number)
        await catalog.add_event(name, "step", str(number))
        assert str(number) in [event.message for event in await catalog.events(name)]
        await catalog.set_preference("last", name)
        assert (await catalog.active_of(name)).id == name
    await asyncio.gather(*map(call, range(30)))
    await catalog.close()
asyncio.run(main(*sys.argv[1:]))
"""


async def test_many_calls_of_several_processes_at_once(tmp_path: Path) -> None:
    url = url_of(tmp_path / "catalog.db")
    catalog = Catalog(url)
    await catalog.open(migrate=True)
    await catalog.close()
    names = ["a", "b", "c", "d"]
    ended = await asyncio.gather(*(python(CALL, url, name) for name in names))
    assert ended == [(0, "")] * 4
    catalog = Catalog(url)
    await catalog.open(migrate=False)
    assert sorted(row.id for row in await catalog.active()) == names
    assert [len(await catalog.events(name)) for name in names] == [30] * 4
    await catalog.close()


LOADED = """
import sys
from pathlib import Path
import orchestrator.catalog.store
from orchestrator.catalog.database import prepare
prepare(Path(sys.argv[1]), migrate=True)
print(sorted(name for name in sys.modules if name.startswith(("alembic", "sqlalchemy.dialects."))))
"""


async def test_a_new_catalog_loads_neither_alembic_nor_other_databases(tmp_path: Path) -> None:
    """Which a server would keep in memory."""
    code, said = await python(LOADED, str(tmp_path / "catalog.db"))
    assert code == 0
    assert "sqlalchemy.dialects.sqlite" in said
    assert "alembic" not in said
    assert "postgresql" not in said
