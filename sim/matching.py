"""Matching: what each symbol's orders do along the path of a minute, and all that follows from an execution.

A symbol is *heated* in a minute in which one of its orders could act: its path is laid, and `refresh` finds the next
thing due. The replay loop calls `match` when that moment comes. A complete entry fill wakes the group's legs; a leg
that fills, or a stop that triggers, ends its sibling; a leg that fills in part shrinks it.
"""

from __future__ import annotations

from core.kernel.compiled import kernel
from core.kernel.digest import mix
from core.kernel.kinds import EventKind, OrderType, Phase, Role, TimeInForce
from core.kernel.records import MAX_ORDERS
from core.kernel.types import Command, Event
from core.kernel.units import MICRO, notional, share
from sim import script
from sim.book import activate, alive, delist, end, tell, tell_execution
from sim.fills import (
    NEVER,
    RETRY,
    acts_as_market,
    available,
    base_price,
    due_time,
    follow,
    limit_price,
    market_price,
    meets,
    partial,
    trigger_level,
)
from sim.latency import identity
from sim.paths import lay
from sim.records import TAPE, Rule, Stand
from sim.types import Bar, Log, Queue, Venue, VenueOrder, VenueSymbol

EXECUTION = 2  # what a draw is for: 0 and 1 are the partial fill's (fills.py)


@kernel
def heat(v: Venue, vs: VenueSymbol, bar: Bar) -> None:
    """Lay the minute's path for a symbol that has orders; once a minute."""
    hurt = -1
    for i in range(vs.live_count):
        o = v.orders[vs.live[i] % MAX_ORDERS]
        if o.role == Role.ENTRY:
            hurt = worse_extreme(o, bar.open)
            break
    _lay_path(v, vs, bar, hurt)


@kernel
def heat_for(v: Venue, vs: VenueSymbol, bar: Bar, c: Command) -> None:
    """Lay the minute's path for a symbol that gets a command's order and had no use for a path so far."""
    _lay_path(v, vs, bar, worse_extreme(c, bar.open))


@kernel
def worse_extreme(o: VenueOrder, price: int) -> int:
    """+1 if an entry is worse off when the high comes first, -1 if when the low does; the bar opens at `price`."""
    at_once = o.type == OrderType.MARKET
    if o.type == OrderType.LIMIT:
        at_once = o.side * (o.limit - price) >= 0
    elif o.type == OrderType.STOP or o.type == OrderType.STOP_LIMIT:
        at_once = o.side * (price - o.stop) >= 0
    return -o.side if at_once else o.side


@kernel
def _lay_path(v: Venue, vs: VenueSymbol, bar: Bar, hurt: int) -> None:
    """Path, spread and volume to share of this minute; a position's worse extreme goes before an entry's."""
    if vs.points > 0 or bar.volume <= 0 or vs.halted != 0 or v.trading == 0:
        return
    vs.bar_time = v.minute
    vs.due = NEVER
    if vs.last == 0:
        vs.last = bar.open
    begin = max(v.minute, vs.resumed)
    vs.mid = 0
    vs.half = share(bar.open, v.profile.half_spread)
    if v.profile.use_quotes != 0 and 0 < bar.bid <= bar.ask:
        middle = (bar.bid + bar.ask) // 2
        vs.half = bar.ask - middle
        vs.mid = middle if begin == v.minute else 0
    elif bar.half_spread > 0:
        vs.half = bar.half_spread
    room = share(bar.volume, v.profile.participation)
    vs.room = room - room % MICRO
    if vs.position != 0:
        hurt = -1 if vs.position > 0 else 1
    lay(v.profile, vs, bar, begin, hurt)


@kernel
def touched(v: Venue, vs: VenueSymbol, bar: Bar) -> bool:
    """Whether any live order of the symbol could do something within the bar's range, or at its quote."""
    low = bar.low
    high = bar.high
    if v.profile.touch != 0 and v.profile.use_quotes != 0 and 0 < bar.bid <= bar.ask:
        low = min(low, bar.ask)
        high = max(high, bar.bid)
    for i in range(vs.live_count):
        o = v.orders[vs.live[i] % MAX_ORDERS]
        if o.stand == Stand.WORKING or o.stand == Stand.TRIGGERED:
            if script.next_fill(v, o) != script.UNKNOWN:
                return True
            if acts_as_market(o) or o.type == OrderType.TRAILING_STOP:
                return True
            limit = o.type == OrderType.LIMIT or o.stand == Stand.TRIGGERED
            level = o.limit if limit else o.stop
            falls = (o.side > 0) == limit  # a buy limit and a sell stop wait below, the others above
            if (falls and low <= level) or (not falls and high >= level):
                return True
    return False


