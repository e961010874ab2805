"""What is read from pump.fun's answers, and from answers that are none."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.discovery.pumpfun.responses import (
    LONGEST_TEXT,
    MOST_COINS,
    Livestream,
    Page,
    is_last,
    join_token_of,
    livestream_of,
    merged,
    page_of,
)
from orchestrator.errors import SourceGarbled
from orchestrator.media import Stream
from tests.kit.pumpfun import coin, mint_of

FIELDS = set(coin(1)) - {"mint", "reply_count"}


def page(*entries: Any) -> Page:
    return page_of(json.dumps(entries).encode())


def test_every_field_of_a_coin_is_read() -> None:
    fields = coin(7, nsfw=True, website="https://w.example", telegram="t.me/seven")
    (stream,) = page(fields).streams
    assert (stream.id, stream.discovery) == (mint_of(7), "pumpfun")
    assert {name: getattr(stream, name) for name in FIELDS} == {
        name: fields[name] for name in FIELDS
    }
    assert page(fields).unusable == 0


def test_what_is_not_told_is_none() -> None:
    (stream,) = page({"mint": mint_of(7)}).streams
    assert stream == Stream(id=mint_of(7), discovery="pumpfun")
    (nulls,) = page({name: None for name in FIELDS} | {"mint": mint_of(7)}).streams
    assert nulls == stream


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", 7),
        ("symbol", ["C"]),
        ("num_participants", "12"),
        ("num_participants", -1),
        ("num_participants", True),
        ("market_cap", "high"),
        ("market_cap", math.nan),
        ("usd_market_cap", math.inf),
        ("created_timestamp", 10**30),
        ("nsfw", "no"),
        ("website", "javascript:alert(1)"),
        ("image_uri", "data:text/html,x"),
        ("thumbnail", "https://x.example/" + "x" * 5000),
    ],
)
def test_a_value_that_cannot_be_used_counts_as_not_told(field: str, value: Any) -> None:
    found = page(coin(1, **{field: value}), coin(2))
    without = page({name: v for name, v in coin(1).items() if name != field}, coin(2))
    assert found.streams == without.streams
    assert found.unusable == 1


@pytest.mark.parametrize(
    "entry", [None, 7, "coin", [], {}, {"mint": None}, {"mint": "../x"}, {"mint": "O" * 40}]
)
def test_an_entry_without_a_mint_is_left_out(entry: Any) -> None:
    found = page(coin(1), entry, coin(2))
    assert [stream.name for stream in found.streams] == ["Coin 1", "Coin 2"]
    assert (found.entries, found.unusable) == (3, 1)


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("a\x1b[31mred\x07", "a [31mred"),
        ("\ud83d broken", "broken"),
        ("  💥 Ünïcode ", "💥 Ünïcode"),
        ("\n\t", None),
        ("x" * 9000, "x" * LONGEST_TEXT),
    ],
)
def test_text_is_made_harmless(name: str, read: str | None) -> None:
    (stream,) = page(coin(1, name=name)).streams
    assert stream.name == read
    json.dumps(asdict(stream), ensure_ascii=False).encode()


def test_a_number_of_ten_thousand_digits_costs_one_value() -> None:
    text = json.dumps([coin(1), coin(2)]).replace("29.5", "9" * 10_000)
    first, second = page_of(text.encode()).streams
    assert first.market_cap is None
    assert second.market_cap == 30.5


def test_more_coins_than_that_are_not_looked_at() -> None:
    found = page(*(coin(number) for number in range(MOST_COINS + 5)))
    assert (len(found.streams), found.entries) == (MOST_COINS, MOST_COINS + 5)


@pytest.mark.parametrize(
    "data", [b"", b"<html>", b"[" * 100_000, b"{}", b"7", b"\xff\xfe[]", b'[{"mint": 7}]', b"[7]"]
)
def test_a_list_that_is_none(data: bytes) -> None:
    with pytest.raises(SourceGarbled, match="can't be understood"):
        page_of(data)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(sorted(FIELDS)), json_values))
def test_no_value_of_a_coin_breaks_the_list(fields: dict[str, Any]) -> None:
    found = page(coin(1), coin(2, **fields), coin(3))
    assert [stream.id for stream in found.streams] == [mint_of(1), mint_of(2), mint_of(3)]
    odd = asdict(found.streams[1])
    json.dumps(odd, allow_nan=False, ensure_ascii=False).encode()


@given(st.binary())
def test_an_answer_is_read_or_refused_and_nothing_else(data: bytes) -> None:
    for read in (page_of, livestream_of, join_token_of):
        with suppress(SourceGarbled):
            read(data)


def pages(*sizes: int) -> list[Page]:
    streams = [Stream(mint_of(number), "pumpfun") for number in range(sum(sizes))]
    return [
        Page(tuple(streams[sum(sizes[:i]) : sum(sizes[: i + 1])]), size, 0)
        for i, size in enumerate(sizes)
    ]


@pytest.mark.parametrize(
    ("sizes", "last"),
    [
        ((0,), True),
        ((5,), False),
        ((60,), False),
        ((60, 60), False),
        ((60, 59), True),
        ((60, 0), True),
    ],
)
def test_where_the_list_ends(sizes: tuple[int, ...], last: bool) -> None:
    assert is_last(pages(*sizes)) is last


def test_a_page_that_brings_nothing_new_is_the_last() -> None:
    (same,) = pages(60)
    assert is_last([same, same])


@pytest.mark.parametrize("data", [b"", b" \n", b"null"])
def test_nothing_means_offline(data: bytes) -> None:
    assert livestream_of(data) == Livestream(live=False)


def test_a_livestream() -> None:
    fields = {"isLive": True, "numParticipants": 9, "title": "T", "thumbnail": 7, "mode": "x"}
    assert livestream_of(json.dumps(fields).encode()) == Livestream(True, 9, "T")
    assert livestream_of(b'{"isLive": false}') == Livestream(live=False)


@pytest.mark.parametrize("data", [b"{}", b'{"isLive": 1}', b'{"isLive": "true"}', b"[]", b"off"])
def test_another_shape_does_not_mean_offline(data: bytes) -> None:
    with pytest.raises(SourceGarbled):
        livestream_of(data)


def test_a_coin_that_is_not_listed_has_what_its_livestream_tells() -> None:
    livestream = Livestream(True, 9, "Title", "creator", "https://x.example/t.jpg")
    made = merged(mint_of(1), livestream, None)
    assert (made.id, made.name, made.symbol) == (mint_of(1), "Title", None)
    assert (made.num_participants, made.creator) == (9, "creator")
    assert made.thumbnail == "https://x.example/t.jpg"


def test_the_livestream_tells_the_viewers_and_the_list_the_rest() -> None:
    (listed,) = page(coin(1)).streams
    made = merged(mint_of(1), Livestream(True, 9, "Title"), listed)
    assert (made.name, made.num_participants, made.symbol) == ("Coin 1", 9, "C1")
    assert merged(mint_of(1), Livestream(True), listed).num_participants == 1


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"token": None},
        {"token": "no.jwt"},
        {"token": "abc"},
        {"token": "e30.e30.e30"},  # {}: no grants
        {"token": "x.W10.x"},  # []
        {"token": "x.eyJ2aWRlbyI6eyJyb29tIjo3fX0.x"},  # {"video":{"room":7}}
        [],
        None,
    ],
)
def test_tokens_that_are_none(answer: Any) -> None:
    with pytest.raises(SourceGarbled, match="can't be understood"):
        join_token_of(json.dumps(answer).encode())
