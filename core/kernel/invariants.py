"""What must hold after every event (docs/invariants.md has the table).

`guard` looks at what the event touched: the symbol and order it was about, the commands it led to, the account's
running totals, and at each timer the clocks of all trades. `check` rebuilds every total from nothing; it runs at each
session's close, at the end, and in tests after every event. Both return an Invariant; the first broken one of a run
is remembered with the event that broke it. Nothing here changes anything else.
"""

from __future__ import annotations

import numpy as np

from core.kernel.compiled import entry, kernel
from core.kernel.feeds import DWELL
from core.kernel.kinds import (
    Breaker,
    CommandKind,
    Condition,
    EventKind,
    ExitStage,
    Invariant,
    Mode,
    OrderStatus,
    Phase,
    Role,
)
from core.kernel.ledger import remembered_qty
from core.kernel.margin import buying_power
from core.kernel.orders import find, live
from core.kernel.outputs import room
from core.kernel.records import LANES, MAX_ORDERS, SEEN
from core.kernel.transitions import Standing, broken_by
from core.kernel.types import Command, Event, Order, State, Symbol
from core.kernel.units import MICRO, PENNY, notional, ratio, share


@kernel
def guard(st: State, ev: Event, before: Standing) -> None:
    """Check what this event can have broken; `before` is what stood when it came."""
    broken = _account(st, ev)
    if broken == 0:
        broken = broken_by(st, ev, before)
    if broken == 0 and st.run.commands > 0:
        broken = _commands(st, ev)
    if broken == 0 and EventKind.FILL <= ev.kind <= EventKind.ORDER_UNRECOGNISED:
        slot = find(st, ev.order)
        if slot >= 0:
            broken = order(st, st.orders[slot])
            if broken == 0:
                broken = symbol(st.symbols[st.orders[slot].symbol])
        elif ev.symbol >= 0:
            broken = symbol(st.symbols[ev.symbol])
    elif broken == 0 and ev.kind == EventKind.TIMER:
        broken = _clocks(st)
    elif broken == 0 and ev.kind == EventKind.SPLIT:
        broken = _conserved(st, st.symbols[ev.symbol])
    if broken == 0 and st.run.lanes + st.run.conditions + st.run.mode != 0:
        broken = _modes(st)
    if broken != 0:
        _remember(st, broken, ev.seq)


@kernel
def guard_bar(st: State, ev: Event, newest: int) -> None:
    """The same for a bar, which moves one mark; `newest` is the time of the symbol's newest bar before it."""
    a = st.account
    last = st.symbols[ev.symbol].last_bar
    if ev.t_market > ev.t_visible or last < newest or last > max(newest, ev.t_market):
        _remember(st, Invariant.SEQUENCE.value, ev.seq)
    elif a.equity != a.cash + a.value:
        _remember(st, Invariant.EQUITY_IDENTITY.value, ev.seq)


@kernel
def _remember(st: State, broken: int, event: int) -> None:
    if st.run.broken == 0:
        st.run.broken = broken
        st.run.broken_at = event


@kernel
def _account(st: State, ev: Event) -> int:
    """The account's identities, and that nothing is used before it could be known."""
    a = st.account
    if ev.t_market > ev.t_visible:
        return Invariant.SEQUENCE.value
    if a.equity != a.cash + a.value:
        return Invariant.EQUITY_IDENTITY.value
    if a.cash != a.start_cash + a.flows + a.dividends + a.realized - a.fees - a.cost:
        return Invariant.CASH_LEDGER.value
    if a.gross < abs(a.value) or a.reserved < abs(a.reserved_net) or st.run.unknown < 0:
        return Invariant.EXPOSURE_LEDGER.value
    if st.run.working < st.run.unknown:
        return Invariant.EXPOSURE_LEDGER.value
    return 0


