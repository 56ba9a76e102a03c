"""A scenario's market and venue for a client that lives outside the compiled loop.

The world has a clock that is moved from outside, a venue that takes commands, and news that comes out of both. It
plays session after session exactly as `sim.scenario` does: the same data, the same briefing of the venue before each
day, the same calendar. `history` keeps what the market has shown so far, for those who ask for past bars.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing

import numpy as np

from core.bars import SessionBlock
from core.datasets.dataset import Dataset
from core.kernel.kinds import SUBMITS
from core.kernel.records import COMMAND, MAX_SYMBOLS
from core.kernel.units import MINUTE
from core.settings.scenario import Settings
from sim import stepping
from sim.faults.weather import Weather
from sim.market import DailySigma, calendar_events, integer_bars, minute_grid, post_calendar
from sim.scenario import SETTLE, open_data
from sim.setup import brief_venue, new_desk

HISTORY_SESSIONS = 20  # before the scenario's first, where the data has them


class World:
    """The market and the venue of one scenario; times are ns UTC, amounts micros."""

    def __init__(self, settings: Settings) -> None:
        """Raises InputError for data that cannot be used."""
        self.dataset: Dataset = open_data(settings)
        self.settings = settings.with_feed(self.dataset.feed)
        self.symbols = self.dataset.symbols
        self.history: list[SessionBlock] = []
        self.finished = False
        self.sessions_done = 0
        self._desk = new_desk(self.settings, self.symbols, [], int(self.dataset.sessions["date"][0]))
        self._sigma = DailySigma(len(self.symbols))
        self.weather = Weather(self.settings, self.symbols, self._desk, ("broker",))  # what happens to us is ours
        self._flying: list[tuple[int, np.ndarray]] = []  # (arrival, COMMAND of shape (1,)) of orders under way
        self._held = np.zeros((2, MAX_SYMBOLS), np.int64)
        self._blocks = self._sessions()
        self._minute = 0
        self._next_session()
        self.start = self.now = int(self.session["pre"])
        self.end = int(self.dataset.sessions["post"][-1])

    @property
    def session(self) -> np.void:
        """The SESSION row (core.calendar) of the current or the coming session."""
        return self.history[-1].session

    @property
    def phase(self) -> int:
        """The Phase of the day at the venue."""
        return int(self._desk.venue[0]["phase"])

    def close(self) -> None:
        """Let go of the data; nothing moves any more."""
        self._blocks.close()
        self.finished = True

    def advance(self, until: int) -> Iterator[np.ndarray]:
        """Let everything happen that is heard up to and including `until`; yields EVENT records, in order.

        A time that has passed already lets happen what is due now. The records are copies and in batches; at the
        end of the data the clock stops.
        """
        until = max(until, self.now)
        while not self.finished:
            arguments = (self._desk.venue, self._desk.queue, self._desk.log, self._bars, self._minutes)
            self._minute, why = stepping.advance(*arguments, self._minute, self._over, until)
            self.now = min(until, self._over)
            if len(events := self._take()):
                yield events
            if why == stepping.REACHED:
                return
            if why == stepping.OVER and not self._next_session():
                self.finished = True

    def advance_to_news(self, until: int) -> Iterator[np.ndarray]:
        """As `advance`, but no further than the first moment at which anything is heard."""
        until = max(until, self.now)
        while not self.finished:
            batches = list(self.advance(min(until, max(self._next_change(), self.now))))
            yield from batches
            if batches or self.now >= until:
                return

    def _next_change(self) -> int:
        """The next moment at which the venue has anything to do, or a minute begins or ends."""
        venue, queue, log = self._desk.venue[0], self._desk.queue[0], self._desk.log[0]
        moments = [int(log["tick_time"])]
        if queue["count"]:
            moments.append(int(queue["time"][int(queue["heap"][0])]))
        if venue["trading"]:
            moments.append(int(self._minutes["time"][self._minute]) + MINUTE)
            hot = venue["hot"][: int(venue["hot_count"])]
            moments += (venue["symbol"]["due"][hot] + 1).tolist()  # the market moves before the moment asked for
        elif self._minute < len(self._minutes):
            moments.append(int(self._minutes["time"][self._minute]))
        else:
            moments.append(self._over)
        return min(moments)

    def send(self, command: np.ndarray, at_once: bool = False, earliest: int = 0) -> int:
        """Send a COMMAND record of shape (1,) to the venue; returns when it arrives, not before `earliest`.

        It takes the line's delay, unless it is the broker's own and arrives at once.
        """
        command["created"] = self.now
        arrival = int(stepping.post(self._desk.venue, self._desk.queue, command, int(at_once), earliest))
        if int(command["kind"][0]) in SUBMITS:
            self._flying.append((arrival, command.copy()))
        return arrival

    def judge(self, command: np.ndarray) -> tuple[int, int]:
        """The venue's RejectReason for a command if it and all that was sent before it were there now, or -1; and the
        price it judges by."""
        reason, price = stepping.judge(self._arrived(), command)
        return int(reason), int(price)

    def account(self) -> tuple[int, np.ndarray]:
        """The venue's buying power, and what live exits hold: int64 (2, S) micro-shares by buys and by sells.

        Orders that are still under way hold theirs already.
        """
        power = stepping.account(self._arrived(), self._held)
        return int(power), self._held[:, : len(self.symbols)]

    def _arrived(self) -> np.ndarray:
        """The venue, or a copy of it in which the orders that are under way have come."""
        self._flying = [
            (arrival, command)
            for arrival, command in self._flying
            if arrival > self.now or (arrival == self.now and self.order(int(command["order"][0])) is None)
        ]
        if not self._flying:
            return self._desk.venue
        venue = self._desk.venue.copy()
        stepping.arrive(venue, np.concatenate([command for _, command in self._flying]))
        return venue

    def order(self, number: int) -> np.void | None:
        """The venue's own record of an order (VORDER); None when its slot has been used again."""
        orders = self._desk.venue["orders"][0]
        record: np.void = orders[number % len(orders)]
        return record if int(record["id"]) == number else None

    def last_prices(self) -> np.ndarray:
        """The last trade of each symbol that the venue goes by, int64 (S,) micros; 0 = none yet."""
        last: np.ndarray = self._desk.venue["symbol"]["last"][0, : len(self.symbols)]
        return last

    def bars_ahead(self, count: int) -> int:
        """The time at which so many more minutes of the grid will have been seen; the end when there are fewer."""
        seen = self._minutes["time"] + MINUTE + int(self.settings.venue.feed_latency)
        coming = seen[seen > self.now]
        if count <= len(coming):
            return int(coming[count - 1])
        left = count - len(coming)
        for session in self.dataset.sessions:
            if int(session["date"]) > int(self.session["date"]):
                length = (int(session["close"]) - int(session["open"])) // MINUTE
                if left <= length:
                    return int(session["open"]) + left * MINUTE + int(self.settings.venue.feed_latency)
                left -= length
        return self.end + SETTLE

    def half_spread(self) -> float:
        """The venue's usual half-spread, a fraction of the price."""
        return float(self.settings.venue.half_spread_bps) / 10_000

    def _sessions(self) -> Generator[SessionBlock]:
        """The sessions that are traded; what comes before them goes into the history."""
        first = int(self.dataset.sessions["date"][0])
        warm_up = self.settings.data.warm_up_sessions
        with closing(self.dataset.blocks(HISTORY_SESSIONS)) as blocks:
            for block in blocks:
                if int(block.session["date"]) >= first:
                    if warm_up == 0:
                        yield block
                        continue
                    warm_up -= 1
                    self._sigma.restate(block.split_ratios)
                    self._sigma.add(block.bars)
                self.history.append(block)

    def _next_session(self) -> bool:
        """Prepare the venue for the next session; False when there is none."""
        if self.sessions_done:
            self._sigma.add(self.history[-1].bars)
        block = next(self._blocks, None)
        if block is None:
            return False
        day = self.weather.session(block)
        block = day.block
        self._sigma.restate(block.split_ratios)
        self.history.append(block)
        self._bars, self._minutes, self._minute = integer_bars(block), minute_grid(block), 0
        self.weather.market.widen(self._bars)
        self._over = int(block.session["post"]) + SETTLE
        brief_venue(self._desk.venue, block, self._sigma.nanos())
        self.weather.post(day, self._desk)
        events = calendar_events(block, (*self.settings.halts, *day.halts), self.sessions_done == 0)
        post_calendar(self._desk.queue, events)
        self.sessions_done += 1
        return True

    def _take(self) -> np.ndarray:
        """The events that the step has left, copied; its journal of fills says nothing more and is dropped."""
        log = self._desk.log[0]
        events: np.ndarray = log["events"][: int(log["events_n"])].copy()
        log["events_n"] = log["fills_n"] = 0
        return events


def new_command() -> np.ndarray:
    """One cleared command: COMMAND of shape (1,)."""
    command = np.zeros(1, COMMAND)
    command["symbol"] = -1
    return command
