"""The compiled loop: one ordered stream of events through venue, engine and journal, session by session.

Within a minute the loop always takes what comes first: a message under way (news to the engine, a command to the
venue, the calendar), the *tick* that ends the previous minute (its bars become visible, then the timer, then the
strategies' signals), or the next thing that an order does along its symbol's path. At one instant messages go by
their class, market data and signals come after executions and acknowledgements, and the market itself moves last, so
an order that arrives at the moment of a print takes part in it.

Minutes in which no live order could act cost a handful of comparisons a symbol. The loop returns early when the
journal must be emptied, and is called again where it stopped.
"""

from __future__ import annotations

import numpy as np

from core.kernel.compiled import entry, kernel
from core.kernel.digest import mix
from core.kernel.engine import step, step_bar
from core.kernel.kinds import CommandKind, EventKind, Phase
from core.kernel.records import MAX_SYMBOLS
from core.kernel.types import Event, State
from core.kernel.units import MINUTE
from sim import auctions, entries, matching, messages, reconcile, script, venue
from sim.faults import news, requests, turns
from sim.fills import NEVER
from sim.latency import delay, identity
from sim.records import LOG_EVENTS, LOG_ROWS, To
from sim.types import Bar, Log, Queue, Signal, Venue, VenueSymbol

MARKET_CLASS = 5  # of bars among equal times
POSITIVE = np.int64(0x7FFFFFFFFFFFFFFF)


@entry
def run_session(
    state: np.ndarray,
    venues: np.ndarray,
    queues: np.ndarray,
    logs: np.ndarray,
    bars: np.ndarray,
    feed: np.ndarray,
    late: np.ndarray,
    minutes: np.ndarray,
    signals: np.ndarray,
    first: int,
    end: int,
) -> int:
    """Replay minutes `first`… of one session, then deliver what is still under way before `end`.

    bars (minutes, symbols) BAR, as the market was, for the venue; feed likewise, as it was received when each minute
    ended, for the engine; late EVENT sorted by t_visible, what the feed brought at other times; minutes (minutes,)
    MINUTE; signals SIGNAL sorted by minute. The rest are the run's records, shape (1,). Returns the minute to go on
    with once the journal has been emptied, or -1 when all is done.
    """
    st, v, q, log = state[0], venues[0], queues[0], logs[0]
    count = len(minutes)
    for m in range(first, count + 1):
        if entries.full(log):
            return m
        start = minutes[m].time if m < count else end
        if log.late < len(late):
            _post_late(q, log, late, start + MINUTE)
        while min(next_message(q), log.tick_time) < start:  # hours may lie between two rows of the grid
            if entries.full(log):
                return m
            until = min(start, min(next_message(q), log.tick_time) + MINUTE)
            _advance(st, v, q, log, bars, feed, signals, min(m, count - 1), until)
        if m < count:
            open_minute(v, bars, m, start)
            _advance(st, v, q, log, bars, feed, signals, m, start + MINUTE)
            close_minute(v, bars, m)
            log.tick_minute = m
            log.tick_start = start
            log.tick_phase = minutes[m].phase
            log.tick_time = start + MINUTE + v.profile.feed_latency
    return -1


@kernel
def _post_late(q: Queue, log: Log, late: np.ndarray, until: int) -> None:
    """Send on their way what the feed brings before `until`, out of turn."""
    while log.late < len(late) and late[log.late].t_visible < until:
        slot = messages.post_event(q, late[log.late].t_visible, To.ENGINE.value)
        q.events[slot] = late[log.late]
        messages.send(q, slot)
        log.late += 1


@kernel
def open_minute(v: Venue, bars: np.ndarray, m: int, start: int) -> None:
    """Forget the last minute's paths, and find the symbols whose orders could act in this one."""
    for i in range(v.hot_count):
        vs = v.symbol[v.hot[i]]
        vs.points = 0
        vs.hot = 0
        vs.due = NEVER
    v.hot_count = 0
    v.minute = start
    v.trading = 1
    for s in range(v.symbols):
        vs = v.symbol[s]
        if vs.live_count > 0 and bars[m, s].volume > 0 and vs.halted == 0:
            _open_symbol(v, vs, s, bars[m, s])


@kernel
def close_minute(v: Venue, bars: np.ndarray, m: int) -> None:
    """No trading until the next minute begins; trailing stops have seen the whole path, and the venue the closes.

    A minute that ends in a halt has no close, whatever the data say; the feed will not bring its bar either.
    """
    v.trading = 0
    for i in range(v.hot_count):
        matching.follow_trails(v, v.symbol[v.hot[i]], v.minute + MINUTE)
    for s in range(v.symbols):
        vs = v.symbol[s]
        vs.shown = 1 if bars[m, s].volume > 0 and vs.halted == 0 else 0
        if vs.shown != 0:
            vs.last = bars[m, s].close


@kernel
def next_message(q: Queue) -> int:
    """When the next message under way is due."""
    return q.time[q.heap[0]] if q.count > 0 else NEVER


