"""Safe modes: independent conditions, each with its own way in and out; the strictest one in force decides.

Loss limits work on unit value, equity per unit of capital, so that deposits are no performance.
`drawdown` is measured from a high-water mark that session closes raise (one bad print cannot set a false high);
`daily loss` from the previous session's close, `weekly loss` from the close five sessions back. A limit is breached
when two of three timers in a row see it, or at once when it is passed by a fifth: that is no flicker any more.

RISK_EXIT would never end by itself, because after flattening equity stands still. So the way out is stated. The
daily and weekly limits end at a later session's start, once flat. The drawdown limit ends when the account is flat
and reconciled, `cool_off` sessions have passed, and the operator re-arms it (or `auto_rearm` does); the guard then
measures from a new reference while reports keep the true high, and sizes return at `reentry_scale`, growing by
`reentry_step` with each five clean sessions.
"""

from __future__ import annotations

import numpy as np

from core.kernel import breakers, feeds
from core.kernel.compiled import kernel
from core.kernel.conditions import announce, remember, set_condition, two_of_three
from core.kernel.exits import begin_exit
from core.kernel.kinds import Breaker, Cause, Condition, Mode, NoteKind, Severity
from core.kernel.orders import withdraw_entries
from core.kernel.outputs import note
from core.kernel.records import CONDITIONS
from core.kernel.types import State
from core.kernel.units import NANO, ratio

CATASTROPHIC = 1_200_000_000  # share of a limit that acts at once
SOFT_SCALE = 500_000_000  # size while a soft limit is passed
SOFT_BAND = 100_000_000  # how far below the soft line a loss must fall to leave it
WEEK = 5
MODE_OF = np.array(
    [
        Mode.REDUCED,  # SOFT_LIMIT
        Mode.REDUCED,  # REENTRY
        Mode.DATA_DEGRADED,  # FEED_STALE
        Mode.DATA_DEGRADED,  # FEED_DOWN
        Mode.DATA_DEGRADED,  # CLOCK
        Mode.BROKER_DEGRADED,  # BREAKER
        Mode.BROKER_DEGRADED,  # STREAM_DOWN
        Mode.BROKER_DEGRADED,  # RECONCILING
        Mode.RISK_EXIT,  # DRAWDOWN
        Mode.RISK_EXIT,  # DAILY_LOSS
        Mode.RISK_EXIT,  # WEEKLY_LOSS
        Mode.HALTED,  # UNRECONCILED
        Mode.HALTED,  # SUSPENSE
        Mode.HALTED,  # TRIPS
        Mode.BROKER_DEGRADED,  # REJECT_STORM
        Mode.HALTED,  # OPERATOR
        Mode.HALTED,  # CLOCK_BACKWARD
    ],
    np.int64,
)


@kernel
def unit_value(st: State) -> int:
    """Equity per unit of capital in nanos; under stale marks the worse of the frozen value and a shock to it."""
    return ratio(st.account.equity - feeds.shock(st), st.account.units)


@kernel
def measure(st: State) -> None:
    """Refresh unit value, drawdown and losses; all fractions in nanos."""
    a = st.account
    value = unit_value(st)
    a.unit_value = value
    if st.config.hwm_intraday != 0:
        a.high_water_mark = max(a.high_water_mark, value)
        a.reference = max(a.reference, value)
    a.drawdown = max(NANO - ratio(value, a.reference), 0)
    a.daily_loss = max(NANO - ratio(value, a.day_start_unit), 0)
    a.weekly_loss = max(NANO - ratio(value, a.week_units0), 0)