@kernel
def _commands(st: State, ev: Event) -> int:
    """Openings leave with an approval of this step, in a mode that allows them and within limits; exits only reduce."""
    for i in range(st.run.commands):
        c = st.commands[i]
        broken = 0
        if c.kind == CommandKind.SUBMIT_BRACKET:
            broken = _opening(st, ev, c)
        elif c.kind == CommandKind.SUBMIT or c.kind == CommandKind.SUBMIT_OCO:
            held = st.symbols[c.symbol].qty
            if c.side * held >= 0 or c.qty > abs(held) or c.intent == 0:
                broken = Invariant.EXIT_OPENS.value
        if broken != 0:
            return broken
    return 0


@kernel
def _opening(st: State, ev: Event, c: Command) -> int:
    """One opening against the decision that it rests on, against its signal, and against limits measured anew."""
    d = st.decision
    if d.mode > Mode.REDUCED or d.approved == 0 or st.run.mode > Mode.REDUCED:
        return Invariant.OPENING_IN_SAFE_MODE.value
    if d.intent != c.intent or d.order != c.order or st.intents[c.intent % SEEN] != c.intent:
        return Invariant.ONE_ORDER_PER_INTENT.value
    a, cfg, sym = st.account, st.config, st.symbols[c.symbol]
    price = ev.price + (share(ev.price, cfg.reference_collar) if c.side > 0 else 0)
    if _blind(st, sym) or c.side * (price - c.stop) <= 0 or c.side * (c.target - price) <= 0:
        return Invariant.OPENING_BLIND.value
    hold = st.orders[find(st, c.order)].hold
    value = notional(c.qty, price)
    net = abs(a.value + a.reserved_net - c.side * hold + c.side * value)
    less = net <= abs(a.value + a.reserved_net - c.side * hold)
    bad = ratio(abs(sym.value) + sym.reserved - hold + value, d.equity_ref) > cfg.symbol_cap
    bad = bad or ratio(a.gross + a.reserved - hold + value, d.equity_ref) > cfg.gross_cap
    bad = bad or (ratio(net, d.equity_ref) > cfg.net_cap and not less)
    distance = max(d.stop, abs(price - c.stop) - 2 * PENNY)  # a stop is on the grid, and never nearer than a cent
    bad = bad or ratio(notional(c.qty, distance), d.equity_ref) > cfg.trade_risk
    bad = bad or buying_power(st) < 0 or a.drawdown >= cfg.max_drawdown or a.daily_loss >= cfg.daily_loss
    return Invariant.LIMIT_EXCEEDED.value if bad else 0


@kernel
def _blind(st: State, sym: Symbol) -> bool:
    """Whether a symbol's data are stale, its market is shut, or the books about it are not agreed."""
    stale = st.run.now - sym.last_bar > st.config.stale_after or sym.crossed != 0
    shut = sym.halted != 0 or st.run.phase != Phase.REGULAR
    return stale or shut or st.run.reconciling != 0 or sym.unreconciled != 0 or sym.gap != 0


