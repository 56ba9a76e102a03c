"""What a strategy is: a pure function from bars to signals.

A strategy never sees positions, cash or orders, and never sizes. It states, for a bar that has just closed,
the calibrated probability that price reaches its target before its stop, and both distances; the risk agent
decides what that is worth. It is called with a *window* of bars: `warmup` rows of history and then the rows
that signals are wanted for. Simulation cuts one window a session and live trading cuts the same windows, so
both see the same numbers to the last bit; memory stays bounded however long the run is.

A strategy states what it means and rounds nothing. Whoever calls it rounds to nearest, probabilities to 1e-6
and distances to a millionth of a dollar, and the engine makes order prices of them on the price increment, a cent
($0.0001 below a dollar): the target never nearer than stated, the stop never further and at least a cent away. A
target less than a cent from the entry is refused (price_increment).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from core.bars import Bars

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Sides = npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Signals:
    """Signals of one strategy over a window of bars; every array has shape (time, symbol) of the bars.

    probability  float64 in [0, 1], NaN = no signal; of reaching the target before the stop within the horizon
    target       float64 dollars a share > 0, distance from the bar's close in the signal's favour
    stop         float64 dollars a share > 0, distance from the bar's close against it
    side         int8, +1 long, -1 short; read only where probability is a number
    horizon      float64 bars until the position is closed at the market, NaN = never by time
    exit         bool, close this strategy's position in the symbol at the market
    """

    probability: Floats
    target: Floats
    stop: Floats
    side: Sides
    horizon: Floats
    exit: Bools

    @staticmethod
    def from_frames(
        bars: Bars,
        *,
        probability: pd.DataFrame,
        target: pd.DataFrame | float,
        stop: pd.DataFrame | float,
        side: pd.DataFrame | int = 1,
        horizon: pd.DataFrame | float = np.nan,
        exit: pd.DataFrame | bool = False,  # noqa: A002
    ) -> Signals:
        """Signals from wide frames labelled as those of `bars.to_frames`; a scalar holds everywhere.

        Frames are aligned by their labels, and what is missing from one is no signal, no horizon, no exit.
        """
        return Signals(
            probability=_grid(bars, probability, np.float64, np.nan),
            target=_grid(bars, target, np.float64, np.nan),
            stop=_grid(bars, stop, np.float64, np.nan),
            side=_grid(bars, side, np.int8, 0),
            horizon=_grid(bars, horizon, np.float64, np.nan),
            exit=_grid(bars, exit, np.bool_, False),
        )


def _grid(bars: Bars, value: Any, dtype: type[np.generic], missing: float) -> npt.NDArray[Any]:
    if np.isscalar(value):
        return np.full(bars.close.shape, value, dtype)
    import pandas as pd

    time = pd.DatetimeIndex(bars.time.view("M8[ns]"), tz="UTC")
    aligned = value.reindex(index=time, columns=list(bars.symbols), fill_value=missing)
    return np.array(aligned.fillna(missing) if missing == missing else aligned, dtype, order="C")


@runtime_checkable
class Strategy(Protocol):
    """The contract; plain attributes, properties and dataclass fields all serve."""

    @property
    def name(self) -> str:
        """Unique within a scenario; part of each intent's identity."""
        ...

    @property
    def model_version(self) -> str:
        """The calibration, by name; part of each intent's identity."""
        ...

    @property
    def warmup(self) -> int:
        """Number of bars (rows) needed before the first bar that may signal."""
        ...

    def signals(self, bars: Bars) -> Signals:
        """Signals for every row of `bars`; rows before `warmup` are ignored by the caller."""
        ...
