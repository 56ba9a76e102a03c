"""Events from beside the order flow: the operator, the broker's health, the account, the market's state."""

from __future__ import annotations

from core.kernel import breakers, exits, margin, modes, reconciliation
from core.kernel.brackets import on_grid
from core.kernel.compiled import kernel
from core.kernel.conditions import cleared, set_condition
from core.kernel.kinds import (
    Breaker,
    CashKind,
    Cause,
    Condition,
    EventKind,
    ExitStage,
    Lane,
    NoteKind,
    OperatorAct,
    Severity,
)
from core.kernel.ledger import rebase
from core.kernel.orders import cancel, withdraw_entries
from core.kernel.outputs import note
from core.kernel.positions import contribute, restate, revalue
from core.kernel.records import LANES
from core.kernel.types import Event, State, Symbol
from core.kernel.units import NANO, muldiv, notional, ratio, share


@kernel
def confirm_jump(st: State, sym: Symbol, ev: Event) -> bool:
    """Whether a mark that jumps is to be believed: only when a later bar in a row says so too.

    Until then the mark stays, because an equity jump that no second print explains is a data fault, not a loss.
    """
    near = float(abs(ev.price - sym.suspect)) * 1e9 <= float(ev.price) * float(st.config.plausible_jump)
    if sym.suspect != 0 and near and ev.t_market > sym.suspect_bar:
        return True
    if sym.suspect == ev.price:
        return False  # the same bar again
    sym.suspect = ev.price
    sym.suspect_bar = ev.t_market
    note(st, NoteKind.SUSPECT_MARK, Severity.WARNING, ev.symbol, ev.price, sym.mark)
    return False


@kernel
def on_operator(st: State, ev: Event) -> None:
    """An act of a person. Who and why stand in the journal beside the event."""
    e = note(st, NoteKind.OPERATOR, Severity.INFO, ev.symbol, ev.code, 0)
    e.detail = ev.code2
    act = ev.code
    if act == OperatorAct.HALT:
        set_condition(st, Condition.OPERATOR, 1)
    elif act == OperatorAct.RESUME:
        set_condition(st, Condition.OPERATOR, 0)
        set_condition(st, Condition.REJECT_STORM, 0)
        set_condition(st, Condition.TRIPS, 0)
        set_condition(st, Condition.CLOCK, 0)
        set_condition(st, Condition.CLOCK_BACKWARD, 0)
        set_condition(st, Condition.UNRECONCILED, 0)
        st.run.rejects_window = 0
        reconciliation.ask_anew(st)
    elif act == OperatorAct.REARM:
        e.action = 1 if modes.rearm(st) else 0
    elif act == OperatorAct.RESET_BREAKER:
        e.action = 1 if breakers.reset(st, ev.code2) else 0
    elif act == OperatorAct.FLATTEN:
        for i in range(st.config.symbols):
            if ev.symbol < 0 or ev.symbol == i:
                exits.begin_exit(st, i, Cause.OPERATOR)
    elif act == OperatorAct.ADOPT_POSITION:
        reconciliation.adopt(st, ev.symbol)
    elif act == OperatorAct.ADOPT_CASH:
        reconciliation.adopt_cash(st)
    elif act == OperatorAct.CLEAR_SUSPENSE:
        st.account.suspense = 0
        set_condition(st, Condition.SUSPENSE, 0)
    elif act == OperatorAct.CANCEL_ALL:
        withdraw_entries(st)


@kernel
def on_health(st: State, ev: Event) -> None:
    """Lanes, probes and the trade stream."""
    if ev.kind == EventKind.LANE_OK:
        breakers.on_ok(st, ev.code, ev.amount)
    elif ev.kind == EventKind.LANE_FAILED:
        breakers.on_failed(st, ev)
    elif ev.kind == EventKind.PROBE_OK:
        breakers.on_probe(st, ev.code)
    elif ev.code != 0:
        st.run.streaming = 1
        st.lanes[Lane.TRADE_STREAM].last = st.run.now
        set_condition(st, Condition.STREAM_DOWN, 0)
        reconciliation.ask(st)
    else:
        st.run.streaming = 0
        set_condition(st, Condition.STREAM_DOWN, 1)


@kernel
def on_account(st: State, ev: Event) -> None:
    """What the broker lets us buy: where that is less than our own figure, its figure counts, and somebody is told."""
    a = st.account
    a.power_drift = 0
    power = margin.buying_power(st)
    missing = max(power - ev.stop, 0)
    beyond = missing > share(max(a.equity, 0), st.config.drift_tolerance)
    if beyond and st.run.drifting == 0:
        e = note(st, NoteKind.BUYING_POWER_DRIFT, Severity.WARNING, -1, ev.stop, power)
        e.use = ratio(missing, max(a.equity, 1))
    elif not beyond and st.run.drifting != 0:
        cleared(st, NoteKind.BUYING_POWER_DRIFT, -1, 0)
    st.run.drifting = 1 if beyond else 0
    a.power_drift = missing


