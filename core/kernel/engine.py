"""step(state, event): the only place that branches on the kind of an event.

One event in, commands and notes out, nothing else: no clock, no randomness, no IO. Within a step everything is checked
first and changed last; a broken assertion means that the state in memory is void and the host starts again from its
journal. Kinds are tested in the order of their frequency.
"""

from __future__ import annotations

import numpy as np

from core.kernel import (
    brackets,
    executions,
    exits,
    invariants,
    margin,
    modes,
    other_events,
    reconciliation,
    risk,
    transitions,
)
from core.kernel.compiled import entry, kernel, shared
from core.kernel.kinds import Cause, EventKind, ExitStage, Phase
from core.kernel.order_news import on_order_news, query_unknown
from core.kernel.outputs import room, seal
from core.kernel.positions import revalue
from core.kernel.records import EVENT, LANES, SEEN, STATE
from core.kernel.sizing import size
from core.kernel.trades import watch_trade
from core.kernel.types import Event, State
from core.kernel.units import MINUTE, share


@shared(STATE, EVENT)
def step(st: State, ev: Event) -> int:
    """Apply one event to the state; returns the number of commands, which are in `state.commands`."""
    kind = ev.kind
    if kind == EventKind.BAR:
        step_bar(st, ev)
        return 0
    _begin(st, ev)
    before = transitions.standing(st, ev)
    if kind == EventKind.TIMER:
        on_timer(st)
    elif kind == EventKind.SIGNAL:
        on_signal(st, ev)
    elif kind == EventKind.FILL:
        executions.on_fill(st, ev)
    elif EventKind.ORDER_ACCEPTED <= kind <= EventKind.ORDER_UNRECOGNISED:
        on_order_news(st, ev)
    elif kind == EventKind.EXIT_SIGNAL:
        on_exit_signal(st, ev)
    elif kind == EventKind.SESSION:
        on_session(st, ev)
    else:
        on_rare(st, ev)
    if kind != EventKind.SIGNAL:
        modes.settle(st)
    if st.run.commands > 0:
        seal(st)
    invariants.guard(st, ev, before)
    return st.run.commands


@kernel
def step_bar(st: State, ev: Event) -> None:
    """`step` for a bar, which leads to no command: for loops that have nothing but bars for a while."""
    _begin(st, ev)
    newest = st.symbols[ev.symbol].last_bar
    on_bar(st, ev)
    invariants.guard_bar(st, ev, newest)


@kernel
def _begin(st: State, ev: Event) -> None:
    """Take an event's place in the order of events, and forget what the last step left behind."""
    run = st.run
    assert ev.seq == run.seq + 1, "events out of sequence"
    assert ev.t_visible >= run.now, "time went backwards"
    run.seq = ev.seq
    run.now = ev.t_visible
    run.commands = 0
    run.notes = 0
    run.ended = 0
    st.decision.checks = -1


@entry
def apply(state: np.ndarray, event: np.ndarray) -> int:
    """`step` from Python: a STATE and an EVENT, each of shape (1,); returns the number of commands."""
    return step(state[0], event[0])


@kernel
def on_bar(st: State, ev: Event) -> None:
    """A bar closed: the mark moves, unless the jump is not yet believed."""
    sym = st.symbols[ev.symbol]
    if ev.t_market < sym.last_bar or ev.price <= 0:
        return  # came late, when a newer bar has spoken; or says nothing
    sym.last_bar = ev.t_market
    price = ev.price
    mark = sym.mark
    if price == mark:
        sym.suspect = 0
        return
    if mark != 0 and float(abs(price - mark)) * 1e9 > float(mark) * float(st.config.plausible_jump):
        if not other_events.confirm_jump(st, sym, ev):
            return
    sym.suspect = 0
    sym.mark = price
    if sym.qty != 0:
        revalue(st, sym)


@kernel
def on_timer(st: State) -> None:
    """A minute is over: limits, feeds, breakers, the day's close, then the clocks of every trade and exit plan."""
    run = st.run
    if run.now - run.minute_start >= MINUTE:
        run.minute_start = run.now
        run.orders_minute = 0
        run.rejects_window = 0
    modes.on_timer(st)
    reconciliation.on_timer(st)
    if run.closing != 0:
        _book_close(st)
    flat_before = st.config.flat_before_close
    closing = flat_before > 0 and run.phase == Phase.REGULAR and run.now >= run.session_close - flat_before
    run.left = 0
    first = run.turn
    for k in range(st.config.symbols):
        i = (first + k) % st.config.symbols
        sym = st.symbols[i]
        if sym.qty == 0 and sym.entry == 0:
            continue
        if room(st):
            watch_trade(st, i, closing)
            continue
        if run.left == 0:
            run.turn = i  # the next timer begins here
        run.left += 1
    if run.unknown > 0:
        query_unknown(st)


