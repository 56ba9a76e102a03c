"""The exit plan: how a position is closed when it must be, whatever stands in the way.

    WANTED -> CANCELLING -> TOUCH -> THROUGH -> MARKET            -> flat
                  |           |         |          |
                  +-----------+---------+----------+-> PAGED (deadline passed: the operator is called, the plan goes on)

Legs hold the quantity, so they are cancelled first and waited for. A strategy's own exit goes straight to MARKET; an
exit that the risk agent or the operator wants starts with a limit at the touch and escalates after `exit_step`. In a
halt, or when the market is shut, the plan waits; outside regular hours it may use extended-hours limits; on stale
marks it stays limit-protected. Nothing of our own guards can block it.
"""

from __future__ import annotations

from core.kernel.brackets import any_leg_alive, finish, submit_exit
from core.kernel.compiled import kernel
from core.kernel.digest import mix
from core.kernel.feeds import blind
from core.kernel.kinds import Cause, ExitStage, NoteKind, OrderType, Phase, Severity
from core.kernel.orders import cancel, find, live
from core.kernel.outputs import note, room
from core.kernel.types import State, Symbol
from core.kernel.units import tick_down, tick_up

THROUGH_PARTS = 100  # a limit "through" the market gives up 1 %


@kernel
def begin_exit(st: State, symbol: int, cause: int) -> None:
    """Start closing a position and withdraw its entry; a stronger cause takes over a plan that runs already."""
    sym = st.symbols[symbol]
    if sym.qty == 0 and sym.entry == 0:
        return
    if sym.stage == ExitStage.NONE:
        sym.stage = ExitStage.WANTED
        sym.exit_since = st.run.now
        sym.step_since = st.run.now
        sym.exit_cause = cause
        sym.paged = 0
        if sym.entry == 0:  # shares without a trade: the orders that close them need an identity of their own
            sym.intent = abs(mix(mix(st.config.seed, st.run.seq), symbol))
    elif not _urgent(sym.exit_cause):
        sym.exit_cause = cause
    advance_exit(st, symbol, True)


@kernel
def _urgent(cause: int) -> bool:
    """Whether an exit may use extended hours, and escalates from the touch instead of paying the market at once."""
    return cause == Cause.RISK_EXIT or cause == Cause.OPERATOR


@kernel
def leave_if_turned(st: State, symbol: int) -> None:
    """Close a position that shares from elsewhere have turned against its trade: its legs point the wrong way."""
    sym = st.symbols[symbol]
    if sym.qty * sym.side < 0:
        sym.side = -sym.side
        begin_exit(st, symbol, Cause.PROTECTION)


@kernel
def advance_exit(st: State, symbol: int, insist: bool) -> None:
    """Take the plan as far as it will go now; `insist` (timers) also withdraws legs that outlive their turn."""
    sym = st.symbols[symbol]
    if not room(st):
        return
    if sym.qty == 0 and not live(st, sym.entry):
        cancel(st, sym.exit_order)
        if insist:
            cancel(st, sym.target_order)
            cancel(st, sym.stop_order)
        finish(st, sym)
        sym.stage = ExitStage.NONE if sym.entry == 0 else sym.stage
        return
    if live(st, sym.exit_order):
        _escalate(st, sym)
        return
    if any_leg_alive(st, sym):
        first = sym.stage == ExitStage.WANTED
        if first or insist:
            sym.stage = ExitStage.CANCELLING
            for order in (sym.entry, sym.target_order, sym.stop_order):
                if cancel(st, order) and first:
                    break  # the broker withdraws the rest of the group with it
        return
    _send(st, symbol)


@kernel
def _escalate(st: State, sym: Symbol) -> None:
    """Withdraw a limit exit that has had its time; the next advance sends a stronger one, or one at today's mark."""
    market = st.orders[find(st, sym.exit_order)].type == OrderType.MARKET
    if not market and st.run.now - sym.step_since >= st.config.exit_step:
        cancel(st, sym.exit_order)


@kernel
def _send(st: State, symbol: int) -> None:
    """Send the exit order of the stage that the plan has reached, if the market can take it."""
    sym = st.symbols[symbol]
    regular = st.run.phase == Phase.REGULAR
    urgent = _urgent(sym.exit_cause)
    if sym.halted != 0 or st.run.phase == Phase.CLOSED or not (regular or urgent):
        return
    sym.step_since = st.run.now
    if not urgent:
        sym.stage = ExitStage.MARKET
    elif sym.stage < ExitStage.TOUCH:
        sym.stage = ExitStage.TOUCH
    elif sym.stage < ExitStage.MARKET:
        sym.stage += 1
    if sym.stage == ExitStage.MARKET and regular and not blind(st, sym):
        submit_exit(st, symbol, OrderType.MARKET, 0, 0, sym.exit_cause)
        return
    give = 0 if sym.stage == ExitStage.TOUCH else sym.mark // THROUGH_PARTS
    if sym.qty > 0:
        limit = tick_down(max(sym.mark - sym.half_spread - give, 1))
    else:
        limit = tick_up(sym.mark + sym.half_spread + give)
    submit_exit(st, symbol, OrderType.LIMIT, max(limit, 1), 0 if regular else 1, sym.exit_cause)


@kernel
def watch_exit(st: State, symbol: int) -> None:
    """At each timer: push the plan on, and call the operator once when its deadline has passed."""
    sym = st.symbols[symbol]
    overdue = st.run.now - max(sym.exit_since, st.run.session_open) >= st.config.exit_deadline
    if overdue and sym.paged == 0 and st.run.phase == Phase.REGULAR:
        sym.paged = 1
        e = note(st, NoteKind.EXIT_OVERDUE, Severity.CRITICAL, symbol, sym.qty, 0)
        e.intent = sym.intent
    advance_exit(st, symbol, True)