@kernel
def on_cash(st: State, ev: Event) -> None:
    """Cash that moves without a trade; deposits and withdrawals change the units of capital, not the performance."""
    a = st.account
    if ev.code == CashKind.DEPOSIT or ev.code == CashKind.WITHDRAWAL:
        contribute(st, ev.amount)
    elif ev.code == CashKind.DIVIDEND:
        a.dividends += ev.amount
    else:
        a.fees -= ev.amount
    a.cash += ev.amount
    a.equity = a.cash + a.value
    if ev.code == CashKind.WITHDRAWAL:
        margin.deficit_test(st)


@kernel
def on_split(st: State, ev: Event) -> None:
    """A split: quantity times r, prices over r; the broker pays cash for what is not a micro-share.

    `ratio` is new shares per old in nanos. The broker changes the quantity of open orders and not their prices, so
    they are withdrawn, and the position is protected anew at the new prices.
    """
    sym = st.symbols[ev.symbol]
    note(st, NoteKind.CORPORATE_ACTION, Severity.INFO, ev.symbol, ev.ratio, NANO)
    quantity = muldiv(abs(sym.qty), ev.ratio, NANO)
    before = sym.qty
    sym.qty = quantity if sym.qty > 0 else -quantity
    sym.adjusted += sym.qty - before
    if sym.qty == 0:
        restate(st, sym, 0, 0, sym.realized - sym.cost, 0)  # what was paid for less than a micro-share is lost
    rebase(sym)
    sym.split_at = ev.t_market
    sym.split_ratio = ev.ratio
    sym.mark = muldiv(sym.mark, NANO, ev.ratio)
    sym.target_price = on_grid(sym.side, muldiv(sym.target_price, NANO, ev.ratio))
    sym.stop_price = on_grid(sym.side, muldiv(sym.stop_price, NANO, ev.ratio))
    sym.risk = muldiv(sym.risk, NANO, ev.ratio)
    sym.adv = muldiv(sym.adv, ev.ratio, NANO)
    sym.suspect = 0
    sym.unreconciled = min(sym.unreconciled, reconciliation.DOUBT)  # the difference was one of old shares
    revalue(st, sym)
    if sym.stage == ExitStage.NONE:
        for order in (sym.entry, sym.target_order, sym.stop_order):
            if cancel(st, order):
                break  # the broker withdraws the rest of the group with it


@kernel
def on_dividend(st: State, ev: Event) -> None:
    """A cash dividend of `amount` a share: holders get it, shorts pay it."""
    sym = st.symbols[ev.symbol]
    if sym.qty != 0:
        paid = notional(sym.qty, ev.amount)
        st.account.cash += paid
        st.account.dividends += paid
        st.account.equity = st.account.cash + st.account.value


@kernel
def on_market_state(st: State, ev: Event) -> None:
    """Halts, quotes, asset flags, feed health and revised bars."""
    if ev.kind == EventKind.FEED:
        set_condition(st, Condition.FEED_DOWN, 0 if ev.code != 0 else 1)
        return
    sym = st.symbols[ev.symbol]
    if ev.kind == EventKind.HALT:
        if sym.halted == 0:
            note(st, NoteKind.HALT, Severity.WARNING, ev.symbol, ev.code, 0)
        sym.halted = 1 + ev.code
    elif ev.kind == EventKind.RESUME:
        if sym.halted != 0:
            note(st, NoteKind.RESUME, Severity.INFO, ev.symbol, 0, 0)
        sym.halted = 0
    elif ev.kind == EventKind.QUOTE:
        sym.crossed = 0 if 0 < ev.price <= ev.target else 1
        if sym.crossed == 0:
            sym.half_spread = (ev.target - ev.price) // 2
    elif ev.kind == EventKind.ASSET:
        sym.allowed = ev.code
        if ev.qty > 0:
            sym.adv = ev.qty
    elif ev.kind == EventKind.BAR_REVISION:
        e = note(st, NoteKind.BAR_REVISION, Severity.INFO, ev.symbol, ev.price, sym.mark)
        e.use = ratio(abs(ev.price - sym.mark), max(sym.mark, 1))


@kernel
def on_clock_jump(st: State, ev: Event) -> None:
    """The host's clock was put back, which halts, or forward: beyond a limit no data can be called fresh."""
    back = ev.amount < 0
    far = back or ev.amount > st.config.clock_limit
    e = note(st, NoteKind.ALERT, Severity.CRITICAL if far else Severity.INFO, -1, ev.amount, st.config.clock_limit)
    e.metric = Condition.CLOCK_BACKWARD.value if back else Condition.CLOCK.value
    if far:
        set_condition(st, e.metric, 1)


@kernel
def on_restart(st: State) -> None:
    """The process started again: nothing is trusted until the stream is back and the books agree."""
    st.run.streaming = 0
    set_condition(st, Condition.STREAM_DOWN, 1)
    st.run.reconciling = 1
    st.run.asked = 0  # by the stream, when it is back
    set_condition(st, Condition.RECONCILING, 1)
    for lane in range(LANES):
        if st.lanes[lane].state == Breaker.OPEN:
            breakers.schedule_probe(st, lane)
