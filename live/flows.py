"""Cash that moves without a trade (dividends, interest, fees, transfers), as the explanation of a difference.

The account's history lists such flows by date, late, and sometimes from before the run began. So they are not booked
because they are listed, but because they explain: of those that are not booked yet, the newest ones together that
come nearest to the difference between the broker's cash and ours, and only if what is left is within the tolerance.
Older ones than those are of the time before the run, or cancel each other out. A flow is named by the history's own
id, so that nothing is booked twice; a difference that no flows explain books nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate

from core.kernel.kinds import CashKind, EventKind
from live.alpaca.messages import Flow
from live.events import Incoming
from live.news import REST

IDENTITY = "activity:"
_FEES = frozenset({"FEE", "CFEE", "DIVFEE", "PTC", "PTR"})
_TRANSFERS = frozenset({"CSD", "CSW", "JNL", "JNLC", "ACATC"})


def explain(flows: Iterable[Flow], difference: int, known: Callable[[str], bool], tolerance: int) -> Sequence[Flow]:
    """The flows that explain a difference in micros, the oldest first; none where none do, or none are needed."""
    fresh = [flow for flow in flows if flow.status != "canceled" and flow.net_amount and not known(IDENTITY + flow.id)]
    newest = sorted(fresh, key=lambda flow: (flow.date, flow.id), reverse=True)
    sums = list(accumulate((int(flow.net_amount) for flow in newest), initial=0))
    count = min(range(len(sums)), key=lambda i: abs(difference - sums[i]))
    return newest[:count][::-1] if abs(difference - sums[count]) <= tolerance else ()


def from_flow(flow: Flow, symbol: int, now: int) -> Incoming:
    """A flow as an event; `symbol` is the engine's number of its symbol, -1 for none, `now` ns UTC."""
    fields = {"code": int(_kind(flow)), "amount": int(flow.net_amount), "symbol": symbol}
    when = now if flow.created_at is None else int(flow.created_at)
    detail = {"activity": flow.activity_type, "date": flow.date}
    return Incoming(EventKind.CASH_FLOW, when, now, fields, identity=IDENTITY + flow.id, source=REST, detail=detail)


def _kind(flow: Flow) -> CashKind:
    """The engine's word for an activity's type; one that is not known is an adjustment."""
    if flow.activity_type in _TRANSFERS:
        return CashKind.DEPOSIT if flow.net_amount > 0 else CashKind.WITHDRAWAL
    if flow.activity_type in _FEES:
        return CashKind.FEE
    if flow.activity_type.startswith("DIV"):
        return CashKind.DIVIDEND
    return CashKind.INTEREST if flow.activity_type.startswith("INT") else CashKind.ADJUSTMENT
