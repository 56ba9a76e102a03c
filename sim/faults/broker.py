"""What the broker itself does wrong: with orders, with its account, and with assets.

The shares and the cash are real in each of these: the venue's own books change, so that a reconciliation finds them.
"""

from __future__ import annotations

from core.kernel.compiled import kernel
from core.kernel.digest import mix
from core.kernel.kinds import AssetFlag, EventKind, Phase, Role
from core.kernel.records import MAX_ORDERS
from core.kernel.state import ALL_FLAGS
from core.kernel.types import Command, Event
from core.kernel.units import MICRO, NANO, SECOND, share
from sim.auctions import start_waiting
from sim.book import alive, current_price, delist
from sim.faults.strikes import count_effect, lose_stream, strikes, tell_engine_of, tell_engine_of_order
from sim.latency import identity
from sim.matching import book_execution, execute, journal, refresh
from sim.orders import buying_power
from sim.records import FaultKind, Mark, Rule, Stand
from sim.types import Fault, Log, Queue, Venue, VenueOrder, VenueSymbol

BACK_AFTER = SECOND  # how soon the stream is back after an account reset


@kernel
def race(v: Venue, q: Queue, log: Log, c: Command) -> None:
    """A cancel that comes too late: the order fills, all of it, at the moment at which the cancel arrives."""
    for i in range(v.faults.count):
        f = v.faults.table[i]
        slot = alive(v, c.order)
        if f.kind != FaultKind.CANCEL_RACE or f.active == 0 or slot < 0:
            continue
        o = v.orders[slot]
        vs = v.symbol[o.symbol]
        if o.stand != Stand.WORKING or not _trading(v, o.symbol):
            continue
        if strikes(f, o.symbol, identity(c.intent, c.leg), c.created, v.now):
            price = _price(v, vs, o)
            execute(v, q, log, vs, o, o.qty - o.filled, price, price, Rule.FAULT.value, 0)
            refresh(v, vs)


@kernel
def _trading(v: Venue, symbol: int) -> bool:
    """Whether somebody could have traded in the symbol just now."""
    vs = v.symbol[symbol]
    return v.phase == Phase.REGULAR and vs.halted == 0 and vs.bar.volume > 0


@kernel
def _price(v: Venue, vs: VenueSymbol, o: VenueOrder) -> int:
    """What an order gets that should not have filled: the market's price, and never worse than its limit."""
    price = current_price(v, vs)
    if o.limit > 0 and o.side * (price - o.limit) > 0:
        return o.limit
    return price


@kernel
def fill_late(v: Venue, q: Queue, log: Log, c: Command, f: Fault) -> None:
    """An order whose cancel was confirmed executes after all, and we hear of it later than of its end."""
    o = v.orders[c.order % MAX_ORDERS]
    if o.id != c.order or o.canceled != v.now or not _trading(v, o.symbol):
        return
    qty = share(o.qty - o.filled, f.a)
    qty -= qty % MICRO
    if qty <= 0 or not strikes(f, o.symbol, identity(c.intent, c.leg), c.created, v.now):
        return
    vs = v.symbol[o.symbol]
    price = _price(v, vs, o)
    vs.told = max(vs.told, v.now + f.b)
    slot = book_execution(v, q, vs, o, qty, price)
    journal(v, log, vs, o, q.events[slot], price, Rule.FAULT.value, 0)


@kernel
def overfill(v: Venue, q: Queue, log: Log, e: Event, f: Fault) -> None:
    """More shares than were ordered, at the price of the last ones: of a bracket, not of what cleans up after it."""
    o = v.orders[e.order % MAX_ORDERS]
    if o.id != e.order or o.role > Role.STOP or o.filled_at == 0 or o.filled > o.qty or not _trading(v, o.symbol):
        return
    extra = share(o.qty, f.a) // MICRO * MICRO
    if extra > 0 and strikes(f, o.symbol, identity(o.intent, o.leg), e.execution, v.now):
        vs = v.symbol[o.symbol]
        slot = book_execution(v, q, vs, o, extra, e.price)
        journal(v, log, vs, o, q.events[slot], e.price, Rule.FAULT.value, 0)


