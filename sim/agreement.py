"""The engine's books against the broker's, looked at from outside: what one who sees both can say.

    books_agree   no reconciliation finds a difference that nobody made. Executions may come late, twice or not at all:
                  the engine must still end where the broker is. Only a broker who begins the account anew makes one.
    ends_agree    no order is over for the engine while the broker has it alive. One whose submit was never confirmed is
                  given up after some tries, by rule; it is withdrawn as soon as it shows.

The engine cannot check either by itself: a defect in its books is in all of them.
"""

from __future__ import annotations

import numpy as np

from core.kernel.kinds import NoteKind, RejectReason, Severity
from sim.records import FaultKind, Stand

AGREEMENTS = ("books_agree", "ends_agree")


def disagreements(log: np.void, faults: np.ndarray, tries: int) -> dict[str, int]:
    """What was broken, each with the time (ns UTC) at which it first shows, in a LOG under a run's FAULT rows.

    After so many `tries` an order that was never confirmed may be given up.
    """
    notes = log["notes"][: int(log["notes_n"])]
    reset = faults["first"][(faults["kind"] == FaultKind.ACCOUNT_RESET) & (faults["first"] > 0)]
    differs = (notes["kind"] == NoteKind.RECONCILIATION) & (notes["severity"] == Severity.CRITICAL)
    differs &= (notes["action"] == 0) & (notes["time"] < min(reset, default=2**63 - 1))
    ended = log["orders"][: int(log["orders_n"])]
    ours, theirs = ended["engine"], ended["venue"]
    alive = (theirs["id"] == ours["id"]) & (theirs["stand"] != Stand.DONE)
    alive &= (ours["reason"] != RejectReason.UNCONFIRMED) | (ours["queries"] < tries)
    found = {"books_agree": notes["time"][differs], "ends_agree": ours["terminal"][alive]}
    return {name: int(times[0]) for name, times in found.items() if len(times)}
