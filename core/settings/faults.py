"""What goes wrong, and when: [[faults]].

    kind = "outage"
    at = 2025-11-12T10:15:00-05:00
    for = "12m"
    scope = { symbols = ["ALFA"], lanes = ["submit"] }
    probability = 0.5
    parameters = { failure = "server_error" }

`at` alone is one occurrence. `every = "2h"` repeats it from `at` on, or without `at` from each session's open on.
`every = "session"` is once a session, at the time of day of `at`, or without it at the open. `times` bounds either.
`probability` is drawn for each thing that the fault could meet: an order, a bar, a message. A draw is a hash of the
scenario's seed, the fault's number and what it is drawn for, so that one fault never changes another's draws.

The kinds, with scope and parameters of each, are in fault_table.py.
"""

from __future__ import annotations

from decimal import Decimal
from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    PlainSerializer,
    SerializeAsAny,
    ValidationInfo,
    field_validator,
    model_validator,
)

from core.settings.fault_kinds import LANES, Kind
from core.settings.fault_table import KINDS
from core.settings.values import (
    Moment,
    PositiveCount,
    PositiveDuration,
    PositiveShare,
    Section,
    Symbols,
    duration_text,
    frozen_list,
    parse_duration,
    refusal,
)

SESSION = "session"
SHORTEST_PERIOD = 1_000_000_000


def _period(value: Any) -> Any:
    return value if value == SESSION else parse_duration(value)


Period = Annotated[
    Literal["session"] | Annotated[int, Field(ge=SHORTEST_PERIOD)],
    BeforeValidator(_period),
    PlainSerializer(lambda value: value if value == SESSION else duration_text(value)),
]
Lanes = Annotated[
    tuple[Literal[LANES], ...],  # type: ignore[valid-type]
    BeforeValidator(frozen_list),
    Field(min_length=1),
]


class Scope(Section):
    """Whom a fault meets; what is not named is not limited."""

    symbols: Symbols | None = Field(None, description="symbols that it meets; default all")
    lanes: Lanes | None = Field(None, description="routes to the broker that it meets; default all")


class Fault(Section):
    """[[faults]]: one fault, once or again and again."""

    kind: Literal[tuple(KINDS)] = Field(description="what goes wrong")  # type: ignore[valid-type]
    at: Moment | None = Field(None, description="when, date and time with offset")
    every: Period | None = Field(None, description='how often: a duration, or "session"')
    times: PositiveCount | None = Field(None, description="how many times at most; default no bound")
    duration: PositiveDuration | None = Field(None, alias="for", description="how long each time, duration")
    scope: Scope = Field(default_factory=lambda: Scope.model_validate({}), description="whom it meets")
    probability: PositiveShare = Field(
        Decimal(1), description="chance that it takes effect, for each order, bar or message that it could meet"
    )
    parameters: SerializeAsAny[Section] = Field(
        default_factory=dict, validate_default=True, description="what the kind takes"
    )

    @property
    def rule(self) -> Kind:
        """The kind's row of the table."""
        return KINDS[self.kind]

    @field_validator("parameters", mode="plain")
    @classmethod
    def _by_kind(cls, given: Any, info: ValidationInfo) -> Section:
        """The parameters as the kind's own model, every default filled in."""
        kind = info.data.get("kind")
        if kind is None:  # already refused
            return Section()
        model = KINDS[kind].parameters
        if isinstance(given, model):
            return given
        names = list(model.model_fields)
        for key in given if isinstance(given, dict) else ():
            if key not in names:
                raise refusal(f"{kind} has no such parameter", _one_of(key, names), key)
        return model.model_validate(given)

    @model_validator(mode="after")
    def _check(self) -> Fault:
        kind, rule = self.kind, self.rule
        if self.at is None and self.every is None:
            raise refusal("says neither at nor every", "Add at, a date and time with offset, or every.", "kind")
        if self.times is not None and self.every is None:
            raise refusal("bounds what happens once", 'Add every, such as "2h" or "session".', "times")
        if rule.lasts == "span" and self.duration is None:
            raise refusal(f"{kind} needs a length", 'Add for, such as for = "12m".', "for")
        if rule.lasts == "instant" and self.duration is not None:
            raise refusal(f"{kind} happens at one moment", "Remove for.", "for")
        if self.duration is not None and isinstance(self.every, int) and self.duration >= self.every:
            raise refusal(f"{duration_text(self.duration)} is not shorter than every", "Shorten it.", "for")
        for key in ("symbols", "lanes"):
            value = getattr(self.scope, key)
            if value is not None and not rule.knows(key):
                raise refusal(f"{kind} does not choose {key}", "Remove it.", f"scope.{key}")
            if value is None and f"{key}!" in rule.scope:
                raise refusal(f"{kind} needs {key}", f"Add scope = {{ {key} = [...] }}.", "scope")
        return self


def _one_of(key: str, names: list[str]) -> str:
    near = get_close_matches(key, names, n=1)
    if near:
        return f"Did you mean {near[0]}?"
    return f"Its parameters are {', '.join(names)}." if names else "It has none; remove it."
