"""The engine alone, fed with the events of a journal: no venue, no market, no calendar, only what was recorded."""

from __future__ import annotations

import numpy as np

from core.kernel.compiled import entry
from core.kernel.engine import step


@entry
def feed(states: np.ndarray, events: np.ndarray, decisions: np.ndarray) -> int:
    """Step through events until all are done or `decisions` is full; returns how many decisions were made.

    states (1,) STATE, events (n,) EVENT in their order, decisions (m,) DECISION, which is written. Exits are not sized,
    so they are not among the decisions.
    """
    st = states[0]
    made = 0
    for i in range(len(events)):
        if made == len(decisions):
            break
        step(st, events[i])
        if st.decision.checks >= 0:
            decisions[made] = st.decision
            made += 1
    return made