@kernel
def refresh(v: Venue, vs: VenueSymbol) -> None:
    """Find the symbol's next thing to happen in this minute."""
    vs.due = NEVER
    vs.due_order = 0
    if vs.points == 0 or vs.halted != 0:
        return
    for i in range(vs.live_count):
        o = v.orders[vs.live[i] % MAX_ORDERS]
        when = due_time(v, vs, o)
        if when < vs.due:
            vs.due = when
            vs.due_order = o.id


@kernel
def settle_immediate(v: Venue, q: Queue, vs: VenueSymbol) -> None:
    """Cancel immediate-or-cancel orders that have nothing to do at this very moment."""
    i = 0
    while i < vs.live_count:
        o = v.orders[vs.live[i] % MAX_ORDERS]
        immediate = (o.tif == TimeInForce.IOC or o.tif == TimeInForce.FOK) and o.stand == Stand.WORKING
        if immediate:
            ready = vs.points > 0 and due_time(v, vs, o) == v.now
            if ready and o.tif == TimeInForce.FOK:
                ready = available(v, vs, o) == o.qty - o.filled
            if not ready:
                end(v, q, o, EventKind.ORDER_CANCELED.value)
                continue
        i += 1
    refresh(v, vs)


@kernel
def match(v: Venue, q: Queue, log: Log, vs: VenueSymbol, bar: Bar) -> None:
    """Do what is due: trigger, or fill."""
    o = v.orders[vs.due_order % MAX_ORDERS]
    follow_trails(v, vs, vs.due)
    vs.cursor = max(vs.cursor, vs.due)
    if o.type >= OrderType.STOP and o.stand == Stand.WORKING:
        _trigger(v, q, o)
        if o.limit > 0 and script.next_fill(v, o) == script.UNKNOWN and not meets(vs, o, v.now):
            refresh(v, vs)
            return
    fill(v, q, log, vs, o, bar)
    refresh(v, vs)
    settle_immediate(v, q, vs)


@kernel
def follow_trails(v: Venue, vs: VenueSymbol, until: int) -> None:
    """Let the symbol's trailing stops follow the path up to `until`; they do so in the regular session only."""
    if vs.points == 0 or vs.halted != 0 or v.phase != Phase.REGULAR:
        return
    for i in range(vs.live_count):
        o = v.orders[vs.live[i] % MAX_ORDERS]
        if o.type == OrderType.TRAILING_STOP and o.stand == Stand.WORKING:
            follow(vs, o, until)


@kernel
def _trigger(v: Venue, q: Queue, o: VenueOrder) -> None:
    """A stop is elected; its sibling is withdrawn at once."""
    if o.type == OrderType.TRAILING_STOP:
        o.stop = trigger_level(o, o.high)
    o.stand = Stand.TRIGGERED
    o.triggered = v.now
    tell(v, q, o, EventKind.ORDER_TRIGGERED.value, v.profile.ack_latency, 0)
    slot = alive(v, o.sibling)
    if slot >= 0:
        end(v, q, v.orders[slot], EventKind.ORDER_CANCELED.value)


@kernel
def fill(v: Venue, q: Queue, log: Log, vs: VenueSymbol, o: VenueOrder, bar: Bar) -> None:
    """Execute an order now: price, quantity, fee, account, message, journal, and what the group does next."""
    row = script.next_fill(v, o)
    if row >= 0:
        _fill_as_recorded(v, q, log, vs, o, bar, row)
        return
    qty = partial(v, o, available(v, vs, o))
    if acts_as_market(o) or (o.triggered == v.now and o.type == OrderType.STOP):
        raw, price, rule = market_price(v, vs, o, v.now, qty)
    else:
        raw, price, rule = limit_price(v, vs, o, v.now)
    execute(v, q, log, vs, o, qty, raw, price, rule, _ambiguous(v, vs, o, bar))


@kernel
def _fill_as_recorded(v: Venue, q: Queue, log: Log, vs: VenueSymbol, o: VenueOrder, bar: Bar, row: int) -> None:
    """Execute an order as a row of the script says."""
    recorded = v.script[row]
    raw = base_price(vs, v.now)
    price = recorded.price if v.now == recorded.time else max(raw + recorded.gap, 1)
    qty = min(recorded.qty, o.qty - o.filled)
    execute(v, q, log, vs, o, qty, raw, price, Rule.NBBO.value, _ambiguous(v, vs, o, bar))