@kernel
def _open_symbol(v: Venue, vs: VenueSymbol, s: int, bar: Bar) -> None:
    """Give a symbol with live orders its bar, and its path if one of them could act on it."""
    if matching.touched(v, vs, bar):
        vs.bar = bar
        matching.heat(v, vs, bar)
        matching.refresh(v, vs)
        mark_hot(v, s)


@kernel
def mark_hot(v: Venue, s: int) -> None:
    """Let the loop look at a symbol's next match from now on."""
    vs = v.symbol[s]
    if vs.hot == 0 and vs.points > 0:
        vs.hot = 1
        v.hot[v.hot_count] = s
        v.hot_count += 1


@kernel
def _advance(
    st: State,
    v: Venue,
    q: Queue,
    log: Log,
    bars: np.ndarray,
    feed: np.ndarray,
    signals: np.ndarray,
    m: int,
    until: int,
) -> None:
    """Do everything that comes before `until`, in order."""
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
        if min(message, tick, due) >= until:
            return
        first = message < tick or (message == tick and q.priority[q.heap[0]] < MARKET_CLASS)
        if message <= due and first:
            v.now = message
            slot = messages.pop(q)
            give_bars(v, q, slot, bars, m)
            _deliver(st, v, q, log, slot)
        elif tick <= due:
            v.now = tick
            log.tick_time = NEVER
            _tick(st, v, q, log, bars, feed, signals, tick)
        else:
            v.now = due
            matching.match(v, q, log, v.symbol[symbol], v.symbol[symbol].bar)


@kernel
def give_bars(v: Venue, q: Queue, slot: int, bars: np.ndarray, m: int) -> None:
    """Before a message reaches the venue: the current bar of each symbol that it may set to work."""
    to = q.to[slot]
    if to == To.VENUE:
        s = max(q.commands[slot].symbol, 0)
        v.symbol[s].bar = bars[m, s]
    elif to == To.MARKET:
        for s in range(v.symbols):
            v.symbol[s].bar = bars[m, s]


@kernel
def _deliver(st: State, v: Venue, q: Queue, log: Log, slot: int) -> None:
    """Hand one message over, and let go of its slot."""
    to = q.to[slot]
    faulty = v.faults.count != 0
    e = q.events[slot]
    if to == To.VENUE:
        c = q.commands[slot]
        s = max(c.symbol, 0)
        if not faulty or requests.arrives(st, v, q, log, slot):
            venue.on_command(v, q, c, v.symbol[s].bar, q.mid[slot])
            if faulty:
                requests.answer(v, q, log, slot)
        mark_hot(v, s)
    elif to == To.FAULT:
        turns.turn(v, q, e)
        for s in range(v.symbols):
            mark_hot(v, s)
    else:
        if to == To.MARKET:
            play_calendar(v, q, log, e)
        if to == To.MARKET and v.faults.dead != 0:
            turns.hold(v, q, e)
        elif to == To.MARKET or not faulty or news.heard(st, v, q, log, slot):
            tell_engine(st, v, q, log, e)
            if e.kind == EventKind.SESSION and e.code == Phase.REGULAR:
                entries.equity_row(st, log, e.t_visible, st.account.day_start_equity)
    messages.release(q, slot)


@kernel
def play_calendar(v: Venue, q: Queue, log: Log, e: Event) -> None:
    """The venue's own part in what the calendar brings."""
    if e.kind == EventKind.SESSION:
        auctions.on_phase(v, q, log, e)
        for s in range(v.symbols):
            mark_hot(v, s)
    elif e.kind == EventKind.HALT or e.kind == EventKind.RESUME:
        vs = v.symbol[e.symbol]
        auctions.on_halt(v, q, vs, vs.bar, 1 if e.kind == EventKind.HALT else 0)
        mark_hot(v, e.symbol)
    elif e.kind == EventKind.SPLIT:
        auctions.on_split(v, q, e)
    elif e.kind == EventKind.DIVIDEND:
        auctions.owe_dividend(v, q, e)
        e.amount = 0  # the cash comes on the pay date
    elif e.kind == EventKind.CASH_FLOW:
        v.cash += e.amount


@kernel
def tell_engine(st: State, v: Venue, q: Queue, log: Log, e: Event) -> None:
    """One event through the engine: journal it with all it causes, and send its commands on their way."""
    e.seq = st.run.seq + 1
    assert log.events_n < LOG_EVENTS, "more events in a minute than the log holds"
    log.events[log.events_n] = e
    log.events_n += 1
    n = step(st, e)
    if EventKind.FILL <= e.kind <= EventKind.ORDER_UNRECOGNISED:
        entries.orders(st, v, log, e.order)
    _after_step(st, v, q, log, n)


