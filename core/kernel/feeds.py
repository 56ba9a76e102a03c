"""Whether market data can be believed: of each symbol that matters by itself, and of the feed as a whole.

A symbol that is held, or has an entry at work, is *stale* when its newest bar is older than `stale_after`, or its quote
is crossed, at two of three timers; a halted one is silent by right. Its mark is frozen and labelled so, exits are
never sent at market on it, and the loss limits assume `stale_shock` on it. The label goes after the symbol has been
well for three times `stale_after`, or when nothing is held any more. Openings ask for fresh data at once (risk.py).

The *feed* is stale when more than `stale_share` of the symbols that have traded in this session are, by the same
two of three and the same dwell; then no mark is believed, and nothing opens.
"""

from __future__ import annotations

from core.kernel.compiled import kernel
from core.kernel.conditions import cleared, remember, set_condition, two_of_three
from core.kernel.kinds import Condition, NoteKind, Phase, Severity
from core.kernel.outputs import note
from core.kernel.types import State, Symbol
from core.kernel.units import NANO, share

DWELL = 3  # times stale_after that all must be well


@kernel
def on_timer(st: State) -> None:
    """Look at every symbol's newest bar; in the regular session only."""
    if st.run.phase != Phase.REGULAR:
        return
    seen = stale = 0
    begin = st.run.session_open
    oldest = st.run.now - st.config.stale_after
    for i in range(st.config.symbols):
        sym = st.symbols[i]
        last = sym.last_bar
        old = max(last, begin) < oldest and sym.halted == 0
        if last >= begin:
            seen += 1
            stale += 1 if old else 0
        if old or sym.crossed != 0 or sym.stale_hits != 0 or sym.stale_since != 0:
            _watch(st, i, old or sym.crossed != 0)
    bad = seen > 0 and stale * NANO > seen * st.config.stale_share
    _feed(st, bad or (seen == 0 and begin < oldest), stale, seen)


@kernel
def _watch(st: State, symbol: int, bad: bool) -> None:
    """Label one symbol stale, or take the label away."""
    sym = st.symbols[symbol]
    sym.stale_hits = remember(sym.stale_hits, bad)
    matters = sym.qty != 0 or sym.entry != 0
    if sym.stale_since == 0:
        if matters and two_of_three(sym.stale_hits):
            sym.stale_since = st.run.now
            sym.fresh_since = 0
            st.run.stale_symbols += 1
            age = st.run.now - sym.last_bar
            note(st, NoteKind.STALE_DATA, Severity.WARNING, symbol, age, st.config.stale_after)
        return
    if bad and matters:
        sym.fresh_since = 0
        return
    if sym.fresh_since == 0:
        sym.fresh_since = st.run.now
    if not matters or st.run.now - sym.fresh_since >= DWELL * st.config.stale_after:
        cleared(st, NoteKind.STALE_DATA, symbol, st.run.now - sym.stale_since)
        sym.stale_since = 0
        st.run.stale_symbols -= 1


@kernel
def _feed(st: State, bad: bool, stale: int, seen: int) -> None:
    """The feed as a whole, confirmed and with its dwell."""
    c = st.conditions[Condition.FEED_STALE]
    c.hits = remember(c.hits, bad)
    if c.active == 0:
        if two_of_three(c.hits):
            e = note(st, NoteKind.STALE_DATA, Severity.CRITICAL, -1, stale, seen)
            e.metric = Condition.FEED_STALE
            set_condition(st, Condition.FEED_STALE, 1)
    elif bad:
        c.clear_since = 0
    elif c.clear_since == 0:
        c.clear_since = st.run.now
    elif st.run.now - c.clear_since >= DWELL * st.config.stale_after:
        set_condition(st, Condition.FEED_STALE, 0)


@kernel
def feed_blind(st: State) -> bool:
    """Whether no mark can be believed."""
    return st.conditions[Condition.FEED_STALE].active != 0 or st.conditions[Condition.FEED_DOWN].active != 0


@kernel
def blind(st: State, sym: Symbol) -> bool:
    """Whether a symbol's mark cannot be believed."""
    return sym.stale_since != 0 or feed_blind(st)


@kernel
def shock(st: State) -> int:
    """Micros that the loss limits assume to be lost on frozen marks."""
    frozen = 0
    if feed_blind(st):
        frozen = st.account.gross
    elif st.run.stale_symbols > 0:
        for i in range(st.config.symbols):
            if st.symbols[i].stale_since != 0:
                frozen += abs(st.symbols[i].value)
    return share(frozen, st.config.stale_shock)
