"""The venue's world step by step: the replay loop without an engine, for clients that live outside of it.

The Alpaca-compatible server stands on these few entries. They share every rule with `replay.run_session`: the order of
all that happens, the paths, the fills, the delays. Only the two ends differ. Commands come from outside, and what the
loop would tell the engine (news of orders, the calendar, each minute's bars and its timer) is left in the journal's
table of events for the caller to take.

Time is inclusive here: advancing to T lets everything happen that is heard at T, but leaves the market's own moves at
T for later, because at one instant the market moves last: what the client sends at T still takes part in them. So a
client that sends the same commands at the same times gets the same fills as the engine in the loop.
"""

from __future__ import annotations

import numpy as np

from core.kernel.compiled import entry, kernel
from core.kernel.kinds import CommandKind, EventKind
from core.kernel.records import MAX_SYMBOLS
from core.kernel.types import Event
from core.kernel.units import MINUTE
from sim import matching, messages, orders, replacing, venue
from sim.book import current_price, enlist, enter_order
from sim.faults import broker, news, requests, turns
from sim.fills import NEVER
from sim.latency import delay, identity
from sim.records import HEADROOM, LIVE_ORDERS, LOG_EVENTS, LOG_ROWS, FaultKind, Mark, To
from sim.replay import MARKET_CLASS, close_minute, give_bars, mark_hot, next_message, open_minute, play_calendar
from sim.types import Log, Queue, Venue

REACHED, FULL, OVER = 0, 1, 2


@entry
def advance(
    venues: np.ndarray,
    queues: np.ndarray,
    logs: np.ndarray,
    bars: np.ndarray,
    minutes: np.ndarray,
    first: int,
    end: int,
    until: int,
) -> tuple[int, int]:
    """Let the world go on up to and including `until`, within one session that is over at `end`.

    venues, queues, logs of shape (1,); bars (minutes, symbols) BAR; minutes (minutes,) MINUTE; `first` is the minute
    to go on with, 0 at the session's start. Returns the minute to go on with and why the world has stopped: REACHED,
    FULL (take the events and the fills, and call again) or OVER (the session has ended).
    """
    v, q, log = venues[0], queues[0], logs[0]
    count = len(minutes)
    m = first
    while True:
        if _full(log):
            return m, FULL
        if v.trading != 0:
            stop = minutes[m].time + MINUTE
            _until(v, q, log, bars, m, min(until, stop - 1), min(until, stop))
            if until < stop:
                break
            close_minute(v, bars, m)
            log.tick_minute = m
            log.tick_start = minutes[m].time
            log.tick_phase = minutes[m].phase
            log.tick_time = stop + v.profile.feed_latency
            m += 1
        else:
            start = minutes[m].time if m < count else end
            _until(v, q, log, bars, min(m, count - 1), min(until, start - 1), start)
            if until < start:
                break
            if m == count:
                return m, OVER
            open_minute(v, bars, m, start)
    v.now = until
    return m, REACHED


@kernel
def _full(log: Log) -> bool:
    """Whether a minute's events might not fit any more."""
    return log.fills_n > LOG_ROWS - HEADROOM or log.events_n > LOG_EVENTS - 4 * HEADROOM


@kernel
def _until(v: Venue, q: Queue, log: Log, bars: np.ndarray, m: int, heard: int, moved: int) -> None:
    """Do everything that is heard up to and including `heard`, and that the market does before `moved`, in order."""
    while True:
        message = next_message(q)
        tick = log.tick_time
        due = NEVER
        symbol = -1
        if v.trading != 0:
            for i in range(v.hot_count):
                s = v.hot[i]
                if v.symbol[s].due < due:
                    due = v.symbol[s].due
                    symbol = s
        if min(message, tick) > heard and due >= moved:
            return
        first = message < tick or (message == tick and q.priority[q.heap[0]] < MARKET_CLASS)
        if message <= due and first:
            v.now = message
            slot = messages.pop(q)
            give_bars(v, q, slot, bars, m)
            _deliver(v, q, log, slot)
        elif tick <= due:
            v.now = tick
            log.tick_time = NEVER
            _tick(v, log, bars, tick)
        else:
            v.now = due
            matching.match(v, q, log, v.symbol[symbol], v.symbol[symbol].bar)