@kernel
def on_signal(st: State, ev: Event) -> None:
    """A strategy's probability becomes a decision: sized, checked, recorded, and sent if approved."""
    sym = st.symbols[ev.symbol]
    d = st.decision
    risk.reset_decision(d)
    st.run.decisions += 1
    d.time = st.run.now
    d.bar_time = ev.t_market
    d.intent = ev.intent
    d.strategy = ev.strategy
    d.symbol = ev.symbol
    d.side = ev.code
    d.action = 0
    d.p = ev.ratio
    d.target = ev.target
    d.stop = ev.stop
    d.price_ref = ev.price + (share(ev.price, st.config.reference_collar) if ev.code > 0 else 0)
    d.mode = st.run.mode
    d.equity_ref = risk.measured_equity(st)
    d.cost = share(ev.price, st.config.cost)
    st.account.open_risk = risk.open_risk(st)
    size(st, sym, ev, d)
    risk.cut_to_order_limits(st, d)
    risk.evaluate(st, sym, d)
    if d.approved == 0:
        return
    limit = risk.entry_limit(st, d.side, d.price_ref)
    target = brackets.target_price(d.side, d.price_ref, d.target)
    stop = brackets.stop_price(d.side, d.price_ref, d.stop)
    hold = risk.hold_price(st, d.side, d.price_ref, limit)
    d.order = brackets.open_trade(st, d, target, stop, limit, hold)
    sym.horizon = st.run.now + ev.amount if ev.amount > 0 else 0
    sym.openings += 1
    st.run.orders_minute += 1
    st.run.orders_day += 1
    st.intents[d.intent % SEEN] = d.intent


@kernel
def on_exit_signal(st: State, ev: Event) -> None:
    """A strategy wants out: only the strategy that owns the trade is heard."""
    sym = st.symbols[ev.symbol]
    if sym.entry != 0 and sym.strategy == ev.strategy and sym.stage == ExitStage.NONE:
        exits.begin_exit(st, ev.symbol, Cause.SIGNAL)


@kernel
def on_session(st: State, ev: Event) -> None:
    """A phase of the exchange day begins; the first phase of a day starts the day's counters."""
    run = st.run
    new_day = ev.amount != run.session
    was_regular = run.phase == Phase.REGULAR
    if was_regular and (new_day or ev.code != Phase.REGULAR):
        run.closing = 1  # booked by the timer of the last minute, when its bars are in
    if new_day:
        if run.closing != 0:
            _book_close(st)  # that timer never came
        _start_day(st, ev.amount)
    run.phase = ev.code
    if ev.code == Phase.REGULAR:
        run.session_open = ev.t_market
        run.session_close = ev.t_market + ev.qty
        if new_day or not was_regular:
            modes.on_session_open(st)


@kernel
def _start_day(st: State, session: int) -> None:
    """Open the counters of an exchange day."""
    st.run.session = session
    st.run.sessions += 1
    st.run.orders_day = 0
    margin.on_session_start(st)
    for lane in range(LANES):
        st.lanes[lane].trips = 0
    for i in range(st.config.symbols):
        st.symbols[i].openings = 0
        st.symbols[i].opened_today = 0


@kernel
def _book_close(st: State) -> None:
    """Book the end of a regular session."""
    st.run.closing = 0
    modes.on_session_close(st)
    margin.on_session_close(st)


@kernel
def on_rare(st: State, ev: Event) -> None:
    """Everything that is not the daily bread."""
    kind = ev.kind
    st.run.equity_before = st.account.equity
    if kind == EventKind.FILL_VOIDED or kind == EventKind.FILL_CORRECTED:
        executions.on_correction(st, ev)
    elif kind == EventKind.FOREIGN_FILL:
        executions.on_foreign(st, ev)
    elif kind == EventKind.OPERATOR:
        other_events.on_operator(st, ev)
    elif kind == EventKind.ACCOUNT:
        other_events.on_account(st, ev)
    elif kind == EventKind.RECONCILE:
        reconciliation.on_reconcile(st, ev)
    elif EventKind.LANE_OK <= kind <= EventKind.PROBE_OK:
        other_events.on_health(st, ev)
    elif kind == EventKind.CASH_FLOW:
        other_events.on_cash(st, ev)
    elif kind == EventKind.SPLIT:
        other_events.on_split(st, ev)
    elif kind == EventKind.DIVIDEND:
        other_events.on_dividend(st, ev)
    elif EventKind.BAR_REVISION <= kind <= EventKind.FEED:
        other_events.on_market_state(st, ev)
    elif kind == EventKind.RESTART:
        other_events.on_restart(st)
    elif kind == EventKind.CLOCK_JUMP:
        other_events.on_clock_jump(st, ev)
    else:
        raise AssertionError("an event kind that the engine does not know")
