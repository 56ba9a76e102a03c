"""Reconciliation with the broker as the engine sees it.

The engine asks, its host compares orders, executions, positions and cash, and answers symbol by symbol. Nothing opens
until it has ended. A difference stops its symbol until the operator has chosen; one of cash halts. An answer that
does not come is asked for again, each time after twice as long, while the trade stream is up; after `query_tries`
the engine halts and calls the operator, whose RESUME asks anew. No trade is ever invented to make books match: what
the operator adopts is an adjustment.
"""

from __future__ import annotations

from core.kernel import exits, ledger, margin
from core.kernel.compiled import kernel
from core.kernel.conditions import set_condition
from core.kernel.kinds import CommandKind, Condition, Lane, NoteKind, ReconcileStep, Severity
from core.kernel.outputs import note, plain_command
from core.kernel.positions import contribute, execute
from core.kernel.trades import fit_legs
from core.kernel.types import Event, State

ADOPTED, UNANSWERED = 1, 2  # action of the note
DOUBT, DIFFERS = 1, 2  # of a symbol's `unreconciled`: doubt waits for a comparison, a difference for the operator


@kernel
def ask(st: State) -> None:
    """Ask for a reconciliation unless one is under way; nothing opens until it has ended."""
    run = st.run
    if run.reconciling == 0 or run.asked == 0:
        run.reconciling = 1
        run.tries = 0
        set_condition(st, Condition.RECONCILING, 1)
        _send(st)


@kernel
def ask_anew(st: State) -> None:
    """The operator wants what has not been answered to be asked again."""
    st.run.tries = 0
    if st.run.reconciling != 0 and st.run.streaming != 0:
        _send(st)


@kernel
def _send(st: State) -> None:
    st.run.asked = st.run.now
    plain_command(st, CommandKind.RECONCILE, Lane.QUERY)


@kernel
def on_timer(st: State) -> None:
    """Ask again for what has not been answered; after enough tries call the operator and stop."""
    run = st.run
    if run.reconciling == 0 or run.streaming == 0:
        return
    if run.now - run.asked < st.config.reconcile_wait << min(run.tries, 10):
        return
    if run.tries < st.config.query_tries:
        run.tries += 1
        _send(st)
    elif st.conditions[Condition.UNRECONCILED].active == 0:
        e = note(st, NoteKind.RECONCILIATION, Severity.CRITICAL, -1, run.tries, st.config.query_tries)
        e.action = UNANSWERED
        set_condition(st, Condition.UNRECONCILED, 1)


@kernel
def on_reconcile(st: State, ev: Event) -> None:
    """Stages of a reconciliation. A difference stops its symbol until the operator has chosen."""
    if ev.code == ReconcileStep.STARTED:
        if st.run.reconciling == 0:
            st.run.tries = 0
        st.run.reconciling = 1
        st.run.asked = st.run.now
        set_condition(st, Condition.RECONCILING, 1)
    elif ev.code == ReconcileStep.FINISHED:
        st.run.reconciling = 0
        st.run.tries = 0
        set_condition(st, Condition.RECONCILING, 0)
    elif ev.code == ReconcileStep.CASH_OK:
        st.account.difference = 0
    elif ev.code == ReconcileStep.CASH_DIFFERS:
        if st.account.difference != ev.amount:
            note(st, NoteKind.RECONCILIATION, Severity.CRITICAL, -1, ev.amount, st.account.cash)
        st.account.difference = ev.amount
        set_condition(st, Condition.UNRECONCILED, 1)
    else:
        sym = st.symbols[ev.symbol]
        sym.difference = ev.qty - sym.qty
        differs = ev.code == ReconcileStep.SYMBOL_DIFFERS
        if differs and sym.unreconciled == 0:
            note(st, NoteKind.RECONCILIATION, Severity.CRITICAL, ev.symbol, ev.qty, sym.qty)
        sym.unreconciled = DIFFERS if differs else 0
        if not differs:
            sym.gap = 0


@kernel
def adopt(st: State, symbol: int) -> None:
    """Take the broker's quantity as ours at the mark: an adjustment with a note, never an invented trade.

    Nothing is taken unless the last comparison found a difference; a symbol that is only in doubt waits for the next.
    What both have booked since leaves the difference as it was.
    """
    sym = st.symbols[symbol]
    if sym.unreconciled != DIFFERS:
        return
    difference = sym.difference
    cash = st.account.cash
    execute(st, sym, difference, sym.mark, 0)
    sym.adjusted += difference
    ledger.rebase(sym)
    contribute(st, cash - st.account.cash)
    st.account.cash = cash
    st.account.equity = cash + st.account.value
    sym.difference = 0
    sym.unreconciled = 0
    sym.gap = 0
    e = note(st, NoteKind.RECONCILIATION, Severity.WARNING, symbol, difference, sym.qty)
    e.action = ADOPTED
    exits.leave_if_turned(st, symbol)
    fit_legs(st, sym)


@kernel
def adopt_cash(st: State) -> None:
    """Take the broker's cash as ours: capital that comes or goes, no result. Nothing unless the last comparison of it
    found a difference; what both have booked since leaves that as it was.
    """
    a = st.account
    difference = a.difference
    if difference == 0:
        return
    contribute(st, difference)
    a.cash += difference
    a.equity = a.cash + a.value
    a.difference = 0
    e = note(st, NoteKind.RECONCILIATION, Severity.WARNING, -1, difference, a.cash)
    e.action = ADOPTED
    if st.run.reconciling == 0:  # else a comparison that nobody answers may be what halts us
        set_condition(st, Condition.UNRECONCILED, 0)
    if difference < 0:
        margin.deficit_test(st)
