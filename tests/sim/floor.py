"""A trading floor to try the venue on: hand-made bars and orders through the loop that real runs use.

Commands go straight to the venue, at the moment at which they are to arrive there. The engine looks on: it is
configured for symbol 0, in which nothing ever trades, so it sends nothing of its own. Dollars, shares and seconds
since the day's open go in and come out as plain numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from core.kernel.compiled import entry
from core.kernel.kinds import (
    CommandKind,
    EventKind,
    HaltKind,
    Phase,
    RejectReason,
)
from core.kernel.records import EVENT, MAX_ORDERS
from core.kernel.units import MINUTE, NANO, SECOND
from core.settings.scenario import Settings
from sim import messages, replay
from sim.market import NOTHING_LATE, post_calendar
from sim.records import BAR, SIGNAL, Rule, Stand
from sim.records import MINUTE as MINUTE_ROW
from sim.setup import new_desk
from tests.sim.floor_orders import IDLE, Order, micros, price

FIRST_DAY = 20_514  # 2026-03-02
DAY = 86_400 * SECOND
OPEN = FIRST_DAY * DAY + (14 * 60 + 30) * MINUTE
PRE, CLOSE, POST = -330 * 60, 390 * 60, 630 * 60  # seconds from the open to the other phases of the day
QUIET = {
    "profile": "alpaca_paper",
    "path": "ohlc",
    "half_spread_bps": 0,
    "slippage_bps": 0,
    "impact": 0,
    "participation": 0,
    "partial_probability": 0,
    "fees": False,
    "touch_fills": False,
    "submit_latency": "0ms",
    "cancel_latency": "0ms",
    "ack_latency": "0ms",
    "fill_latency": "0ms",
    "feed_latency": "0ms",
    "latency_jitter": 0,
}
COUNTERS = ("events_n", "fills_n", "decisions_n", "checks_n", "notes_n", "orders_n", "equity_n")
STRATEGY = SimpleNamespace(name="none", model_version="none")


class Bar(NamedTuple):
    """One minute of one symbol, with the quote at its start where there is one."""

    open: float
    high: float
    low: float
    close: float
    volume: float = 10_000
    bid: float = 0
    ask: float = 0


def flat(level: float, volume: float = 10_000) -> Bar:
    return Bar(level, level, level, level, volume)


class Fill(NamedTuple):
    """An execution: seconds since its day's open, shares, dollars."""

    order: int
    second: float
    qty: float
    price: float
    rule: Rule
    fee: float
    ambiguous: bool
    slippage: float
    half_spread: float
    execution: int


class News(NamedTuple):
    """What the venue told the engine of an order, and when it was sent and heard, in seconds since the open."""

    order: int
    kind: EventKind
    code: int
    qty: float
    sent: float
    heard: float
    execution: int
    symbol: int


@dataclass(frozen=True)
class State:
    """An order as it stands at the venue; `end` is how it ended, or None."""

    stand: Stand
    end: str | None
    qty: float
    filled: float
    average: float
    reason: RejectReason
    limit: float
    stop: float
    high: float
    times: dict[str, int] = field(repr=False)


Bars = Sequence[Bar | tuple[float, ...] | None] | Mapping[int, Bar | tuple[float, ...]]


