"""A failing schedule becomes the smallest one that fails in the same way.

First whole faults are removed by delta debugging (Zeller and Hildebrandt, 2002): large pieces of the schedule, then
smaller ones, until no single fault can be missed. Then each fault that is left is made simpler in itself, one step
at a time: once in place of many times, shorter, for certain in place of by chance, one symbol or lane in place of
several, default parameters. A step stays if the same promise still breaks; the steps go round until none does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from core.settings.fault_kinds import MINUTE
from core.settings.faults import Fault
from core.settings.values import duration_text

Faults = tuple[Fault, ...]
Fails = Callable[[Faults], bool]
MOST_TRIALS = 300


class _Budget:
    """Asks whether a schedule fails, a bounded number of times."""

    def __init__(self, fails: Fails, trials: int) -> None:
        self._fails, self.left = fails, trials

    def fails(self, faults: Faults) -> bool:
        """Whether it does; without trials left, nothing does any more."""
        if self.left <= 0:
            return False
        self.left -= 1
        return self._fails(faults)


def shrink(fails: Fails, faults: Sequence[Fault], trials: int = MOST_TRIALS) -> Faults:
    """The smallest schedule found that still fails, which may be empty; `faults` itself must fail."""
    budget = _Budget(fails, trials)
    return _simpler(budget, _fewer(budget, tuple(faults)))


def _fewer(budget: _Budget, faults: Faults) -> Faults:
    size = max(len(faults) // 2, 1)
    while faults:
        removed = False
        for start in range(len(faults) - 1, -1, -size):  # from the end: what comes late often only adds noise
            first = max(start - size + 1, 0)
            rest = faults[:first] + faults[start + 1 :]
            if budget.fails(rest):
                faults, removed = rest, True
                break
        if not removed:
            if size == 1:
                break
            size = max(size // 2, 1)
        size = min(size, max(len(faults), 1))
    return faults


def _simpler(budget: _Budget, faults: Faults) -> Faults:
    changed = True
    while changed:
        changed = False
        for i in range(len(faults)):
            for step in _steps(faults[i]):
                tried = (*faults[:i], step, *faults[i + 1 :])
                if budget.fails(tried):
                    faults, changed = tried, True
                    break
    return faults


def _steps(fault: Fault) -> Iterator[Fault]:
    """Simpler versions of a fault, each in one respect."""
    entry = fault.model_dump(by_alias=True, exclude_none=True)
    if fault.every is not None and fault.at is not None:
        yield _made({key: value for key, value in entry.items() if key not in ("every", "times")})
        if (fault.times or 2) > 1:
            yield _made(entry | {"times": max((fault.times or 2) // 2, 1)})
    if fault.duration is not None and fault.duration > MINUTE:
        minutes = max(fault.duration // MINUTE // 2, 1)
        yield _made(entry | {"for": duration_text(minutes * MINUTE)})
    if fault.probability < 1:
        yield _made(entry | {"probability": 1})
    for key in ("symbols", "lanes"):
        named = getattr(fault.scope, key)
        if named is not None and len(named) > 1:
            yield from (_made(entry | {"scope": {**entry["scope"], key: [name]}}) for name in named)
    plain = {key: value for key, value in entry.items() if key != "parameters"}
    required = any(field.is_required() for field in fault.rule.parameters.model_fields.values())
    if not required and _made(plain) != fault:
        yield _made(plain)


def _made(entry: dict[str, Any]) -> Fault:
    lists = {key: list(value) if isinstance(value, tuple) else value for key, value in entry.get("scope", {}).items()}
    return Fault.model_validate(entry | {"scope": lists})
