"""What a scenario expects of its run: [[expect]].

Two forms. A metric is measured once and compared with bounds:

    metric = "max_drawdown"
    at_most = 0.05

A pattern speaks of events in time:

    never = "entry_submitted"
    while = "breaker.submit != closed"

`while` names the spans in which the pattern is looked for: those in which the condition holds, or the whole
run. `after` begins a span at every event of a name instead, at a fault's first effect ("fault outage") or at its end
("end of outage"). With `within`, each span ends that long after its start. `never` means no event in any span, `must`
means one in each, and at least one span. A metric of a table may be kept to a window by `from` and `to`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, model_serializer, model_validator

from core.settings.fault_table import KINDS
from core.settings.values import Moment, Number, PositiveDuration, Section, duration_text, moment_of, refusal

METRICS: dict[str, str] = {
    "max_drawdown": "deepest fall of the unit value from its high-water mark, share",
    "worst_day": "largest loss since a previous session's close, share of equity",
    "final_equity": "equity at the end, dollars",
    "return": "unit value at the end over that at the start, less 1",
    "max_gross": "highest gross exposure, share of equity",
    "decisions": "signals that reached the risk agent",
    "refused": "decisions refused",
    "orders": "orders",
    "fills": "executions",
    "unknown_orders": "orders whose outcome is unknown at the end",
    "open_positions": "positions held at the end",
    "ambiguous_share": "share of exit fills in bars that reached both the stop and the target",
    "critical_events": "risk events that call a person",
    "degraded_minutes": "minutes of the session in another mode than normal",
    "normal_at_end": "1 if the last minute's mode is normal, else 0",
    "unfinished": "what is left undone at the end: a fate unknown, a position bare, a breaker open, a mode too long",
    "faults_fired": "times that a scheduled fault took effect",
}
AT_END = ("final_equity", "unknown_orders", "open_positions", "normal_at_end", "unfinished", "faults_fired")

ORDER_EVENTS: dict[str, str] = {
    "order_submitted": "an order left us",
    "entry_submitted": "an order that opens a position left us",
    "exit_submitted": "an order that closes a position left us",
    "order_accepted": "the broker accepted an order",
    "order_triggered": "a stop was elected",
    "order_filled": "an order was filled to its end",
    "order_canceled": "a cancel was confirmed",
    "order_expired": "an order's time in force ended",
    "order_rejected": "the broker refused an order",
    "order_replaced": "an order was succeeded by another",
    "fill": "an execution",
    "decision_approved": "a signal passed the checks",
    "decision_refused": "a signal was refused",
}

RISK_EVENTS = (
    "limit_breach",
    "near_miss",
    "halt",
    "resume",
    "mode_change",
    "breaker_change",
    "reject_storm",
    "late_fill",
    "overfill",
    "double_exit",
    "unprotected",
    "unknown_order",
    "reconciliation",
    "stale_data",
    "bar_revision",
    "operator",
    "alert",
    "duplicate_fill",
    "quarantine",
    "margin_deficit",
    "suspect_mark",
    "exit_overdue",
    "corporate_action",
    "foreign_fill",
    "foreign_void",
    "fill_voided",
    "unrecognised_news",
    "unresolved_order",
    "buying_power_drift",
    "cleared",
)

EVENTS = (*ORDER_EVENTS, *RISK_EVENTS)

MODES = ("normal", "reduced", "data_degraded", "broker_degraded", "risk_exit", "halted")
LANES = ("submit", "cancel", "query", "trade_stream", "data")
BREAKER_STATES = ("closed", "open", "ready", "half_open")
STATES: dict[str, tuple[str, ...]] = {"mode": MODES, **{f"breaker.{lane}": BREAKER_STATES for lane in LANES}}

_CONDITION = re.compile(r"(\S+) (==|!=) (\S+)")


class Condition(Section):
    """A state of the engine, written `mode == halted` or `breaker.submit != closed`."""

    subject: str = Field(description="mode, or breaker.LANE")
    operator: Literal["==", "!="] = Field(description="== or !=")
    value: str = Field(description="a state of the subject")

    @model_validator(mode="before")
    @classmethod
    def _parse(cls, given: Any) -> Any:
        match = _CONDITION.fullmatch(" ".join(given.split())) if isinstance(given, str) else None
        if match is None:
            raise refusal(f'"{given}" is no condition', 'Write one such as "breaker.submit != closed".')
        subject, operator, value = match.groups()
        if subject not in STATES:
            raise refusal(f'"{subject}" has no states', f"Name one of {', '.join(STATES)}.")
        if value not in STATES[subject]:
            raise refusal(f'{subject} is never "{value}"', f"Name one of {', '.join(STATES[subject])}.")
        return {"subject": subject, "operator": operator, "value": value}

    @model_serializer
    def text(self) -> str:
        """The condition as it is written."""
        return f"{self.subject} {self.operator} {self.value}"

    def holds(self, state: str) -> bool:
        """Whether the condition holds in a state of its subject."""
        return (state == self.value) == (self.operator == "==")


FAULT, END_OF = "fault ", "end of "


def _anchor(value: str) -> str:
    """An event's name, or a kind of fault with its edge."""
    kind = value.removeprefix(FAULT).removeprefix(END_OF)
    if value in EVENTS or (kind != value and kind in KINDS):
        return value
    remedy = 'Name an event such as "stale_data", or a fault as "fault outage" or "end of outage".'
    raise refusal(f'"{value}" is nothing that happens', remedy)