class Floor:
    """A venue, its queue and its journal; every `day` is one session. Keyword arguments override [venue]."""

    def __init__(
        self, symbols: int = 1, seed: int = 1, cash: float = 1_000_000, multiplier: int = 4, **venue: Any
    ) -> None:
        settings = Settings.model_validate(
            {
                "name": "floor",
                "proves": "The venue does as it is told.",
                "seed": seed,
                "data": {"bars": "none"},
                "account": {"cash": cash, "multiplier": multiplier},
                "risk": {"gross_cap": 1},
                "venue": QUIET | venue,
                "strategies": {"none": {"use": "none:None"}},
            }
        )
        names = ("IDLE", *(f"S{i}" for i in range(symbols)))
        self.symbols = symbols
        self.desk = new_desk(settings, names, [STRATEGY], FIRST_DAY)  # type: ignore[list-item]
        self.desk.state["config"]["symbols"] = IDLE
        self.days = 0
        self.next_number = 1
        self.fills: list[Fill] = []
        self.rows: list[np.void] = []
        self.news: list[News] = []
        self.heard: list[np.void] = []

    # -- a day ------------------------------------------------------------------------------------------------

    def day(
        self,
        bars: Bars | Mapping[str, Bars] = (),
        orders: Sequence[Order] = (),
        *,
        halts: Sequence[tuple[float, float]] = (),
        split: tuple[int, int] | None = None,
        dividend: tuple[float, int] | None = None,
        open_print: float = 0,
        close_print: float = 0,
        adv: float = 0,
        sigma: float = 0,
        close: int = CLOSE,
        after: int = 1,
    ) -> Floor:
        """One session `after` days after the last. Returns itself.

        `bars` are those of the first symbol from the open on, or by minute since the open; with several symbols a
        dict of such by symbol "0", "1", … . `halts` are (begin, end) in seconds, `split` new and old shares,
        `dividend` dollars and the number of days until it is paid; these and the prints are of the first symbol.
        """
        self.days += after
        self.open = self.opening(self.days - 1)
        grids = _grids(bars)
        minutes, rows = self._market(grids, close)
        self._brief(open_print, close_print, adv, sigma, close)
        post_calendar(self.desk.queue, self._calendar(halts, split, dividend, close))
        self._send(orders)
        self._run(rows, minutes, self.open + (close - CLOSE + POST) * SECOND)
        self._read()
        return self

    def opening(self, day: int) -> int:
        """When a day opens, ns UTC; the first is day 0."""
        return OPEN + day * DAY

    def _market(self, grids: dict[int, dict[int, Bar]], close: int) -> tuple[np.ndarray, np.ndarray]:
        """The minute grid and the bars on it."""
        offsets = sorted({offset for grid in grids.values() for offset in grid} | {0})
        minutes = np.zeros(len(offsets), MINUTE_ROW)
        rows = np.zeros((len(offsets), self.symbols + IDLE), BAR)
        for i, offset in enumerate(offsets):
            regular = 0 <= offset < close // 60
            minutes[i]["time"] = self.open + offset * MINUTE
            minutes[i]["phase"] = Phase.REGULAR if regular else Phase.PRE if offset < 0 else Phase.POST
            for symbol, grid in grids.items():
                if offset in grid:
                    for name, value in grid[offset]._asdict().items():
                        rows[i, symbol + IDLE][name] = micros(value)
        return minutes, rows

    def _brief(self, open_print: float, close_print: float, adv: float, sigma: float, close: int) -> None:
        v = self.desk.venue[0]
        v["session"] = FIRST_DAY + self.days - 1
        v["session_open"] = self.open
        v["session_close"] = self.open + close * SECOND
        v["session_end"] = self.open + (close - CLOSE + POST) * SECOND
        symbol = self.desk.venue["symbol"][0, IDLE]
        symbol["open_print"] = micros(open_print)
        symbol["close_print"] = micros(close_print)
        symbol["adv"] = micros(adv)
        symbol["sigma"] = round(sigma * NANO)

    def _calendar(
        self,
        halts: Sequence[tuple[float, float]],
        split: tuple[int, int] | None,
        dividend: tuple[float, int] | None,
        close: int,
    ) -> np.ndarray:
        date = FIRST_DAY + self.days - 1
        phases = ((Phase.PRE, PRE), (Phase.REGULAR, 0), (Phase.POST, close), (Phase.CLOSED, close - CLOSE + POST))
        rows: list[tuple[EventKind, float, dict[str, int]]] = [
            (EventKind.SESSION, second, {"code": phase, "amount": date, "qty": close * SECOND})
            for phase, second in phases
        ]
        for begin, end in halts:
            halt = {"symbol": IDLE, "code": HaltKind.LULD}
            rows += [(EventKind.HALT, begin, halt), (EventKind.RESUME, end, halt)]
        if split is not None:
            rows.append((EventKind.SPLIT, PRE, {"symbol": IDLE, "ratio": split[0] * NANO // split[1]}))
        if dividend is not None:
            paid = self.open + PRE * SECOND + dividend[1] * DAY
            rows.append((EventKind.DIVIDEND, PRE, {"symbol": IDLE, "amount": micros(dividend[0]), "target": paid}))
        events = np.zeros(len(rows), EVENT)
        events["symbol"] = -1
        for event, (kind, second, fields) in zip(events, rows, strict=True):
            event["kind"] = kind
            event["t_market"] = event["t_received"] = event["t_visible"] = self.open + round(second * SECOND)
            for name, value in fields.items():
                event[name] = value
        return events

    def _send(self, orders: Sequence[Order]) -> None:
        """Put the commands on their way, each to arrive at its own time."""
        if not orders:
            return
        records = []
        for order in orders:
            number = order.number or self.next_number
            if order.kind == CommandKind.SUBMIT:
                self.next_number = max(self.next_number, number + order.legs + 1)
            records.append(order.record(number, self.open + round(order.at * SECOND)))
        commands = np.concatenate(records)
        deliver_later(self.desk.queue, commands, commands["created"].copy())

    def _run(self, rows: np.ndarray, minutes: np.ndarray, end: int) -> None:
        desk = self.desk
        desk.log[0]["signal"] = 0
        records = (desk.state, desk.venue, desk.queue, desk.log)
        signals = np.zeros(0, SIGNAL)
        done = replay.run_session(*records, rows, rows, NOTHING_LATE, minutes, signals, 0, end + MINUTE)
        assert done == -1, "more happened than the journal holds"

    def _read(self) -> None:
        """Take the day's executions and news out of the journal."""
        log = self.desk.log[0]
        for row in log["fills"][: log["fills_n"]].copy():
            self.rows.append(row)
            self.fills.append(
                Fill(
                    int(row["order"]),
                    self._second(row["time"]),
                    price(row["qty"]),
                    price(row["price"]),
                    Rule(row["rule"]),
                    price(row["fee"]),
                    bool(row["ambiguous"]),
                    price(row["slippage"]),
                    price(row["half_spread"]),
                    int(row["execution"]),
                )
            )
        for row in log["events"][: log["events_n"]]:
            if EventKind.FILL <= row["kind"] <= EventKind.RECONCILE and row["kind"] != EventKind.STREAM:
                self.heard.append(row.copy())
                kind = EventKind(row["kind"])
                times = self._second(row["t_market"]), self._second(row["t_visible"])
                numbers = int(row["execution"]), int(row["symbol"]) - IDLE
                self.news.append(News(int(row["order"]), kind, int(row["code"]), price(row["qty"]), *times, *numbers))
        for counter in COUNTERS:
            log[counter] = 0

    def _second(self, time: int) -> float:
        return (int(time) - self.open) / SECOND

    # -- what there is ----------------------------------------------------------------------------------------

    def order(self, number: int) -> State:
        """An order as the venue's book has it."""
        o = self.desk.venue["orders"][0, number % MAX_ORDERS]
        assert o["id"] == number, f"the venue does not know order {number}"
        ends = ("filled_at", "canceled", "expired", "rejected")
        times = {name: int(o[name]) for name in (*ends, "accepted", "activated", "triggered", "terminal")}
        (end,) = [name.removesuffix("_at") for name in ends if times[name]] or [None]
        return State(
            Stand(o["stand"]),
            end,
            price(o["qty"]),
            price(o["filled"]),
            int(o["paid"]) / int(o["filled"]) if o["filled"] else 0.0,
            RejectReason(o["reason"]),
            price(o["limit"]),
            price(o["stop"]),
            price(o["high"]),
            times,
        )

    def ended(self, number: int) -> tuple[str | None, float]:
        """How an order ended, and when, in seconds since the day's open."""
        state = self.order(number)
        return state.end, self._second(state.times["terminal"])

    def told(self, number: int) -> list[EventKind]:
        """The kinds of news of an order, in the order in which they were heard."""
        return [news.kind for news in self.news if news.order == number]

    def forbid(self, symbol: int = 0) -> Floor:
        """The broker does not let this symbol be traded. Returns itself."""
        self.desk.venue["symbol"][0, symbol + IDLE]["tradable"] = 0
        return self

    def position(self, symbol: int = 0) -> float:
        return price(self.desk.venue["symbol"][0, symbol + IDLE]["position"])

    @property
    def cash(self) -> float:
        return price(self.desk.venue[0]["cash"])

    @property
    def exits(self) -> int:
        return int(self.desk.venue[0]["exits"])

    @property
    def ambiguous_exits(self) -> int:
        return int(self.desk.venue[0]["ambiguous_exits"])

    @property
    def executions(self) -> list[tuple[int, float, float, float]]:
        """Order, second, shares, dollars of every execution."""
        return [(fill.order, fill.second, fill.qty, fill.price) for fill in self.fills]


def _grids(bars: Bars | Mapping[str, Bars]) -> dict[int, dict[int, Bar]]:
    """Bars by symbol and by minute since the open."""
    several = isinstance(bars, Mapping) and any(isinstance(key, str) for key in bars)
    by_symbol: Mapping[Any, Any] = bars if several else {"0": bars}  # type: ignore[assignment]
    return {int(symbol): _grid(given) for symbol, given in by_symbol.items()}


def _grid(given: Bars) -> dict[int, Bar]:
    pairs = given.items() if isinstance(given, Mapping) else enumerate(given)
    return {offset: Bar(*bar) for offset, bar in pairs if bar is not None}


@entry
def deliver_later(queues, commands, times):  # type: ignore[no-untyped-def]
    """Post commands to the venue, each to arrive at its time."""
    for i in range(len(commands)):
        messages.post_command(queues[0], times[i], commands[i], 0)
