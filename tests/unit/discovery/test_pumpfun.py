"""pump.fun as a directory, against the stand-in: what it finds, and how often it asks."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from orchestrator.discovery.directory import Directory
from orchestrator.discovery.pumpfun.discovery import PumpFunDiscovery
from orchestrator.discovery.pumpfun.responses import MOST_COINS
from orchestrator.errors import SourceGarbled, StreamNotFound
from orchestrator.media import LiveKitEndpoint, Stream
from orchestrator.settings import Settings
from tests.kit.pumpfun import LIST, LIVESTREAM, Fault, PumpFun, coin, mint_of

MINT = mint_of(1)
STREAM = Stream(MINT, "pumpfun")
ANSWERED_S = 5.0
"""Whatever happens, whoever asked has an answer by then."""


# -- what it finds


async def test_live_is_the_most_watched_first(
    discovery: PumpFunDiscovery, stand_in: PumpFun
) -> None:
    stand_in.coins += [
        coin(2, name=None, num_participants=50),
        coin(3, is_currently_live=False, num_participants=99),
        coin(4, num_participants=None),
        {"mint": "broken"},
    ]
    found = await discovery.live(20)
    assert [stream.id for stream in found] == [mint_of(2), MINT, mint_of(4)]
    assert found[0].name is None
    assert await discovery.live(1) == found[:1]


async def test_a_request_looks_like_a_browsers(
    discovery: PumpFunDiscovery, stand_in: PumpFun
) -> None:
    await discovery.live(1)
    (asked, *_) = stand_in.asked
    assert asked.headers["Origin"] == "https://pump.fun"
    assert asked.headers["User-Agent"].startswith("Mozilla/5.0 ")
    assert asked.query == {
        "offset": "0",
        "limit": "100",
        "sort": "currently_live",
        "order": "DESC",
        "includeNsfw": "true",
    }


async def test_one_coin_by_its_mint(discovery: PumpFunDiscovery) -> None:
    found = await discovery.find(MINT)
    assert found is not None
    assert (found.name, found.symbol, found.discovery) == ("Coin 1", "C1", "pumpfun")
    assert found.num_participants == 2, "the livestream's own count is the newer one"


async def test_a_coin_that_is_offline(discovery: PumpFunDiscovery, stand_in: PumpFun) -> None:
    stand_in.hidden.append(coin(2, is_currently_live=False))
    for mint in (mint_of(2), mint_of(3)):
        with pytest.raises(StreamNotFound, match="nobody streams this coin"):
            await discovery.find(mint)
    assert stand_in.count(LIST) == 0, "a name is only looked for when there is a stream"


@pytest.mark.parametrize("id", ["demo", "my room", "../" + MINT, MINT + "/x", "0" * 40, "", "💥"])
async def test_what_is_no_mint_is_not_asked_for(
    discovery: PumpFunDiscovery, stand_in: PumpFun, id: str
) -> None:
    assert await discovery.find(id) is None
    assert not stand_in.asked


async def test_coins_beyond_the_first_hundred(
    discovery: PumpFunDiscovery, stand_in: PumpFun
) -> None:
    stand_in.coins += [coin(number) for number in range(2, 251)]
    stand_in.hidden.append(coin(999))
    found = await discovery.find(mint_of(250))
    assert found is not None
    assert found.name == "Coin 250"
    assert len(await discovery.live(1000)) == 250
    assert stand_in.count(LIST) == 5, "pages of 60, the last one of 10"
    unlisted = await discovery.find(mint_of(999))
    assert unlisted is not None
    assert (unlisted.name, unlisted.symbol) == ("Streaming now", None)


@pytest.mark.parametrize("page", [60, 10_000])
async def test_ten_thousand_coins(
    page: int, discovery: PumpFunDiscovery, stand_in: PumpFun
) -> None:
    stand_in.coins = [coin(number) for number in range(10_000)]
    stand_in.page = page
    async with asyncio.timeout(ANSWERED_S):
        listed = await discovery.live(20_000)
    assert MOST_COINS <= len(listed) < MOST_COINS + 60
    assert stand_in.count(LIST) <= MOST_COINS // 60 + 1
    found = await discovery.find(mint_of(9_999))
    assert found is not None, "beyond the bound it is found by its mint"
    assert found.name == "Streaming now"


async def test_a_list_that_ignores_the_offset_ends(
    discovery: PumpFunDiscovery, stand_in: PumpFun
) -> None:
    stand_in.coins = [coin(number) for number in range(200)]
    stand_in.ignores_offset = True
    assert len(await discovery.live(1000)) == 60
    assert stand_in.count(LIST) == 2


async def test_a_token_is_new_each_time(discovery: PumpFunDiscovery, stand_in: PumpFun) -> None:
    first, second = [await discovery.endpoint(STREAM, "recorder") for _ in range(2)]
    assert [first.token, second.token] == stand_in.tokens
    assert first.url == stand_in.livekit_url
    assert first.token not in repr(first)
    asked = stand_in.asked[0]
    assert asked.body == {"mintId": MINT, "role": "viewer", "viewer": True}


async def test_nothing_to_join(discovery: PumpFunDiscovery) -> None:
    with pytest.raises(StreamNotFound, match="Livestream not found") as caught:
        await discovery.endpoint(Stream(mint_of(5), "pumpfun"), "recorder")
    assert mint_of(5) in caught.value.error


# -- how often it asks


async def test_many_at_once_are_one_request(discovery: PumpFunDiscovery, stand_in: PumpFun) -> None:
    stand_in.page = 100
    await asyncio.gather(
        *(discovery.find(MINT) for _ in range(20)), *(discovery.live(20) for _ in range(20))
    )
    await discovery.find(MINT)
    assert stand_in.count(LIVESTREAM) == 1
    assert stand_in.count(LIST) == 2, "the page, and that there is no other"


async def test_twenty_coins_at_once(discovery: PumpFunDiscovery, stand_in: PumpFun) -> None:
    stand_in.coins = [coin(number) for number in range(20)]
    async with asyncio.timeout(ANSWERED_S):
        found = await asyncio.gather(*(discovery.find(mint_of(n)) for n in range(20)))
    assert [stream and stream.name for stream in found] == [f"Coin {n}" for n in range(20)]
    assert stand_in.count(LIVESTREAM) == 20
    assert stand_in.count(LIST) == 2


# -- among the others


async def test_the_settings_find_it(stand_in: PumpFun) -> None:
    directory = Directory.from_settings(Settings(**stand_in.settings))
    assert directory.names == ["pumpfun"]
    stream = await directory.find(MINT)
    assert stream.discovery == "pumpfun"
    endpoint = await directory.endpoint(stream, "recorder")
    assert isinstance(endpoint, LiveKitEndpoint)
    assert endpoint.url == stand_in.livekit_url
    await directory.close()


async def test_it_does_not_hide_the_others(stand_in: PumpFun) -> None:
    wanted = stand_in.settings | {"discovery": ["pumpfun", "demo"]}
    directory = Directory.from_settings(Settings(**wanted))
    stand_in.fail(Fault.GARBAGE)
    assert [stream.id for stream in await directory.live(20)] == ["demo"]
    assert isinstance(directory.failures["pumpfun"], SourceGarbled)
    stand_in.recover()
    await directory.close()


def test_the_defaults_are_pump_funs() -> None:
    settings = Settings()
    assert settings.discovery == ["livekit", "demo"], "nobody is asked who wasn't named"
    for url in (settings.pumpfun_api_url, settings.pumpfun_livestream_url):
        assert httpx.URL(url).host.endswith(".pump.fun")
    assert settings.pumpfun_livekit_url.startswith("wss://")
