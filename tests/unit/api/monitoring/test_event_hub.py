"""The hub: what is remembered for those who come back, and what becomes of the slow."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.api.monitoring.event_hub import (
    MOST_CLIENTS,
    MOST_OF_ONE,
    REMEMBERED,
    WAITING,
    Client,
    EventHub,
    TooManyClients,
    frame,
)


def lines(first: int, last: int) -> list[tuple[int, str]]:
    return [(id, f'"{id}"') for id in range(first, last + 1)]


def ids(hub: EventHub, last_id: int | None) -> list[int] | None:
    """What somebody missed who saw this one last."""
    missed = hub.missed(last_id)
    return None if missed is None else [int(event.id or 0) for event in missed]


def test_who_comes_back_gets_what_was_missed() -> None:
    hub = EventHub()
    hub.remember(lines(1, 5))
    hub.remember(lines(6, 7))
    assert hub.newest == 7
    assert ids(hub, 0) == [1, 2, 3, 4, 5, 6, 7]
    assert ids(hub, 5) == [6, 7]
    assert ids(hub, 7) == []
    assert ids(hub, 8) is None, "of another catalog"
    assert ids(hub, None) is None, "never here before"


def test_nothing_was_ever_told() -> None:
    hub = EventHub()
    hub.remember([])
    assert (hub.newest, ids(hub, 0)) == (0, [])


def test_what_is_too_old_is_not_half_told() -> None:
    hub = EventHub()
    hub.remember(lines(11, 10 + REMEMBERED))
    assert ids(hub, 9) is None, "there may be lines before those that were read"
    assert ids(hub, 10) == list(range(11, 11 + REMEMBERED))
    hub.remember(lines(11 + REMEMBERED, 20 + REMEMBERED))
    assert ids(hub, 19) is None
    assert ids(hub, 20) == list(range(21, 21 + REMEMBERED))


@given(st.lists(st.integers(0, 2 * REMEMBERED), min_size=1, max_size=5), st.integers(0, 9000))
def test_never_a_gap(sizes: list[int], last_id: int) -> None:
    """Whatever is read at a time: all lines after the last one, or none at all."""
    hub, newest = EventHub(), 0
    for size in sizes:
        newest += size
        hub.remember(lines(max(newest - size, newest - REMEMBERED) + 1, newest))
    replayed = ids(hub, last_id)
    assert replayed is None or replayed == list(range(last_id + 1, newest + 1))
    assert newest == 0 or ids(hub, newest - 1) == [newest]


async def test_everybody_gets_the_same_text() -> None:
    hub = EventHub()
    clients = [Client([frame("reset", "{}", 3)]) for _ in range(2)]
    for client in clients:
        hub.add(client)
    event = frame("figures", "{}")
    hub.publish(event)
    hub.close()
    assert [[e.event async for e in c.events()] for c in clients] == [["reset"], ["reset"]]


async def test_in_order_until_the_end() -> None:
    hub, client = EventHub(), Client([frame("reset", "{}", 0)])
    hub.add(client)
    hub.publish(first := frame("story", "1", 1))
    reading = client.events()
    assert (await anext(reading)).event == "reset"
    assert await anext(reading) is first, "nothing is made anew for each"
    waiting = asyncio.ensure_future(anext(reading))
    hub.publish(second := frame("figures", "2"))
    assert await waiting is second
    hub.close()
    assert [event async for event in reading] == []


async def test_the_slow_are_ended_and_counted() -> None:
    hub, slow, quick = EventHub(), Client([]), Client([])
    hub.add(slow)
    hub.add(quick)
    reading = quick.events()
    for number in range(WAITING + 1):
        hub.publish(frame("figures", str(number)))
        assert (await anext(reading)).raw_data == str(number)
    assert (hub.too_slow, hub.clients) == (1, 1)
    assert [event async for event in slow.events()] == []


def test_places_are_bounded() -> None:
    hub = EventHub()
    clients = [Client([], str(number)) for number in range(MOST_CLIENTS)]
    for client in clients:
        hub.add(client)
    with pytest.raises(TooManyClients) as refused:
        hub.add(Client([]))
    assert refused.value.context["retry_after_s"] > 0
    hub.remove(clients[0])
    hub.add(Client([]))


async def test_a_server_that_stops_keeps_nobody() -> None:
    hub = EventHub()
    hub.close()
    late = Client([frame("reset", "{}", 0)])
    hub.add(late)
    assert [event.event async for event in late.events()] == ["reset"]


def joined(hub: EventHub, who: str, number: int, session: str | None = None) -> list[Client]:
    made = [Client([], who, session) for _ in range(number)]
    for client in made:
        hub.add(client)
    return made


async def test_one_client_takes_not_all_places() -> None:
    hub = EventHub()
    joined(hub, "one", MOST_OF_ONE)
    with pytest.raises(TooManyClients, match=f"^{MOST_OF_ONE} clients"):
        joined(hub, "one", 1)
    assert hub.clients == MOST_OF_ONE


async def test_who_has_most_gives_one_back() -> None:
    """Whoever changes its name takes a few times as many places, and still locks nobody out."""
    hub = EventHub()
    greedy = [joined(hub, f"greedy {n}", MOST_OF_ONE) for n in range(MOST_CLIENTS // MOST_OF_ONE)]
    joined(hub, "late", 1)
    assert hub.clients == MOST_CLIENTS
    assert [event async for event in greedy[0][0].events()] == [], "the oldest of the fullest"
    with pytest.raises(TooManyClients):
        joined(hub, "late", MOST_OF_ONE)
    assert hub.clients == MOST_CLIENTS


async def test_signing_out_ends_what_the_session_let_in() -> None:
    hub = EventHub()
    (out, also_out), (stays,) = joined(hub, "one", 2, "a"), joined(hub, "one", 1, "b")
    hub.end_session("a")
    hub.publish(frame("figures", "{}"))
    hub.close()
    assert [[e.event async for e in c.events()] for c in (out, also_out)] == [[], []]
    assert stays.who == "one"
    assert hub.clients == 1
