"""How long an entry takes, from the end of its signal's bar until its fill is known: section 12."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reports import formats
from reports.charts import Canvas, Curve, End, Step, draw_bridge, draw_ecdf
from reports.columns import Floats
from reports.comparison.costs import latencies
from reports.comparison.delays import percentiles
from reports.comparison.matching import Intent
from reports.page import HALF, Figure, Table, columns, figure
from reports.weekly.parts import Note, Pair, Part, Section, missing
from reports.weekly.weeks import WeekFacts

LOOKS = ("s1", "s2", "s3", "neg", "mark")
SLOWEST = 8


def latency(facts: WeekFacts, intents: Sequence[Intent]) -> Section:
    """Every stage of an entry: its share of the way, its distribution, and the slowest entries."""
    stages = {name: seconds for name, (seconds, _) in latencies(intents).items() if len(seconds)}
    parts: list[Part] = [missing("no entry of this week has both times of a stage.")]
    if stages:
        parts = [Pair(_waterfall(stages), _distributions(stages)), _slowest(intents)]
    model = facts.config.get("venue", {})
    wanted = {name: str(model[name]) for name in ("submit_latency", "ack_latency", "fill_latency") if name in model}
    if wanted:
        told = ", ".join(f"{formats.words(name)} {value}" for name, value in wanted.items())
        parts.append(Note(f"{told}.", "The model that a simulation of this run uses"))
    lead = "From a signal to its known fill. Simulated delays are the model’s, recorded ones the broker’s."
    return Section(12, "latency", "Latency", lead, parts)


def _waterfall(stages: dict[str, Floats]) -> Figure:
    """The medians of the stages, one after another, with their middle halves."""
    steps, rows = [], []
    for name, seconds in stages.items():
        low, middle, high = (float(value) for value in np.quantile(seconds, (0.25, 0.5, 0.75)))
        steps.append(Step(name, middle, low, high, formats.duration(middle), "s1"))
        rows.append((formats.title(name), len(seconds), low, middle, high))
    whole = sum(step.value for step in steps)
    ends = End("signal’s bar ends", 0.0, ""), End("fill is known", whole, formats.duration(whole))
    canvas = Canvas("latency", HALF, "An entry’s way, stage by stage", "Median delay of each stage, added up.")
    titles = columns("Stage", "Orders|count", "25%|duration", "Median|duration", "75%|duration")
    table = Table(titles, rows, "Delay by stage of an entry")
    note = "Medians; the line under a bar spans the middle half. They need not add up to the median of the whole."
    return figure(canvas, lambda c: draw_bridge(c, ends[0], steps, ends[1], "duration"), table, note)


def _distributions(stages: dict[str, Floats]) -> Figure:
    """The distribution of each stage's delay; stages that never take any time are named instead."""
    moving = {name: seconds for name, seconds in stages.items() if (seconds != 0).any()}
    none = [name for name in stages if name not in moving]
    shown = moving or stages
    curves = [Curve(name, seconds, look) for (name, seconds), look in zip(shown.items(), LOOKS, strict=False)]
    canvas = Canvas("latency-ecdf", HALF, "How delays are spread", "Share of entries up to each delay, by stage.")
    note = "Share of entries whose stage took at most so long."
    note += f" No time at all: {', '.join(none)}." if none else ""
    return figure(canvas, lambda c: draw_ecdf(c, curves), percentiles(stages, "Percentiles of the delays"), note)


def _slowest(intents: Sequence[Intent]) -> Table:
    legs = [(i, i.legs["entry"]) for i in intents if "entry" in i.legs and i.legs["entry"].filled]
    legs.sort(key=lambda item: (item[1].submitted - item[1].received, item[0].identity))
    rows = [
        (i.identity, i.place.symbol, leg.submitted, (leg.received - leg.submitted) / 1e9) for i, leg in legs[:SLOWEST]
    ]
    titles = columns("Intent|code", "Symbol", "Sent|time", "Known after|duration")
    return Table(titles, rows, "Slowest entries, sent to known")
