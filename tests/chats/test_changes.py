"""Pages are told what changed; one that is too slow looks at everything anew."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from myna.chats.changes import ANY, MOST_WAITING, Changed, Changes

pytestmark = pytest.mark.anyio


async def test_every_page_of_a_viewer_is_told_and_no_other() -> None:
    changes = Changes()
    told: dict[str, list[Changed | None]] = {"one": [], "two": [], "other": []}

    async def read(name: str, viewer: str) -> None:
        async for changed in changes.follow(viewer, 60):
            told[name].append(changed)

    tasks = [
        asyncio.create_task(read(name, viewer))
        for name, viewer in (("one", "ann"), ("two", "ann"), ("other", "bob"))
    ]
    await asyncio.sleep(0)
    changed = Changed(uuid4(), uuid4())
    changes.tell("ann", changed)
    changes.tell("nobody", changed)
    await asyncio.sleep(0.01)
    changes.close()
    await asyncio.wait_for(asyncio.gather(*tasks), 5)
    assert told == {"one": [changed], "two": [changed], "other": []}


async def test_a_page_that_is_far_behind_is_told_that_anything_may_have_changed() -> None:
    changes = Changes()
    reading = changes.follow("ann", 0.01)
    assert await anext(reading) is None
    for _ in range(MOST_WAITING + 1):
        changes.tell("ann", Changed(uuid4(), uuid4()))
    assert await anext(reading) == ANY
    assert await anext(reading) is None
    changes.close()
    assert [changed async for changed in reading] == []