@kernel
def _after_step(st: State, v: Venue, q: Queue, log: Log, n: int) -> None:
    """Journal the notes and the decision of a step, and post its commands."""
    assert log.notes_n + st.run.notes <= LOG_ROWS, "more notes in a minute than the log holds"
    for i in range(st.run.notes):
        log.notes[log.notes_n] = st.notes[i]
        log.notes_n += 1
    d = st.decision
    if d.checks >= 0:
        log.decisions[log.decisions_n] = d
        log.decisions_n += 1
        for i in range(d.checks):
            k = log.checks[log.checks_n]
            k.intent = d.intent
            k.time = d.time
            k.row = st.checks[i]
            log.checks_n += 1
    for i in range(n):
        c = st.commands[i]
        base = v.profile.cancel_latency if c.kind == CommandKind.CANCEL else v.profile.submit_latency
        wait = delay(v.profile, base, identity(c.intent, c.leg), c.kind)
        if c.kind <= CommandKind.SUBMIT_OCO:
            wait = script.submit_wait(v, c.intent, c.leg, wait)
        mid = st.symbols[c.symbol].mark if c.symbol >= 0 else 0
        messages.post_command(q, st.run.now + wait, c, mid)


@kernel
def _tick(
    st: State,
    v: Venue,
    q: Queue,
    log: Log,
    bars: np.ndarray,
    feed: np.ndarray,
    signals: np.ndarray,
    now: int,
) -> None:
    """A minute becomes visible: its bars, the timer, the row of the equity table, the signals."""
    m = log.tick_minute
    if v.faults.count != 0:
        reconcile.minute(v, q)
        if v.faults.dead != 0:
            _tick_unheard(st, v, log, signals)
            return
    e = log.bar_event
    e.kind = EventKind.BAR
    e.t_market = log.tick_start
    e.t_received = now
    e.t_visible = now
    for s in range(v.symbols):
        bar = feed[m, s]
        if v.symbol[s].shown != 0 and bar.volume > 0:
            e.seq = st.run.seq + 1
            e.symbol = s
            e.price = bar.close
            e.qty = bar.volume
            e.amount = bar.open
            e.target = bar.high
            e.stop = bar.low
            step_bar(st, e)
            log.bars += 1
            if st.run.notes > 0:
                _after_step(st, v, q, log, 0)
    _timer(st, v, q, log, now)
    while log.signal < len(signals) and signals[log.signal].minute <= m:
        signal = signals[log.signal]
        log.signal += 1
        bar = feed[m, signal.symbol]
        if signal.minute == m and v.symbol[signal.symbol].shown != 0 and bar.volume > 0:
            _signal(st, v, q, log, signal, bar.close, now)


@kernel
def _tick_unheard(st: State, v: Venue, log: Log, signals: np.ndarray) -> None:
    """A minute while our process is dead: signals pass, and the last known equity stands."""
    while log.signal < len(signals) and signals[log.signal].minute <= log.tick_minute:
        log.signal += 1
    _account_minute(st, v, log, st.account.day_start_equity)


@kernel
def _account_minute(st: State, v: Venue, log: Log, base: int) -> None:
    """A minute's row of the equity table; the last one leaves the positions as they are at the close, to agree."""
    if log.tick_phase == Phase.REGULAR:
        entries.equity_row(st, log, log.tick_start + MINUTE, base)
        if log.tick_start + MINUTE == v.session_close:
            for s in range(v.symbols):
                log.closing[s] = st.symbols[s]


@kernel
def _timer(st: State, v: Venue, q: Queue, log: Log, now: int) -> None:
    """The minute's timer, and its row of the equity table, which still has the base of the day that it closes.

    The session's last minute leaves the positions as they are at its close, to agree with that row.
    """
    t = log.timer_event
    t.kind = EventKind.TIMER
    t.symbol = -1
    t.seq = st.run.seq + 1
    t.t_market = t.t_received = t.t_visible = now
    base = st.account.day_start_equity
    n = step(st, t)
    _after_step(st, v, q, log, n)
    _account_minute(st, v, log, base)


@kernel
def _signal(st: State, v: Venue, q: Queue, log: Log, s: Signal, close: int, now: int) -> None:
    """One signal on the minute that has just become visible; a wish to leave what is not held is no event."""
    sym = st.symbols[s.symbol]
    if s.exit != 0 and (sym.entry == 0 or sym.strategy != s.strategy or sym.stage != 0):
        return
    held = abs(sym.qty)
    slot = messages.post_event(q, now, To.ENGINE.value)
    e = q.events[slot]
    e.kind = EventKind.EXIT_SIGNAL if s.exit != 0 else EventKind.SIGNAL
    e.t_market = log.tick_start
    e.symbol = s.symbol
    e.strategy = s.strategy
    e.code = s.side
    e.price = close
    e.ratio = s.probability
    e.target = s.target
    e.stop = s.stop
    e.amount = s.horizon
    base = log.bases[s.strategy * MAX_SYMBOLS + s.symbol]
    e.intent = mix(mix(base, v.session), log.tick_start // MINUTE) & POSITIVE
    tell_engine(st, v, q, log, e)
    if s.exit != 0:
        entries.exit_decision(st, log, e, held)
    messages.release(q, slot)
