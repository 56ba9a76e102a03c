"""One fault, as an entry of a scenario's [[faults]] or as the body of POST /sim/faults.

    { "kind": "answer_lost", "match": { "method": "POST", "path": "/v2/orders" }, "count": 1 }
    { "kind": "html_502", "at": "2025-11-12T10:15:00-05:00", "for": "12m" }
    { "kind": "dropped_executions", "scope": { "symbols": ["ALFA"] }, "probability": 0.5 }

`at` is virtual time, by default now; `for` is how long it lasts, by default until it is taken back; `count` ends it
after so many hits and `skip` lets as many pass first. `probability` is a hash of seed, fault and hit, never a shared
stream. `match` narrows by method, path (a regular expression), event of the trading stream, channel of the data
stream, symbol or beginning of the client order id; `scope` says the same in the words of scenarios.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, ValidationError

from core.kernel.digest import text_hash
from core.settings.values import (
    Moment,
    PositiveCount,
    PositiveDuration,
    Section,
    parse_duration,
)
from sim.alpaca.errors import invalid
from sim.alpaca.faults.kinds import BOUNDS, CHOICES, KINDS, LANES


def _regex(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from None
    return text


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_tuple), Field(min_length=1)]
Probability = Annotated[float, Field(gt=0, le=1, strict=False)]


class Match(Section):
    """What a fault meets; what is not named is not limited."""

    method: str | None = Field(None, description="GET, POST, PATCH, PUT or DELETE")
    path: Annotated[str, AfterValidator(_regex)] | None = Field(None, description="regular expression, from the start")
    event: str | None = Field(None, description="event of the trading stream")
    channel: str | None = Field(None, description="type of a data message: b, u, d, t, q, s or l")
    symbol: str | None = Field(None, description="symbol of the order or the data")
    client_order_id: str | None = Field(None, description="beginning of the client order id")


class Scope(Section):
    """The same in the words of scenarios."""

    symbols: Names | None = None
    lanes: Annotated[tuple[Literal[LANES], ...], BeforeValidator(_tuple)] | None = None  # type: ignore[valid-type]


class Fault(Section):
    """One fault and how often it has struck."""

    model_config = ConfigDict(extra="forbid", frozen=False, strict=True)

    kind: Literal[tuple(KINDS)] = Field(description="what goes wrong")  # type: ignore[valid-type]
    at: Moment | None = Field(None, description="virtual time, date and time with offset; default now")
    duration: PositiveDuration | None = Field(None, alias="for", description="how long, duration; default for ever")
    every: Annotated[int, BeforeValidator(parse_duration), Field(gt=0)] | None = Field(
        None, description="repeat from `at` on, duration"
    )
    times: PositiveCount | None = Field(None, description="how many times at most")
    count: PositiveCount | None = Field(None, description="how many hits at most")
    skip: Annotated[int, Field(ge=0)] = Field(0, description="how many matches pass unharmed first")
    probability: Probability = Field(1.0, description="chance of each match")
    match: Match = Field(default_factory=lambda: Match.model_validate({}))
    scope: Scope = Field(default_factory=lambda: Scope.model_validate({}))
    parameters: dict[str, Any] = Field(default_factory=dict, description="what the kind takes")

    def during(self, now: int) -> bool:
        """Whether a virtual time falls into it."""
        passed = now - (self.at or 0)
        if passed < 0:
            return False
        if self.every is not None:
            if self.times is not None and passed // self.every >= self.times:
                return False
            passed %= self.every
        return self.duration is None or passed < self.duration


def read_fault(entry: Any, now: int) -> Fault:
    """The fault in a control plane's body. Raises ApiError, 422."""
    try:
        fault = Fault.model_validate(entry)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise invalid(f"{place}: {first['msg']}") from None
    rule = KINDS[fault.kind]
    unknown = sorted(set(fault.parameters) - set(rule.parameters))
    if unknown:
        known = ", ".join(rule.parameters) or "none"
        raise invalid(f"parameters: {fault.kind} has no {unknown[0]}; its parameters are: {known}")
    for name, default in rule.parameters.items():
        problem = _problem(fault.kind, name, fault.parameters.setdefault(name, default), default)
        if problem is not None:
            raise invalid(f"parameters.{name}: must be {problem}")
    if fault.at is None:
        fault.at = now
    return fault


def _problem(kind: str, name: str, given: Any, default: Any) -> str | None:
    """What a parameter must be and is not; None when all is well. Only the body of an answer may be anything."""
    if name == "body":
        return None
    if isinstance(default, bool) or not isinstance(default, int | float):
        if not isinstance(given, type(default)):
            return f"{type(default).__name__}, such as {default!r}"
        return f"one of {', '.join(CHOICES[name])}" if name in CHOICES and given not in CHOICES[name] else None
    least, most = BOUNDS.get(f"{kind}.{name}", BOUNDS[name])
    whole = isinstance(given, int) or (isinstance(default, float) and isinstance(given, float))
    if isinstance(given, bool) or not whole or not least <= given <= most:
        return f"a {'whole ' * isinstance(default, int)}number from {least:g} to {most:g}"
    return None


def draw(seed: int, number: int, hit: int) -> float:
    """A number in [0, 1) for the nth match of a fault."""
    return (text_hash("fault", seed, number, hit) >> 10) / 2**53