@kernel
def _ambiguous(v: Venue, vs: VenueSymbol, o: VenueOrder, bar: Bar) -> int:
    """Whether the bar holds both prices of the group, so that the path model decided which leg filled."""
    other = v.orders[o.sibling % MAX_ORDERS]
    if o.sibling == 0 or other.id != o.sibling or v.now == vs.time[0]:
        return 0
    if other.terminal != 0 and other.terminal < vs.bar_time:
        return 0
    own = o.limit if o.type == OrderType.LIMIT else o.stop
    far = other.limit if other.type == OrderType.LIMIT else other.stop
    return 1 if bar.low <= min(own, far) and bar.high >= max(own, far) else 0


@kernel
def fee(v: Venue, o: VenueOrder, qty: int, price: int) -> int:
    """SEC and TAF fees of an execution, in micros: sales only, each rounded up to a cent."""
    if v.profile.fees == 0 or o.side > 0:
        return 0
    sec = -(-share(notional(qty, price), v.profile.sec_rate) // 10_000) * 10_000
    taf = min(-(-share(qty, v.profile.taf_rate) // 10_000) * 10_000, v.profile.taf_cap)
    return sec + taf


@kernel
def execute(
    v: Venue,
    q: Queue,
    log: Log,
    vs: VenueSymbol,
    o: VenueOrder,
    qty: int,
    raw: int,
    price: int,
    rule: int,
    ambiguous: int,
) -> None:
    """Book an execution of `qty` at `price`, tell everybody, and let the order's group follow."""
    slot = book_execution(v, q, vs, o, qty, price)
    journal(v, log, vs, o, q.events[slot], raw, rule, ambiguous)
    _after(v, q, vs, o)


@kernel
def book_execution(v: Venue, q: Queue, vs: VenueSymbol, o: VenueOrder, qty: int, price: int) -> int:
    """Order, account and tape of an execution, and the news of it; returns the message's slot."""
    paid = fee(v, o, qty, price)
    o.filled += qty
    o.paid += notional(qty, price)
    o.next_try = v.now + RETRY
    if o.first_fill == 0:
        o.first_fill = v.now
    vs.position += o.side * qty
    v.cash += notional(-o.side * qty, price) - paid
    vs.room -= qty
    number = mix(mix(mix(v.profile.seed, identity(o.intent, o.leg)), o.fills), EXECUTION) & 0x7FFFFFFFFFFFFFFF
    o.fills += 1
    x = v.tape[v.executions % TAPE]
    x.id = number
    x.order = o.id
    x.symbol = o.symbol
    x.qty = qty
    x.price = price
    x.fee = paid
    x.cum = o.filled
    x.time = v.now
    v.executions += 1
    return tell_execution(v, q, o, v.executions - 1)


@kernel
def journal(v: Venue, log: Log, vs: VenueSymbol, o: VenueOrder, e: Event, raw: int, rule: int, ambiguous: int) -> None:
    """Write the execution into the run's journal."""
    f = log.fills[log.fills_n]
    log.fills_n += 1
    f.execution = e.execution
    f.order = o.id
    f.intent = o.intent
    f.leg = o.leg
    f.symbol = o.symbol
    f.side = o.side
    f.qty = e.qty
    f.price = e.price
    f.fee = e.amount
    f.time = v.now
    f.received = e.t_visible
    f.bar_time = vs.bar_time
    f.mid_fill = raw
    f.mid_arrival = o.mid_arrival
    f.mid_decision = o.mid_decision
    bound = rule == Rule.LIMIT_TOUCH or rule == Rule.LIMIT_IMPROVED
    f.half_spread = vs.half if rule != Rule.AUCTION else 0
    f.slippage = 0 if bound else max(o.side * (e.price - raw), 0)
    f.rule = rule
    f.ambiguous = ambiguous
    f.exit = 1 if o.role != Role.ENTRY else 0
    v.exits += f.exit
    v.ambiguous_exits += f.exit * ambiguous


@kernel
def _after(v: Venue, q: Queue, vs: VenueSymbol, o: VenueOrder) -> None:
    """A complete fill ends the order: legs wake, the sibling goes; a partial one shrinks the sibling."""
    sibling = alive(v, o.sibling)
    if o.filled < o.qty:
        if sibling >= 0:
            other = v.orders[sibling]
            other.qty = o.qty - o.filled
            tell(v, q, other, EventKind.ORDER_RESTATED.value, v.profile.ack_latency, 0)
        return
    delist(v, o)
    o.stand = Stand.DONE
    o.filled_at = o.terminal = v.now
    if sibling >= 0:
        end(v, q, v.orders[sibling], EventKind.ORDER_CANCELED.value)
    if o.role == Role.ENTRY:
        for i in range(vs.live_count):
            leg = v.orders[vs.live[i] % MAX_ORDERS]
            first = leg.type == OrderType.LIMIT or leg.sibling == 0  # a sole exit may be a stop
            if leg.parent == o.id and leg.stand == Stand.HELD and first:
                activate(v, q, vs, leg)
