"""A fresh state, and the small Python surface around the compiled step."""

from __future__ import annotations

import numpy as np

from core.kernel.kinds import AssetFlag, Condition, Mode
from core.kernel.records import EVENT, MAX_SYMBOLS, STATE
from core.kernel.units import NANO

ALL_FLAGS = int(AssetFlag.TRADABLE | AssetFlag.SHORTABLE | AssetFlag.FRACTIONABLE)


def new_state(config: np.void) -> np.ndarray:
    """State of an account that has just been opened: shape (1,), dtype STATE.

    Nothing may be opened yet: the stream is down and the books are not reconciled, until the host's events say so.
    """
    assert 0 < int(config["symbols"]) <= MAX_SYMBOLS
    state = np.zeros(1, STATE)
    st = state[0]
    st.config = config
    cash = int(config["cash"])
    account = st.account
    account.cash = account.start_cash = account.equity = account.units = cash
    account.unit_value = account.high_water_mark = account.reference = account.day_start_unit = NANO
    account.day_start_equity = account.last_equity = cash
    for back in range(5):
        account[f"week_units{back}"] = NANO
    state["symbols"]["number"][0] = np.arange(MAX_SYMBOLS)
    state["symbols"]["allowed"][0, : int(config["symbols"])] = ALL_FLAGS
    st.run.session = -1
    st.run.mode = Mode.BROKER_DEGRADED
    st.run.next_order = 1
    st.run.reentry = NANO
    st.run.reconciling = 1
    st.run.asked = 1  # a new account is reconciled by its host; the first timer asks if that has not happened
    for condition in (Condition.STREAM_DOWN, Condition.RECONCILING):
        st.conditions[condition].active = 1
        st.run.conditions |= 1 << condition
    return state


def new_event() -> np.ndarray:
    """One cleared event: shape (1,), dtype EVENT."""
    event = np.zeros(1, EVENT)
    event["symbol"] = -1
    return event