@kernel
def _loss(st: State, condition: int, measured: int, limit: int) -> None:
    """One loss limit: near misses once an excursion, breach by confirmation."""
    if limit <= 0:
        return
    c = st.conditions[condition]
    use = ratio(measured, limit)
    c.hits = remember(c.hits, use >= NANO)
    if use >= CATASTROPHIC or two_of_three(c.hits):
        if c.active == 0:
            e = note(st, NoteKind.LIMIT_BREACH, Severity.CRITICAL, -1, measured, limit)
            e.metric = condition
            e.use = use
            st.run.clean_sessions = 0
            set_condition(st, condition, 1)
            c.session = st.run.sessions
    elif use >= st.config.near:
        if c.checks == 0:
            c.checks = 1
            e = note(st, NoteKind.NEAR_MISS, Severity.WARNING, -1, measured, limit)
            e.metric = condition
            e.use = use
    elif use < st.config.near - SOFT_BAND:
        c.checks = 0


@kernel
def _soft(st: State) -> None:
    """REDUCED while a loss is beyond the soft share of its limit, until it is clearly back."""
    worst = ratio(st.account.drawdown, st.config.max_drawdown)
    worst = max(worst, ratio(st.account.daily_loss, st.config.daily_loss))
    if st.config.weekly_loss > 0:
        worst = max(worst, ratio(st.account.weekly_loss, st.config.weekly_loss))
    if worst >= st.config.soft:
        set_condition(st, Condition.SOFT_LIMIT, 1)
    elif worst < st.config.soft - SOFT_BAND:
        set_condition(st, Condition.SOFT_LIMIT, 0)


@kernel
def on_timer(st: State) -> None:
    """The minute's evaluation of everything that time or prices can change."""
    measure(st)
    if not _calm(st):
        _losses(st)
    feeds.on_timer(st)
    breakers.on_timer(st)


@kernel
def _calm(st: State) -> bool:
    """Every loss below half of its limit, and nothing left over from before: then no loss rule has anything to say."""
    a, cfg, c = st.account, st.config, st.conditions
    if 2 * a.drawdown >= cfg.max_drawdown or 2 * a.daily_loss >= cfg.daily_loss or 2 * a.weekly_loss > cfg.weekly_loss:
        return False
    left = c[Condition.DRAWDOWN].hits | c[Condition.DAILY_LOSS].hits | c[Condition.WEEKLY_LOSS].hits
    left |= c[Condition.DRAWDOWN].checks | c[Condition.DAILY_LOSS].checks | c[Condition.WEEKLY_LOSS].checks
    return left == 0 and c[Condition.SOFT_LIMIT].active == 0 and min(cfg.soft, cfg.near) > NANO // 2


@kernel
def _losses(st: State) -> None:
    """The loss limits, hard and soft."""
    _loss(st, Condition.DRAWDOWN, st.account.drawdown, st.config.max_drawdown)
    _loss(st, Condition.DAILY_LOSS, st.account.daily_loss, st.config.daily_loss)
    _loss(st, Condition.WEEKLY_LOSS, st.account.weekly_loss, st.config.weekly_loss)
    _soft(st)


@kernel
def settle(st: State) -> None:
    """Compute the effective mode; entering RISK_EXIT starts every exit, strict modes withdraw entries.

    A reconciliation alone withdraws nothing: it is routine, and soon over.
    """
    if st.run.conditions == 0 and st.run.lanes == 0 and st.run.mode == Mode.NORMAL:
        return
    state = breakers.worst(st)
    set_condition(st, Condition.BREAKER, 0 if state == Breaker.CLOSED else 1)
    if state != Breaker.CLOSED:
        _count_trips(st)
    announce(st)
    mode = strict = Mode.NORMAL.value
    for i in range(CONDITIONS):
        if st.conditions[i].active != 0:
            asked = MODE_OF[i]
            if i == Condition.BREAKER and state == Breaker.HALF_OPEN:
                asked = Mode.REDUCED.value
            mode = max(mode, asked)
            if i != Condition.RECONCILING:
                strict = max(strict, asked)
    if strict > Mode.REDUCED:
        withdraw_entries(st)
    if mode == st.run.mode:
        return
    severity = Severity.CRITICAL if mode > Mode.REDUCED else Severity.INFO
    e = note(st, NoteKind.MODE_CHANGE, severity, -1, mode, st.run.mode)
    e.mode_to = mode
    e.detail = st.run.conditions
    st.run.mode = mode
    if mode == Mode.RISK_EXIT:
        for i in range(st.config.symbols):
            begin_exit(st, i, Cause.RISK_EXIT)  # and watch_trade, for what comes later