@kernel
def _clocks(st: State) -> int:
    """What lasts longer than it may has called a person; a timer that ran out of room is excused until the next."""
    if st.run.left != 0 or not room(st):
        return 0
    now, within, cfg = st.run.now, st.config.protect_within, st.config
    strict = st.run.mode == Mode.DATA_DEGRADED or st.run.mode >= Mode.RISK_EXIT
    for i in range(cfg.symbols):
        sym = st.symbols[i]
        asked = st.orders[find(st, sym.entry)].cancel_sent if live(st, sym.entry) else now
        if now - asked >= cfg.exit_step and (strict or asked != 0):
            return Invariant.OPENING_IN_SAFE_MODE.value if strict else Invariant.EXIT_STALLED.value
        if sym.stage != ExitStage.NONE:
            late = now - max(sym.exit_since, st.run.session_open) >= cfg.exit_deadline
            if late and sym.paged == 0 and st.run.phase == Phase.REGULAR and (sym.qty != 0 or sym.entry != 0):
                return Invariant.EXIT_WITHOUT_ALERT.value
            if sym.qty != 0 and sym.halted == 0 and st.run.phase == Phase.REGULAR and not _leaving(st, sym):
                return Invariant.EXIT_STALLED.value
        elif sym.qty != 0 and _due(st, sym):
            return Invariant.EXIT_STALLED.value
        elif sym.unprotected_since != 0 and now - sym.unprotected_since >= within:
            if sym.alerted == 0 or not _protecting(st, sym):
                return Invariant.UNPROTECTED_TOO_LONG.value
        elif sym.unprotected_since == 0 and sym.qty != 0 and live(st, sym.entry) and not live(st, sym.exit_order):
            return Invariant.UNPROTECTED_TOO_LONG.value  # its stop sleeps until the entry is filled completely
        elif sym.sibling_since != 0 and now - sym.sibling_since >= within and not _withdrawn(st, sym):
            return Invariant.LEG_TOO_LARGE.value
    if st.run.reconciling != 0 and st.run.streaming != 0:
        asked = now - st.run.asked < cfg.reconcile_wait << min(st.run.tries, 10)
        if not asked and st.conditions[Condition.UNRECONCILED].active == 0:
            return Invariant.RECONCILIATION_WITHOUT_ALERT.value
    if st.run.unknown > 0:
        for slot in range(MAX_ORDERS):
            o = st.orders[slot]
            if o.status == OrderStatus.UNKNOWN and (o.deadline == 0 or (now >= o.deadline and o.paged == 0)):
                return Invariant.UNKNOWN_WITHOUT_DEADLINE.value
    return 0


@kernel
def _due(st: State, sym: Symbol) -> bool:
    """Whether a position must be on its way out: its time is over, the session's nearly, or a loss limit is broken."""
    run, flat = st.run, st.config.flat_before_close
    closing = flat > 0 and run.phase == Phase.REGULAR and run.now >= run.session_close - flat
    return closing or run.mode == Mode.RISK_EXIT or 0 < sym.horizon <= run.now


@kernel
def _leaving(st: State, sym: Symbol) -> bool:
    """Whether an exit plan has its order at work, or has asked lately for what stands in its way to be withdrawn."""
    if live(st, sym.exit_order):
        return True
    for number in (sym.entry, sym.target_order, sym.stop_order):
        if live(st, number) and st.run.now - st.orders[find(st, number)].cancel_sent < st.config.exit_step:
            return True
    return False


@kernel
def _protecting(st: State, sym: Symbol) -> bool:
    """Whether protection is under way: its orders have just been sent, or what stands in its way is withdrawn."""
    for number in (sym.entry, sym.target_order, sym.stop_order):
        if live(st, number):
            o = st.orders[find(st, number)]
            if o.cancel_sent != 0 or st.run.now - o.submitted < st.config.protect_within:
                return True
    return False


@kernel
def _withdrawn(st: State, sym: Symbol) -> bool:
    """Whether one of the legs has been asked to end."""
    target, stop = find(st, sym.target_order), find(st, sym.stop_order)
    asked = target >= 0 and st.orders[target].cancel_sent != 0
    return asked or (stop >= 0 and st.orders[stop].cancel_sent != 0)


@kernel
def _conserved(st: State, sym: Symbol) -> int:
    """A split makes nobody richer: equity moves by roundings only, a micro a share and a micro-share's price."""
    allowed = (abs(sym.qty) + MICRO - 1) // MICRO + sym.mark // MICRO + 2
    moved = abs(st.account.equity - st.run.equity_before)
    return Invariant.CONSERVATION.value if moved > allowed else 0


@kernel
def _modes(st: State) -> int:
    """Openings need every lane, data come back only after their dwell, and only the operator closes a breaker."""
    c = st.conditions[Condition.FEED_STALE]
    if c.active == 0 and c.held != 0 and c.held < DWELL * st.config.stale_after:
        return Invariant.MODE_RULES.value
    halting = 1 << Condition.OPERATOR | 1 << Condition.CLOCK_BACKWARD | 1 << Condition.SUSPENSE
    halting |= 1 << Condition.UNRECONCILED | 1 << Condition.TRIPS
    if st.run.conditions & halting != 0 and st.run.mode != Mode.HALTED:
        return Invariant.MODE_RULES.value
    if st.run.conditions == 0 and st.run.mode != Mode.NORMAL:
        return Invariant.MODE_RULES.value
    for lane in range(LANES):
        b = st.lanes[lane]
        if b.closings + int(b.state == Breaker.HALF_OPEN) > b.resets:
            return Invariant.BREAKER_CLOSED_ITSELF.value
        if b.state != Breaker.CLOSED and st.run.mode == Mode.NORMAL:
            return Invariant.MODE_RULES.value
    return 0