@kernel
def _deliver(v: Venue, q: Queue, log: Log, slot: int) -> None:
    """Hand one message over, and let go of its slot."""
    to = q.to[slot]
    if to == To.VENUE:
        c = q.commands[slot]
        if c.kind == CommandKind.REPLACE:
            replacing.on_replace(v, q, c, q.mid[slot])
        else:
            if c.kind == CommandKind.CANCEL:
                broker.race(v, q, log, c)
            venue.on_command(v, q, c, v.symbol[max(c.symbol, 0)].bar, q.mid[slot])
            requests.misdeal(v, q, log, c)
        mark_hot(v, max(c.symbol, 0))
    elif to == To.FAULT:
        _condition(v, q, q.events[slot])
    else:
        e = q.events[slot]
        if to == To.MARKET:
            play_calendar(v, q, log, e)
        elif e.kind == EventKind.FILL and q.mark[slot] == Mark.FRESH:
            news.overdo(v, q, log, e)
        _note(log, e)
    messages.release(q, slot)


@kernel
def _condition(v: Venue, q: Queue, e: Event) -> None:
    """A fault of the broker's own begins or ends; what befalls requests and news is the edge's business."""
    kind = v.faults.table[e.code].kind
    lasting = kind == FaultKind.PARTIALS or kind == FaultKind.STUCK_ORDER or kind == FaultKind.UNTRADABLE
    single = kind == FaultKind.LATE_FILL or kind == FaultKind.OVERFILL or kind == FaultKind.CANCEL_RACE
    if lasting or kind == FaultKind.BUYING_POWER_DRIFT:
        broker.change(v, q, turns.switched(v, e), e.code2)
    elif single or kind == FaultKind.LEG_LOST:
        turns.switched(v, e)
    elif kind == FaultKind.ACCOUNT_RESET and e.code2 != 0:
        broker.reset_account(v, q, turns.switched(v, e))
    for s in range(v.symbols):
        mark_hot(v, s)


@kernel
def _note(log: Log, e: Event) -> None:
    """Leave an event for the caller."""
    log.events[log.events_n] = e
    log.events_n += 1


@kernel
def _tick(v: Venue, log: Log, bars: np.ndarray, now: int) -> None:
    """A minute becomes visible: its bars, then the timer."""
    m = log.tick_minute
    e = log.bar_event
    e.kind = EventKind.BAR
    e.t_market = log.tick_start
    e.t_received = e.t_visible = now
    for s in range(v.symbols):
        if v.symbol[s].shown != 0:
            bar = bars[m, s]
            e.symbol = s
            e.price = bar.close
            e.qty = bar.volume
            e.amount = bar.open
            e.target = bar.high
            e.stop = bar.low
            _note(log, e)
    t = log.timer_event
    t.kind = EventKind.TIMER
    t.symbol = -1
    t.t_market = log.tick_start
    t.t_received = t.t_visible = now
    t.code = log.tick_phase
    _note(log, t)


@entry
def post(venues: np.ndarray, queues: np.ndarray, commands: np.ndarray, at_once: int, earliest: int) -> int:
    """Send a command, COMMAND of shape (1,), on its way to the venue; returns when it arrives.

    It takes the delay that the engine's would take, and does not overtake what arrives at `earliest`. `at_once` = 1
    spares it the way: for what the broker does by itself.
    """
    v, c = venues[0], commands[0]
    base = v.profile.cancel_latency if c.kind == CommandKind.CANCEL else v.profile.submit_latency
    wait = 0 if at_once != 0 else delay(v.profile, base, identity(c.intent, c.leg), c.kind)
    mid = v.symbol[c.symbol].last if c.symbol >= 0 else 0
    arrival = max(v.now + wait, earliest)
    messages.post_command(queues[0], arrival, c, mid)
    return arrival


@entry
def arrive(venues: np.ndarray, commands: np.ndarray) -> None:
    """Put orders, COMMAND of shape (n,), into the book unjudged, as if they had come: for a copy to be looked at."""
    v = venues[0]
    for i in range(len(commands)):
        c = commands[i]
        if v.symbol[c.symbol].live_count < LIVE_ORDERS:
            enlist(v, enter_order(v, c, 0))


@entry
def judge(venues: np.ndarray, commands: np.ndarray) -> tuple[int, int]:
    """What the venue would say of an order, COMMAND of shape (1,), if it were there now, and the price it judges by.

    A RejectReason, or -1 for an order that may stand; the price is in micros, 0 where there is none yet.
    """
    v, c = venues[0], commands[0]
    price = current_price(v, v.symbol[c.symbol])
    return orders.refusal(v, c, price), price


@entry
def account(venues: np.ndarray, held: np.ndarray) -> int:
    """The broker's figure of buying power, micros; writes into `held`, int64 (2, MAX_SYMBOLS), what exits hold.

    Row 0 are micro-shares that live buys hold of short positions, row 1 those that live sells hold of long ones.
    """
    v = venues[0]
    assert held.shape == (2, MAX_SYMBOLS)
    for s in range(v.symbols):
        held[0, s] = orders.held(v, v.symbol[s], 1)
        held[1, s] = orders.held(v, v.symbol[s], -1)
    return orders.buying_power(v)
