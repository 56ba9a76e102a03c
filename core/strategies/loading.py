"""From a line of configuration to a strategy, and from a strategy to signals that can be believed.

Strategies come from users, so both ends are checked: `load` says what is wrong with a name or a parameter,
and `run_window` refuses signals that break the contract before they reach the risk engine, with symbol and
time.
"""

from __future__ import annotations

import importlib
import inspect
import math
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from core.bars import Bars
from core.errors import InputError
from core.kernel.compiled import entry
from core.strategies.contract import Floats, Sides, Signals, Strategy

DTYPES = {
    "probability": np.float64,
    "target": np.float64,
    "stop": np.float64,
    "side": np.int8,
    "horizon": np.float64,
    "exit": np.bool_,
}
FAULTS = {  # numbers that _first_fault returns
    1: ("probability", "Give a number from 0 to 1, or NaN for no signal"),
    2: ("target", "Give the distance in dollars from the close, finite and above 0"),
    3: ("stop", "Give the distance in dollars from the close, finite and above 0"),
    4: ("side", "Give +1 for long or -1 for short wherever probability is a number"),
    5: ("horizon", "Give a number of bars of at least 1, or NaN for never"),
}


def load(spec: str, parameters: Mapping[str, Any], place: str) -> Strategy:
    """The strategy `spec` names as "package.module:Class", made with the given keyword parameters.

    The module may be installed or lie in the working directory. `place` names the configuration in errors.
    Raises InputError when the module or class cannot be had, a parameter is unknown or refused, or the
    object does not fulfil core.strategies.contract.Strategy.
    """
    module_name, _, class_name = spec.partition(":")
    if not module_name or not class_name.isidentifier():
        raise InputError(place, f"{spec!r} does not name a class", 'Write "package.module:Class"')
    made = _class(_module(module_name, place), class_name, place)
    accepted = inspect.signature(made).parameters
    unknown = sorted(set(parameters) - set(accepted))
    if unknown and not any(p.kind is inspect.Parameter.VAR_KEYWORD for p in accepted.values()):
        remedy = f"{class_name} accepts: {', '.join(accepted) or 'no parameters'}"
        raise InputError(place, f"unknown parameter {', '.join(map(repr, unknown))}", remedy)
    try:
        strategy = made(**parameters)
    except InputError as error:
        raise InputError(f"{place}: {error.place}", error.problem, error.remedy) from error
    except (TypeError, ValueError) as error:
        raise InputError(place, f"{class_name} refused its parameters: {error}", "Correct them") from error
    return _contracted(strategy, class_name, place)


def _module(name: str, place: str) -> ModuleType:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)  # an installed command does not look there by itself
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not (name == error.name or name.startswith(error.name + ".")):
            raise InputError(place, f"{name} imports {error.name}, not found", "Install it") from error
        remedy = "Install its package or start in the folder that holds it"
        raise InputError(place, f"no module named {error.name!r}", remedy) from error
    except Exception as error:
        raise InputError(place, f"importing {name} raised {_told(error)}", "Correct the module") from error


def _class(module: ModuleType, name: str, place: str) -> type[Any]:
    found = getattr(module, name, None)
    if inspect.isclass(found):
        return found
    others = [n for n, c in vars(module).items() if inspect.isclass(c) and hasattr(c, "signals")]
    remedy = f"It has: {', '.join(sorted(others))}" if others else "It has no class with a method `signals`"
    raise InputError(place, f"{module.__name__} has no class {name!r}", remedy)


def _contracted(strategy: Any, class_name: str, place: str) -> Strategy:
    if not isinstance(strategy, Strategy):
        missing = [n for n in ("name", "model_version", "warmup", "signals") if not hasattr(strategy, n)]
        problem = f"{class_name} is no strategy: it lacks {', '.join(missing)}"
        raise InputError(place, problem, "Add what is missing")
    warmup: object = strategy.warmup
    if not isinstance(warmup, int) or warmup < 0:
        raise InputError(place, f"{class_name}.warmup is {warmup!r}", "Give a number of bars, 0 or more")
    for key in ("name", "model_version"):
        if not isinstance(getattr(strategy, key), str) or not getattr(strategy, key):
            raise InputError(place, f"{class_name}.{key} is no text", "Give a name that is not empty")
    return strategy


def run_window(strategy: Strategy, bars: Bars) -> Signals:
    """Signals of the strategy for a window, checked from row `warmup` on; arrays are C-ordered.

    Raises InputError naming the strategy and, for a value, symbol and time: for an exception inside the
    strategy, a wrong type, shape or dtype, and for values that the contract does not allow.
    """
    place = f"strategy {strategy.name}"
    try:
        signals = strategy.signals(bars)
    except Exception as error:
        remedy = f"The window had {len(bars.time)} bars of {len(bars.symbols)} symbols{_since(bars)}"
        raise InputError(place, f"signals() raised {_told(error)}", remedy) from error
    if not isinstance(signals, Signals):
        raise InputError(place, f"signals() returned {type(signals).__name__}", "Return a Signals object")
    grids = {name: _grid(place, bars, name, getattr(signals, name)) for name in DTYPES}
    checked = Signals(**grids)
    code, row, column = _first_fault(
        checked.probability, checked.target, checked.stop, checked.side, checked.horizon, strategy.warmup
    )
    if code:
        name, remedy = FAULTS[code]
        where = f"{place}, {bars.symbols[column]} at {stamp(bars.time[row])}"
        raise InputError(where, f"{name} is {grids[name][row, column]}", remedy)
    return checked


def stamp(time: int) -> str:
    """A time in ns UTC as text."""
    return f"{np.datetime64(int(time), 'ns').astype('M8[s]')}Z"


def _grid(place: str, bars: Bars, name: str, values: object) -> npt.NDArray[Any]:
    expected = np.dtype(DTYPES[name])
    if not isinstance(values, np.ndarray):
        raise InputError(place, f"{name} is a {type(values).__name__}", "Give arrays, or use Signals.from_frames")
    if values.shape != bars.close.shape:
        remedy = f"Give one value a bar and symbol: {bars.close.shape}"
        raise InputError(place, f"{name} has the shape {values.shape}", remedy)
    if values.dtype != expected:
        raise InputError(place, f"{name} has the dtype {values.dtype}", f"Convert it: {name}.astype({expected})")
    return np.ascontiguousarray(values)


def _since(bars: Bars) -> str:
    return f" from {stamp(bars.time[0])}" if len(bars.time) else ""


def _told(error: BaseException) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({Path(frame.filename).name}:{frame.lineno})"


@entry
def _first_fault(
    probability: Floats, target: Floats, stop: Floats, side: Sides, horizon: Floats, warmup: int
) -> tuple[int, int, int]:
    """(number in FAULTS or 0, row, column) of the first value that the contract does not allow."""
    rows, symbols = probability.shape
    for t in range(min(warmup, rows), rows):
        for s in range(symbols):
            p = probability[t, s]
            if math.isnan(p):
                continue
            if not 0.0 <= p <= 1.0:
                return 1, t, s
            if not 0.0 < target[t, s] < math.inf:
                return 2, t, s
            if not 0.0 < stop[t, s] < math.inf:
                return 3, t, s
            if abs(side[t, s]) != 1:
                return 4, t, s
            if horizon[t, s] < 1.0:
                return 5, t, s
    return 0, 0, 0