@kernel
def count_partial(v: Venue, e: Event, f: Fault) -> None:
    """Count an execution that has left a part of its order open."""
    o = v.orders[e.order % MAX_ORDERS]
    if o.id == e.order and e.cum_qty < o.qty and f.symbols[e.symbol] != 0:
        count_effect(f, v.now)


@kernel
def lose_leg(v: Venue, q: Queue, c: Command, f: Fault) -> None:
    """The broker took a bracket and has lost one of its legs; nobody says so."""
    slot = alive(v, c.stop_order if f.a == 0 else c.target_order)
    if slot < 0 or not strikes(f, c.symbol, identity(c.intent, c.leg), c.created, v.now):
        return
    _drop(v, q, v.orders[slot])


@kernel
def _drop(v: Venue, q: Queue, o: VenueOrder) -> None:
    """An order ends, and nobody says so: it can only be found out by asking."""
    delist(v, o)
    o.stand = Stand.DONE
    o.canceled = o.terminal = v.now
    slot = tell_engine_of_order(v, q, v.now, EventKind.ORDER_CANCELED.value, o.id, o.symbol, 0)
    q.mark[slot] = Mark.UNTOLD.value
    q.events[slot].code2 = Mark.UNTOLD.value


@kernel
def count_stuck(v: Venue, c: Command, f: Fault) -> None:
    """Count an order that was taken and does not begin to work."""
    slot = alive(v, c.order)
    if slot >= 0 and f.symbols[c.symbol] != 0 and v.symbol[c.symbol].stuck > v.now:
        count_effect(f, v.now)


@kernel
def change(v: Venue, q: Queue, f: Fault, begins: int) -> None:
    """Begin or end a lasting condition of the broker's; a draw is made for each symbol."""
    if f.kind == FaultKind.BUYING_POWER_DRIFT:
        v.power = f.a if begins != 0 else NANO
        slot = tell_engine_of(q, v.now, EventKind.ACCOUNT.value, 0, 0)
        q.events[slot].price = v.cash
        q.events[slot].stop = buying_power(v)
        if begins != 0:
            count_effect(f, v.now)
        return
    for s in range(v.symbols):
        vs = v.symbol[s]
        if f.symbols[s] == 0:
            continue
        if f.kind == FaultKind.PARTIALS:
            vs.partial = f.probability if begins != 0 else 0
        elif f.kind == FaultKind.STUCK_ORDER:
            vs.stuck = f.end if begins != 0 else 0
            if begins == 0:
                start_waiting(v, q, vs)
        elif begins == 0 or strikes(f, s, mix(s, f.kind), f.begin, v.now):
            vs.tradable = 1 - begins
            slot = tell_engine_of(q, v.now, EventKind.ASSET.value, ALL_FLAGS, 0)
            q.events[slot].symbol = s
            if begins != 0:
                q.events[slot].code = ALL_FLAGS & ~AssetFlag.TRADABLE.value


@kernel
def reset_account(v: Venue, q: Queue, f: Fault) -> None:
    """The account begins anew: no orders, no positions, the first day's cash; the stream is lost for a moment."""
    for s in range(v.symbols):
        vs = v.symbol[s]
        vs.position = 0
        while vs.live_count > 0:
            _drop(v, q, v.orders[vs.live[0] % MAX_ORDERS])
        refresh(v, vs)
    v.cash = v.faults.start_cash
    count_effect(f, v.now)
    lose_stream(v, q)
    v.faults.down -= 1
    slot = tell_engine_of(q, v.now + BACK_AFTER, EventKind.STREAM.value, 1, 0)
    q.mark[slot] = Mark.JUDGED.value
