"""The event log: readers that come late, go slow or come back miss nothing and get it once."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.answer.events import AnswerEvent, Citation, Status, Text
from myna.chats.log import EventLog, LogEvent

events = st.one_of(
    st.builds(Text, st.text(min_size=1, max_size=5)),
    st.builds(Status, st.sampled_from(["searching", "writing"])),
    st.builds(Citation, st.integers(0, 9), st.integers(10, 19), st.just((1,))),
)


def flat(found: list[LogEvent]) -> list[object]:
    """Events with the text cut into characters, so that joined pieces compare equal."""
    out: list[object] = []
    for event in found:
        out.extend(event.delta if isinstance(event, Text) else [event])
    return out


@given(st.lists(events, max_size=30), st.data())
def test_whatever_the_places_of_reading_nothing_is_lost_or_doubled(
    happened: list[AnswerEvent], data: st.DataObject
) -> None:
    log = EventLog()
    got: list[LogEvent] = []
    last = 0
    for event in happened:
        log.append(event)
        if data.draw(st.booleans()):
            entries = log.after(last)
            got += [entry.event for entry in entries]
            last = entries[-1].id
    got += [entry.event for entry in log.after(last)]
    assert flat(got) == flat(list(happened))


@given(st.lists(events, max_size=30))
def test_neighbouring_text_comes_in_one_piece(happened: list[AnswerEvent]) -> None:
    log = EventLog()
    for event in happened:
        log.append(event)
    kinds = [type(entry.event) for entry in log.after(0)]
    assert not any(a is b is Text for a, b in pairwise(kinds))
    assert [entry.id for entry in log.after(0)][-1:] == ([log.last_id] if happened else [])


def test_a_number_beyond_the_end_gives_nothing() -> None:
    log = EventLog()
    log.append(Text("a"))
    assert log.after(7) == []
    assert [entry.id for entry in log.after(-3)] == [1]


@pytest.mark.anyio
async def test_readers_at_different_speeds_all_get_the_whole() -> None:
    log = EventLog()

    async def read(pause_s: float) -> str:
        text = ""
        async for entries in log.follow(0, 10):
            text += "".join(e.event.delta for e in entries if isinstance(e.event, Text))
            await asyncio.sleep(pause_s)
        return text

    readers = [asyncio.create_task(read(pause)) for pause in (0, 0.001, 0.03)]
    for number in range(50):
        log.append(Text(f"{number} "))
        await asyncio.sleep(0.001)
    log.close()
    wanted = "".join(f"{number} " for number in range(50))
    assert await asyncio.gather(*readers) == [wanted] * 3


@pytest.mark.anyio
async def test_an_idle_log_says_so_and_a_closed_one_ends() -> None:
    log = EventLog()
    reader = log.follow(0, 0.01)
    assert await anext(reader) == []
    log.append(Text("x"))
    assert [entry.id for entry in await anext(reader)] == [1]
    log.close()
    with pytest.raises(StopAsyncIteration):
        await anext(reader)
