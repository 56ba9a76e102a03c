"""Dated margin regimes and buying power.

`none`             a cash account: buying power is *settled* cash. A sale settles a session later (T+1); until then its
                   proceeds could buy, but what they bought could not be sold again without a good-faith violation,
                   and everything that is bought here has a stop which may sell it at any moment.
`legacy_pdt`       until 2026-06-04. A day trade is opening and closing the same security on the same day: per symbol
                   and day an opening fill sets a flag, a closing fill with the flag set counts one day trade and
                   clears it; a fill through zero closes first and then opens. A pattern day trader makes four or
                   more in five business days, if they are more than 6 % of the trades; below $25,000 of equity at
                   the previous close the broker refuses the order that could make the fourth.
`intraday_margin`  from 2026-06-04 (FINRA Regulatory Notice 26-10). The intraday margin level is equity less the
                   maintenance requirement; its largest shortfall right after a transaction that lowers it is the
                   day's deficit. A minor deficit, at most the smaller of 5 % of equity and $1,000, is not held
                   against the practice test. A deficit that is unmet at the close of its fifth business day after
                   an earlier one was left unmet too freezes new debit for 90 days; all lapse after fifteen.
"""

from __future__ import annotations

from core.kernel.compiled import kernel
from core.kernel.kinds import NoteKind, Regime, Severity
from core.kernel.outputs import note
from core.kernel.records import DEFICITS, PDT_DAYS
from core.kernel.types import Deficit, State, Symbol
from core.kernel.units import MICRO, NANO, SECOND, notional, share

PDT_EQUITY = 25_000 * MICRO
PDT_TRADES = 3  # day trades in the window that are still free
LEVERAGE_EQUITY = 2_000 * MICRO
MINOR_DEFICIT = 1_000 * MICRO
MINOR_SHARE = 50_000_000  # 5 % in nanos
DUE_DAYS = 5
LAPSE_DAYS = 15
FREEZE = 90 * 24 * 3600 * SECOND
OPEN, UNMET = 1, 2


@kernel
def multiplier(st: State) -> int:
    """Leverage in force: 1 below the minimum equity for margin."""
    return 1 if st.account.equity < LEVERAGE_EQUITY else st.config.multiplier


@kernel
def buying_power(st: State) -> int:
    """Micros that new openings may still cost, after everything that is held; may be negative."""
    account = st.account
    leverage = multiplier(st)
    power = leverage * account.equity - account.gross
    if leverage == 1 or st.config.regime == Regime.NONE:
        power = account.cash - account.unsettled
    elif leverage == 4 and st.config.regime == Regime.LEGACY_PDT:
        power = 4 * (account.last_equity - account.last_maintenance) - max(account.bought_today, 0)
    return power - account.reserved - account.power_drift


@kernel
def await_settlement(st: State, qty: int, price: int) -> None:
    """In a cash account the proceeds of a sale are settled in the next session."""
    if qty < 0 and st.config.regime == Regime.NONE:
        st.account.unsettled += notional(-qty, price)


@kernel
def day_trades(st: State) -> int:
    """Day trades of the last five sessions, today included."""
    total = 0
    for i in range(PDT_DAYS):
        total += st.margin.day_count[i]
    return total


@kernel
def trades(st: State) -> int:
    """Trades (orders with an execution) of the last five sessions."""
    total = 0
    for i in range(PDT_DAYS):
        total += st.margin.trade_count[i]
    return total


@kernel
def pattern_day_trader(st: State, more: int) -> bool:
    """Whether the account meets the definition after `more` day trades, each of two trades."""
    count = day_trades(st) + more
    return count > PDT_TRADES and 100 * count > 6 * (trades(st) + 2 * more)


@kernel
def on_execution(st: State, sym: Symbol, before: int, qty: int, first: bool) -> None:
    """Count day trades and the intraday deficit; called after a fill of signed `qty` on a position of `before`."""
    today = st.run.sessions % PDT_DAYS
    opens = before == 0 or (before > 0) == (qty > 0) or abs(qty) > abs(before)
    closes = before != 0 and (before > 0) != (qty > 0)
    if first:
        st.margin.trade_count[today] += 1
    if closes and sym.opened_today != 0:
        st.margin.day_count[today] += 1
        sym.opened_today = 0
    if opens:
        sym.opened_today = 1
        deficit_test(st)


@kernel
def deficit_test(st: State) -> None:
    """After a transaction that lowers the intraday margin level: remember the day's largest shortfall."""
    if st.config.regime == Regime.INTRADAY_MARGIN:
        shortfall = st.account.maintenance - st.account.equity
        st.margin.imd = max(st.margin.imd, shortfall)


@kernel
def frozen(st: State) -> bool:
    """Whether new debit is refused now."""
    return st.run.now < st.margin.freeze_until


@kernel
def on_session_start(st: State) -> None:
    """Open the day's counters."""
    today = st.run.sessions % PDT_DAYS
    st.margin.day_count[today] = 0
    st.margin.trade_count[today] = 0
    st.account.bought_today = 0
    st.account.unsettled = 0


@kernel
def on_session_close(st: State) -> None:
    """Book the day's deficit and age the open ones."""
    account = st.account
    account.last_equity = account.equity
    account.last_maintenance = account.maintenance
    minor = min(MINOR_DEFICIT, share(max(account.equity, 0), MINOR_SHARE))
    level = account.equity - account.maintenance
    for i in range(DEFICITS):
        d = st.margin.deficits[i]
        if d.state != 0:
            _age(st, d, level)
    if st.margin.imd > minor:
        _record(st, st.margin.imd)
    st.margin.imd = 0


@kernel
def _age(st: State, d: Deficit, level: int) -> None:
    """Settle, freeze on or lapse one deficit at a session's close."""
    days = st.run.sessions - d.session
    if d.state == OPEN and level >= d.amount:
        d.state = 0
    elif d.state == OPEN and days >= DUE_DAYS:
        if st.margin.unmet > 0:
            st.margin.freeze_until = st.run.now + FREEZE
            note(st, NoteKind.MARGIN_DEFICIT, Severity.CRITICAL, -1, d.amount, 0)
        st.margin.unmet += 1
        d.state = UNMET
    elif days > LAPSE_DAYS:
        if d.state == UNMET:
            st.margin.unmet -= 1
        d.state = 0


@kernel
def _record(st: State, amount: int) -> None:
    """Remember a deficit that counts; the oldest gives way when the table is full."""
    oldest = 0
    for i in range(DEFICITS):
        if st.margin.deficits[i].state == 0:
            oldest = i
            break
        if st.margin.deficits[i].session < st.margin.deficits[oldest].session:
            oldest = i
    d = st.margin.deficits[oldest]
    d.session = st.run.sessions
    d.amount = amount
    d.state = OPEN
    e = note(st, NoteKind.MARGIN_DEFICIT, Severity.WARNING, -1, amount, 0)
    e.use = NANO
