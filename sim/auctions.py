"""The venue's day: phases, auctions, expiries, halts and corporate actions at the broker.

Auction orders fill whole, at the official print where it is known. Without it the first trade of the opening minute
stands in for the opening print, and the price at the close for the closing one; a symbol without either holds no
auction, and its auction orders expire.
"""

from __future__ import annotations

from core.kernel.compiled import kernel
from core.kernel.kinds import CashKind, EventKind, OrderType, Phase, TimeInForce
from core.kernel.records import MAX_ORDERS
from core.kernel.types import Event
from core.kernel.units import MICRO, NANO, muldiv, notional
from sim import messages
from sim.book import activate, can_work, end, tell
from sim.fills import NEVER
from sim.matching import execute, follow_trails, heat, refresh
from sim.paths import price_at
from sim.records import Rule, Stand, To
from sim.types import Bar, Log, Queue, Venue, VenueSymbol

GTC_DAYS = 90  # after which the broker lets an order lapse


@kernel
def on_phase(v: Venue, q: Queue, log: Log, ev: Event) -> None:
    """A phase of the day begins at the venue."""
    v.phase = ev.code
    if ev.code == Phase.REGULAR:
        v.session_open = ev.t_market
        v.session_close = ev.t_market + ev.qty
    for s in range(v.symbols):
        vs = v.symbol[s]
        if vs.live_count == 0:
            continue
        if ev.code == Phase.REGULAR:
            vs.cursor = v.now
            heat(v, vs, vs.bar)
            traded = price_at(vs, v.now) if vs.points > 0 else 0
            _auction(v, q, log, vs, TimeInForce.OPG.value, vs.open_print if vs.open_print > 0 else traded)
        elif ev.code == Phase.POST:
            _auction(v, q, log, vs, TimeInForce.CLS.value, vs.close_print if vs.close_print > 0 else vs.last)
        if ev.code == Phase.POST or ev.code == Phase.CLOSED:
            _expire(v, q, vs)
        start_waiting(v, q, vs)


@kernel
def _auction(v: Venue, q: Queue, log: Log, vs: VenueSymbol, tif: int, price: int) -> None:
    """Fill the auction orders at the print; one that it does not reach, or that there is no auction for, expires."""
    i = 0
    while i < vs.live_count:
        o = v.orders[vs.live[i] % MAX_ORDERS]
        if o.stand != Stand.QUEUED or o.tif != tif:
            i += 1
        elif price <= 0 or vs.halted != 0 or (o.type == OrderType.LIMIT and o.side * (price - o.limit) > 0):
            end(v, q, o, EventKind.ORDER_EXPIRED.value)
        else:
            execute(v, q, log, vs, o, o.qty - o.filled, price, price, Rule.AUCTION.value, 0)


@kernel
def start_waiting(v: Venue, q: Queue, vs: VenueSymbol) -> None:
    """Put to work what has waited for this phase, or for the end of a halt."""
    for i in range(vs.live_count):
        o = v.orders[vs.live[i] % MAX_ORDERS]
        if o.stand == Stand.QUEUED and can_work(v, vs, o):
            activate(v, q, vs, o)
    refresh(v, vs)


@kernel
def _expire(v: Venue, q: Queue, vs: VenueSymbol) -> None:
    """End DAY orders whose day is over, with the regular session or after it, and GTC orders that the broker drops.

    An order that came after its day's end waits for the next session.
    """
    i = 0
    while i < vs.live_count:
        o = v.orders[vs.live[i] % MAX_ORDERS]
        day_ends = v.session_close if o.extended == 0 else v.session_end
        over = o.tif == TimeInForce.DAY and o.arrived < day_ends <= v.now
        aged = o.tif == TimeInForce.GTC and v.session - o.session >= GTC_DAYS
        if over or aged:
            end(v, q, o, EventKind.ORDER_EXPIRED.value)
        else:
            i += 1


@kernel
def on_halt(v: Venue, q: Queue, vs: VenueSymbol, bar: Bar, halted: int) -> None:
    """Trading in a symbol stops or starts again; orders that waited go to work at the reopening."""
    if halted != 0:
        follow_trails(v, vs, v.now)
        vs.halted = 1
        vs.due = NEVER
        return
    vs.halted = 0
    vs.resumed = v.now
    if vs.live_count > 0:  # else the first order that comes decides which way hurts
        heat(v, vs, bar)
    vs.cursor = max(vs.cursor, v.now)
    start_waiting(v, q, vs)


@kernel
def on_split(v: Venue, q: Queue, ev: Event) -> None:
    """A split at the broker: quantities times the ratio; prices of orders stay as they were (do-not-reduce).

    The day's average volume is in new shares already (brief_venue).

    A position keeps the fraction of a share that it is left with, down to a micro. An order keeps whole shares, and
    ends when none is left.
    """
    vs = v.symbol[ev.symbol]
    quantity = muldiv(abs(vs.position), ev.ratio, NANO)
    vs.position = quantity if vs.position > 0 else -quantity
    vs.last = muldiv(vs.last, NANO, ev.ratio)
    i = 0
    while i < vs.live_count:
        o = v.orders[vs.live[i] % MAX_ORDERS]
        rest = muldiv(o.qty - o.filled, ev.ratio, NANO)
        rest -= rest % MICRO
        o.qty = o.filled + rest
        if rest == 0:
            end(v, q, o, EventKind.ORDER_CANCELED.value)
        else:
            tell(v, q, o, EventKind.ORDER_RESTATED.value, v.profile.ack_latency, 0)
            i += 1


@kernel
def owe_dividend(v: Venue, q: Queue, ev: Event) -> None:
    """On the ex-date: what holders are owed, and shorts owe, on the pay date (`target`); paper pays none."""
    vs = v.symbol[ev.symbol]
    if vs.position == 0 or v.profile.dividends == 0:
        return
    slot = messages.post_event(q, max(ev.target, v.now), To.MARKET.value)
    e = q.events[slot]
    e.kind = EventKind.CASH_FLOW
    e.code = CashKind.DIVIDEND
    e.symbol = ev.symbol
    e.amount = notional(vs.position, ev.amount)
    e.t_market = max(ev.target, v.now)
    messages.send(q, slot)