@kernel
def _count_trips(st: State) -> None:
    """Each trip beyond the day's number halts, however often the operator has resumed."""
    c = st.conditions[Condition.TRIPS]
    trips = breakers.trips(st)
    if trips > max(c.checks, st.config.trips_day):
        set_condition(st, Condition.TRIPS, 1)
    c.checks = trips


@kernel
def scale(st: State) -> int:
    """Size factor of the mode in nanos: 1 in NORMAL, 0 where openings are not allowed."""
    if st.run.mode > Mode.REDUCED:
        return 0
    factor = NANO
    if st.conditions[Condition.SOFT_LIMIT].active != 0 or st.conditions[Condition.BREAKER].active != 0:
        factor = SOFT_SCALE
    if st.conditions[Condition.REENTRY].active != 0:
        factor = min(factor, st.run.reentry)
    return factor


@kernel
def _flat(st: State) -> bool:
    """Nothing held or about to be, and all of it agreed with the broker."""
    for i in range(st.config.symbols):
        sym = st.symbols[i]
        if sym.qty != 0 or sym.entry != 0 or sym.unreconciled != 0:
            return False
    return st.run.reconciling == 0


@kernel
def rearm(st: State) -> bool:
    """Leave the drawdown limit: a new reference for the guard and a reduced way back. Returns whether it could."""
    c = st.conditions[Condition.DRAWDOWN]
    if c.active == 0 or not _flat(st) or st.run.sessions - c.session < st.config.cool_off:
        return False
    set_condition(st, Condition.DRAWDOWN, 0)
    c.hits = 0
    st.account.reference = max(st.account.unit_value, 1)
    measure(st)
    st.run.reentry = st.config.reentry_scale
    st.run.clean_sessions = 0
    if st.run.reentry < NANO:
        set_condition(st, Condition.REENTRY, 1)
    return True


@kernel
def on_session_open(st: State) -> None:
    """A new regular session: the day's limits end if flat."""
    measure(st)
    for i in (Condition.DAILY_LOSS, Condition.WEEKLY_LOSS):
        c = st.conditions[i]
        limit = st.config.daily_loss if i == Condition.DAILY_LOSS else st.config.weekly_loss
        measured = st.account.daily_loss if i == Condition.DAILY_LOSS else st.account.weekly_loss
        if c.active != 0 and _flat(st) and measured < limit:
            set_condition(st, i, 0)
            c.hits = 0
    if st.config.auto_rearm != 0:
        rearm(st)


@kernel
def on_session_close(st: State) -> None:
    """Raise the high-water mark, move the bases of the daily and weekly loss, and count a clean session.

    The bases take frozen marks as they stand: the shock that guards assume would make tomorrow's losses look small.
    """
    a = st.account
    measure(st)
    value = max(ratio(a.equity, a.units), 1)
    a.high_water_mark = max(a.high_water_mark, value)
    a.reference = max(a.reference, value)
    a.drawdown = max(NANO - ratio(a.unit_value, a.reference), 0)
    a.week_units0 = a.week_units1
    a.week_units1 = a.week_units2
    a.week_units2 = a.week_units3
    a.week_units3 = a.week_units4
    a.week_units4 = value
    a.day_start_unit = value
    a.day_start_equity = a.equity
    if st.conditions[Condition.REENTRY].active != 0 and st.run.mode < Mode.RISK_EXIT:
        _grow_back(st)


@kernel
def _grow_back(st: State) -> None:
    """One clean session after re-arming; five of them give back a step of the size."""
    st.run.clean_sessions += 1
    if st.run.clean_sessions % WEEK == 0:
        st.run.reentry = min(NANO, st.run.reentry + st.config.reentry_step)
        if st.run.reentry == NANO:
            set_condition(st, Condition.REENTRY, 0)
