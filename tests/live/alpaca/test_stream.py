"""Streams on real sockets: what is said to open them, and what happens when they end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence

import pytest
from websockets.asyncio.server import ServerConnection, serve

from core.kernel.kinds import LaneFailure
from live.alpaca.messages import Update
from live.alpaca.session import DataSession, Refusal, TradingSession
from live.alpaca.stream import Stream
from live.alpaca.wire import Bar, Datum
from live.clock import SystemClock
from live.pacing import Backoff
from tests.live.alpaca.test_wire import BAR, UPDATE, frame
from tests.live.bottle import KEYS
from tests.live.exchange import Exchange
from tests.live.server import TradingSocket

MILLISECOND = 1_000_000


class Ear:
    """A listener that writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.news: list[Update | Datum] = []
        self.failures: list[LaneFailure] = []

    def ready(self) -> None:
        self.told.append("ready")

    def lost(self, failure: LaneFailure, detail: str) -> None:
        assert KEYS.secret.reveal() not in detail
        self.told.append("lost")
        self.failures.append(failure)

    def heard(self, news: Sequence[Update | Datum], received: int) -> None:
        self.news += news

    def unreadable(self, problem: str, received: int) -> None:
        self.told.append("unreadable")

    async def until(self, done: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not done():
                await asyncio.sleep(0.005)


def trading(port: int, ear: Ear) -> Stream:
    backoff = Backoff(1, base=MILLISECOND, cap=5 * MILLISECOND)
    return Stream(f"ws://127.0.0.1:{port}/stream", lambda: TradingSession(KEYS), ear, SystemClock(), backoff)


def listening(act: Callable[[TradingSocket, Ear, Exchange], Awaitable[None]], mood: str = "") -> Ear:
    """Run a stream against the trading socket while `act` goes on."""

    async def story() -> Ear:
        exchange, ear = Exchange(lambda: 1_790_000_000 * 10**9), Ear()
        async with TradingSocket(exchange) as server:
            server.mood = mood
            task = asyncio.create_task(trading(server.port, ear).run())
            await act(server, ear, exchange)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        return ear

    return asyncio.run(story())


def test_news_arrives_and_a_new_connection_listens_again():
    async def act(server: TradingSocket, ear: Ear, exchange: Exchange) -> None:
        await ear.until(lambda: ear.told == ["ready"])
        order = exchange.place("AAA", "buy", 5)
        exchange.fill(order["id"], 2)
        await ear.until(lambda: len(ear.news) == 1)
        await server.drop()
        await ear.until(lambda: ear.told == ["ready", "lost", "ready"])
        exchange.fill(order["id"], 3)
        await ear.until(lambda: len(ear.news) == 2)
        actions = [message["action"] for message in server.said]
        assert actions == ["authenticate", "listen"] * 2

    ear = listening(act)
    assert [news.event for news in ear.news if isinstance(news, Update)] == ["partial_fill", "fill"]


@pytest.mark.parametrize(
    ("mood", "failure"),
    [
        ("unauthorized", LaneFailure.UNAUTHORISED),
        ("deaf", LaneFailure.SERVER_ERROR),
        ("429", LaneFailure.RATE_LIMIT),
        ("401", LaneFailure.UNAUTHORISED),
        ("503", LaneFailure.SERVER_ERROR),
    ],
)
def test_a_stream_is_not_ready_before_it_listens(mood, failure):
    async def act(server: TradingSocket, ear: Ear, exchange: Exchange) -> None:
        await ear.until(lambda: len(ear.failures) >= 2)
        server.mood = ""
        await ear.until(lambda: "ready" in ear.told)

    ear = listening(act, mood)
    assert set(ear.failures) == {failure}


def test_an_unreadable_frame_is_told_and_costs_nothing_else():
    async def act(server: TradingSocket, ear: Ear, exchange: Exchange) -> None:
        await ear.until(lambda: ear.told == ["ready"])
        exchange.frames += ['{"stream":"trade_updates","data":null}', "garbage", frame(UPDATE).decode()]
        await ear.until(lambda: len(ear.news) == 1)

    assert listening(act).told == ["ready", "unreadable", "unreadable"]


def test_a_stream_of_nothing_but_noise_is_given_up():
    async def act(server: TradingSocket, ear: Ear, exchange: Exchange) -> None:
        await ear.until(lambda: ear.told == ["ready"])
        exchange.frames += ["noise"] * 20
        await ear.until(lambda: "lost" in ear.told)

    assert LaneFailure.UNPARSEABLE in listening(act).failures


def test_data_is_subscribed_to_before_it_counts():
    said: list[dict[str, object]] = []

    async def converse(socket: ServerConnection) -> None:
        await socket.send('[{"T":"success","msg":"connected"}]')
        async for text in socket:
            message = json.loads(text)
            said.append(message)
            if message["action"] == "auth":
                await socket.send('[{"T":"success","msg":"authenticated"}]')
            else:
                names = ("bars", "updatedBars", "statuses", "lulds", "quotes")
                lists = {name: message.get(name, []) for name in names}
                await socket.send(json.dumps([{"T": "subscription", **lists}, BAR]))

    async def story() -> Ear:
        ear = Ear()
        async with serve(converse, "127.0.0.1", 0) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            session = lambda: DataSession(KEYS, ("AAPL", "MSFT"), quotes=True)  # noqa: E731
            stream = Stream(f"ws://127.0.0.1:{port}/v2/iex", session, ear, SystemClock(), Backoff(1, base=MILLISECOND))
            task = asyncio.create_task(stream.run())
            await ear.until(lambda: len(ear.news) == 1)
            await ear.until(lambda: ear.told == ["ready"])
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        return ear

    ear = asyncio.run(story())
    assert [message["action"] for message in said] == ["auth", "subscribe"]
    assert isinstance(ear.news[0], Bar)


def test_a_subscription_that_lacks_something_is_not_ready():
    session = DataSession(KEYS, ("AAPL", "MSFT"), quotes=False)
    session.hear('[{"T":"subscription","bars":["AAPL"],"updatedBars":["*"],"statuses":["*"],"lulds":["*"]}]')
    assert not session.ready
    session.hear('[{"T":"subscription","bars":["MSFT","AAPL"],"updatedBars":["*"],"statuses":["*"],"lulds":["*"]}]')
    assert session.ready


@pytest.mark.parametrize(
    ("code", "failure"),
    [
        (401, LaneFailure.UNAUTHORISED),
        (402, LaneFailure.UNAUTHORISED),
        (406, LaneFailure.RATE_LIMIT),
        (407, LaneFailure.SERVER_ERROR),
        (409, LaneFailure.UNAUTHORISED),
        (500, LaneFailure.SERVER_ERROR),
    ],
)
def test_refusals_of_the_data_stream(code, failure):
    with pytest.raises(Refusal) as refused:
        DataSession(KEYS, ("A",), quotes=False).hear(json.dumps([{"T": "error", "code": code, "msg": "no"}]))
    assert refused.value.failure == failure


def test_losing_the_authorisation_later_ends_the_session():
    session = TradingSession(KEYS)
    session.hear('{"stream":"listening","data":{"streams":["trade_updates"]}}')
    assert session.ready
    with pytest.raises(Refusal):
        session.hear('{"stream":"authorization","data":{"status":"unauthorized","action":"listen"}}')
