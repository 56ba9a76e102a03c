"""Circuit breakers, one a lane to the broker.

    CLOSED --failures, failure share, slowness, silence--> OPEN --probes good, stream up, reconciled--> READY
    READY --operator resets--> HALF_OPEN --n orders acknowledged--> CLOSED;   HALF_OPEN --any failure--> OPEN

Nothing but the operator leaves READY, and a restart is not a reset: the state is part of the engine's own. Business
refusals do not count here; they feed the reject-storm guard. Probes wait by full-jitter backoff drawn from a hash, or
as long as the broker asks.
"""

from __future__ import annotations

from core.kernel.compiled import kernel
from core.kernel.digest import mix, unit
from core.kernel.kinds import Breaker, CommandKind, Lane, LaneFailure, NoteKind, Phase, Severity
from core.kernel.outputs import note, plain_command
from core.kernel.records import LANES
from core.kernel.types import Event, LaneRecord, State
from core.kernel.units import ratio

PROBES = 3
SLOW_SHARE = 20  # a window is slow when more than one request in this many is: its 95th percentile is over the bound
SLOW_WINDOWS = 3


@kernel
def change(st: State, lane: int, state: int) -> None:
    """Move a breaker and note it."""
    b = st.lanes[lane]
    e = note(
        st,
        NoteKind.BREAKER_CHANGE,
        Severity.CRITICAL if state == Breaker.OPEN else Severity.INFO,
        -1,
        state,
        b.state,
    )
    e.detail = lane
    st.run.lanes += int(state != Breaker.CLOSED) - int(b.state != Breaker.CLOSED)
    b.closings += 1 if state == Breaker.CLOSED else 0
    b.state = state
    b.since = st.run.now
    b.failures = b.probes = b.half_open = 0


@kernel
def trip(st: State, lane: int) -> None:
    """Open a breaker; from HALF_OPEN the backoff goes on where it was."""
    b = st.lanes[lane]
    b.backoff = b.backoff + 1 if b.state == Breaker.HALF_OPEN else 0
    b.trips += 1
    change(st, lane, Breaker.OPEN)
    schedule_probe(st, lane)


@kernel
def schedule_probe(st: State, lane: int) -> None:
    """Full jitter: uniform between 0 and min(cap, base * 2**k)."""
    b = st.lanes[lane]
    bound = min(st.config.backoff_cap, st.config.backoff_base << min(b.backoff, 20))
    draw = unit(mix(mix(mix(mix(st.config.seed, lane), b.trips), b.backoff), b.probes))
    b.next_probe = st.run.now + int(draw * bound)


@kernel
def _roll(st: State, b: LaneRecord) -> None:
    """Start a new counting window when the old one is over."""
    if st.run.now - b.window_start >= st.config.breaker_window:
        slow = b.window_requests > 0 and SLOW_SHARE * b.window_slow > b.window_requests
        b.slow_windows = b.slow_windows + 1 if slow else 0
        b.window_start = st.run.now
        b.window_requests = b.window_failures = b.window_slow = 0


@kernel
def on_ok(st: State, lane: int, latency: int) -> None:
    """A request on the lane was answered."""
    b = st.lanes[lane]
    _roll(st, b)
    b.last = st.run.now
    b.window_requests += 1
    b.failures = 0
    if st.config.slow_after > 0 and latency > st.config.slow_after:
        b.window_slow += 1
        if b.state == Breaker.HALF_OPEN:
            trip(st, lane)
            return
    if b.state == Breaker.HALF_OPEN:
        b.half_open += 1
        if b.half_open >= st.config.half_open_orders:
            b.backoff = 0
            change(st, lane, Breaker.CLOSED)
    elif b.state == Breaker.CLOSED and b.slow_windows >= SLOW_WINDOWS:
        b.slow_windows = 0
        trip(st, lane)


@kernel
def on_failed(st: State, ev: Event) -> None:
    """A request on the lane failed for a technical reason; one that is not authorised fails for good."""
    lane = ev.code
    b = st.lanes[lane]
    _roll(st, b)
    b.window_requests += 1
    b.window_failures += 1
    b.failures += 1
    b.probes = 0
    if b.state == Breaker.OPEN:
        b.backoff += 1
        schedule_probe(st, lane)
        _wait(st, b, ev.amount)
        return
    if b.state == Breaker.READY or b.state == Breaker.HALF_OPEN:
        trip(st, lane)
        _wait(st, b, ev.amount)
        return
    many = b.window_requests >= st.config.breaker_min
    share = many and ratio(b.window_failures, b.window_requests) >= st.config.breaker_share
    if share or b.failures >= st.config.breaker_failures or ev.code2 == LaneFailure.UNAUTHORISED:
        trip(st, lane)
        _wait(st, b, ev.amount)


@kernel
def _wait(st: State, b: LaneRecord, asked: int) -> None:
    """The broker's own word on when to come back is obeyed before our backoff."""
    if asked > 0:
        b.next_probe = st.run.now + asked


@kernel
def on_probe(st: State, lane: int) -> None:
    """A probe was answered: after enough of them, with the stream up and the books reconciled, the lane is READY."""
    b = st.lanes[lane]
    if b.state != Breaker.OPEN:
        return
    b.probes += 1
    if b.probes >= PROBES and st.run.streaming != 0 and st.run.reconciling == 0:
        change(st, lane, Breaker.READY)
    else:
        schedule_probe(st, lane)


@kernel
def on_timer(st: State) -> None:
    """Send due probes, and trip the stream's breaker when it is silent in the session while orders are out."""
    if st.run.lanes > 0:
        _probe(st)
    stream = st.lanes[Lane.TRADE_STREAM]
    since = max(stream.last, st.run.session_open)
    silent = st.config.silence > 0 and st.run.phase == Phase.REGULAR and st.run.now - since > st.config.silence
    if silent and st.run.working > 0 and stream.state == Breaker.CLOSED:
        trip(st, Lane.TRADE_STREAM)


@kernel
def _probe(st: State) -> None:
    """One probe on each open lane whose wait is over."""
    for lane in range(LANES):
        b = st.lanes[lane]
        if b.state == Breaker.OPEN and st.run.now >= b.next_probe:
            plain_command(st, CommandKind.PROBE, lane)
            b.next_probe = st.run.now + st.config.backoff_cap


@kernel
def reset(st: State, lane: int) -> bool:
    """The operator's reset: only READY accepts it. Returns whether it was accepted."""
    b = st.lanes[lane]
    if b.state != Breaker.READY:
        return False
    b.resets += 1
    change(st, lane, Breaker.HALF_OPEN)
    return True


@kernel
def worst(st: State) -> int:
    """The most restrictive state of all lanes: CLOSED, HALF_OPEN, or OPEN (which READY counts as)."""
    state = 0
    for lane in range(LANES):
        s = st.lanes[lane].state
        if s == Breaker.OPEN or s == Breaker.READY:
            return Breaker.OPEN.value
        if s == Breaker.HALF_OPEN:
            state = Breaker.HALF_OPEN.value
    return state


@kernel
def trips(st: State) -> int:
    """Trips of all lanes today."""
    total = 0
    for lane in range(LANES):
        total += st.lanes[lane].trips
    return total