@kernel
def order(st: State, o: Order) -> int:
    """Invariants of one order; its symbol's trade knows of it while it lives."""
    sym = st.symbols[o.symbol]
    known = o.id == sym.entry or o.id == sym.target_order or o.id == sym.stop_order or o.id == sym.exit_order
    if o.terminal == 0 and not known:
        return Invariant.ORDER_ASTRAY.value
    if o.filled < 0 or o.qty < 0 or o.cum < o.filled or o.overfill != max(o.filled - o.qty, 0):
        return Invariant.ORDER_QUANTITY.value
    if (o.status >= OrderStatus.FILLED) != (o.terminal != 0):
        return Invariant.ORDER_TERMINAL.value
    held = notional(max(o.qty - o.filled, 0), o.hold_price) if o.role == Role.ENTRY and o.terminal == 0 else 0
    if o.hold != held:
        return Invariant.HOLDS_LEDGER.value
    if o.status == OrderStatus.UNKNOWN and o.deadline <= o.unknown_since:
        return Invariant.UNKNOWN_WITHOUT_DEADLINE.value
    return 0


@kernel
def symbol(sym: Symbol) -> int:
    """Invariants of one symbol's position and trade."""
    if sym.value != notional(sym.qty, sym.mark) or sym.qty != sym.executed + sym.adjusted:
        return Invariant.POSITION_LEDGER.value
    if sym.qty == 0 and sym.cost != 0:
        return Invariant.POSITION_LEDGER.value
    if (sym.cost > 0 and sym.qty < 0) or (sym.cost < 0 and sym.qty > 0):
        return Invariant.POSITION_LEDGER.value
    if sym.qty * sym.side < 0 and sym.stage == ExitStage.NONE:
        return Invariant.OCO_BOTH_FILLED.value
    return 0


@kernel
def check(st: State) -> int:
    """Rebuild every running total from nothing; the first invariant that does not hold, or 0."""
    value = gross = reserved = net = cost = realized = maintenance = 0
    for i in range(st.config.symbols):
        sym = st.symbols[i]
        broken = symbol(sym)
        if broken != 0:
            return broken
        if remembered_qty(sym) != sym.qty:
            return Invariant.POSITION_LEDGER.value
        value += sym.value
        gross += abs(sym.value)
        reserved += sym.reserved
        cost += sym.cost
        realized += sym.realized
        maintenance += sym.maintenance
    a = st.account
    if value != a.value or gross != a.gross or maintenance != a.maintenance:
        return Invariant.EXPOSURE_LEDGER.value
    if realized != a.realized or reserved != a.reserved or cost != a.cost:
        return Invariant.HOLDS_LEDGER.value
    if a.cash != a.start_cash + a.flows + a.dividends + a.realized - a.fees - cost:
        return Invariant.CASH_LEDGER.value
    held = unknown = working = 0
    for slot in range(MAX_ORDERS):
        o = st.orders[slot]
        broken = order(st, o) if o.status != OrderStatus.NONE else 0
        if broken != 0:
            return broken
        held += o.hold
        net += o.hold if o.side > 0 else -o.hold
        unknown += 1 if o.status == OrderStatus.UNKNOWN else 0
        working += 1 if o.status > OrderStatus.INITIALIZED and o.terminal == 0 else 0
    if held != reserved or net != a.reserved_net or unknown != st.run.unknown or working != st.run.working:
        return Invariant.HOLDS_LEDGER.value
    return _modes(st)


@entry
def broken(state: np.ndarray) -> int:
    """`check` for callers outside compiled code: state of shape (1,)."""
    return check(state[0])