Anchor = Annotated[str, AfterValidator(_anchor)]


class MetricExpectation(Section):
    """[[expect]] with `metric`: bounds are inclusive."""

    metric: Literal[tuple(METRICS)] = Field(description="what is measured")  # type: ignore[valid-type]
    at_most: Number | None = Field(None, description="upper bound, in the metric's unit")
    at_least: Number | None = Field(None, description="lower bound, in the metric's unit")
    equals: Number | None = Field(None, description="the only value allowed, in the metric's unit")
    start: Moment | None = Field(None, alias="from", description="rows from this time on, date and time with offset")
    end: Moment | None = Field(None, alias="to", description="rows before this time, date and time with offset")

    @model_validator(mode="after")
    def _check(self) -> MetricExpectation:
        if self.at_most is None and self.at_least is None and self.equals is None:
            raise refusal("has no bound", "Add at_most, at_least or equals.", "metric")
        if self.equals is not None and (self.at_most is not None or self.at_least is not None):
            raise refusal("stands beside another bound", "Give equals alone, or a range.", "equals")
        if self.at_most is not None and self.at_least is not None and self.at_most < self.at_least:
            problem = f"{self.at_most} is below at_least, {self.at_least}"
            raise refusal(problem, "Let at_least be the smaller.", "at_most")
        if self.metric in AT_END and (self.start is not None or self.end is not None):
            raise refusal(f"{self.metric} is about the whole run", "Remove from and to.", "metric")
        return self

    @property
    def text(self) -> str:
        """The expectation as a sentence."""
        bounds = {"at least": self.at_least, "at most": self.at_most, "equal to": self.equals}
        text = f"{self.metric} {' and '.join(f'{word} {n}' for word, n in bounds.items() if n is not None)}"
        for word, time in (("from", self.start), ("to", self.end)):
            text += f" {word} {moment_of(time).isoformat()}" if time is not None else ""
        return text


class PatternExpectation(Section):
    """[[expect]] with `never` or `must`."""

    never: Literal[EVENTS] | None = Field(None, description="event that may not happen")  # type: ignore[valid-type]
    must: Literal[EVENTS] | None = Field(None, description="event that has to happen")  # type: ignore[valid-type]
    condition: Condition | None = Field(None, alias="while", description="when it counts; default the whole run")
    after: Anchor | None = Field(None, description='what each span begins with: an event, "fault KIND", "end of KIND"')
    within: PositiveDuration | None = Field(None, description="how long after the start of each span, duration")

    @model_validator(mode="after")
    def _check(self) -> PatternExpectation:
        if (self.never is None) == (self.must is None):
            problem = "needs exactly one of metric, never and must"
            raise refusal(problem, "Say what is measured, what may not happen, or what has to.")
        if self.after is not None and self.condition is not None:
            raise refusal("stands beside while", "Give one of them.", "after")
        return self

    @property
    def event(self) -> str:
        """The event that is looked for."""
        return str(self.never or self.must)

    @property
    def text(self) -> str:
        """The expectation as a sentence."""
        parts = ["never" if self.never else "must", self.event]
        if self.condition is not None:
            parts += ["while", self.condition.text()]
        if self.after is not None:
            parts += ["after", self.after]
        if self.within is not None:
            parts += ["within", duration_text(self.within)]
        return " ".join(parts)


def _form(given: Any) -> str:
    """Which form an entry has; entries that came through the models already answer too."""
    keys = given if isinstance(given, Mapping) else getattr(type(given), "model_fields", {})
    return "metric" if "metric" in keys else "pattern"


Expectation = Annotated[
    Annotated[MetricExpectation, Tag("metric")] | Annotated[PatternExpectation, Tag("pattern")],
    Discriminator(_form),
]
