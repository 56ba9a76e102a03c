"""What limited each trade: from full Kelly to whole shares, the binding limit, refusals, near misses.

The chain: full Kelly × shrinkage × Kelly fraction × throttle × mode × calibration × portfolio,
then the smallest of the caps, then whole lots and what the checks took away. Each stage is a notional as a
fraction of equity, so one axis holds them all; it is logarithmic because the stages are factors.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import numpy as np

from reports import formats
from reports.charts import Bar, Canvas, Rung, draw_bars, draw_ladder, ladder_ticks
from reports.columns import Floats
from reports.facts import CAPS, FACTORS, Decisions, Facts
from reports.page import HALF, Figure, Table, columns, figure
from reports.statistics import fraction

_FACTOR_NAMES = {
    "shrinkage": "Estimation error",
    "kelly_fraction": "Kelly fraction",
    "throttle": "Drawdown throttle",
    "mode_scale": "Safe mode",
    "calibration_scale": "Calibration",
    "portfolio_scale": "Portfolio risk",
}
_MOST_LISTED = 40


@dataclass(frozen=True, slots=True)
class SizingSection:
    """Figures (None where nothing was decided) and tables."""

    ladder: Figure | None
    binding: Figure | None
    refusals: Figure | None
    near_misses: Table
    near_list: Table
    largest: Table


def sizing_section(facts: Facts) -> SizingSection:
    """How the sizes came about, and what was refused."""
    return SizingSection(
        _ladder(facts),
        _binding(facts),
        _refusals(facts),
        _near_misses(facts),
        _near_list(facts),
        _largest(facts),
    )


def stages(decisions: Decisions) -> list[tuple[str, Floats]]:
    """Notional as a fraction of equity after each step of the chain, float64[n], for every decision."""
    found = [("Full Kelly", decisions.kelly)]
    for name in FACTORS:
        found.append((_FACTOR_NAMES[name], found[-1][1] * decisions.factors[name]))
    found.append(("Caps", reduce(np.fmin, [found[-1][1], *(decisions.caps[name] for name in CAPS)])))
    found.append(("Whole lots and checks", decisions.notional))
    return found


def _ladder(facts: Facts) -> Figure | None:
    decisions = facts.decisions
    chain = stages(decisions)
    rows = decisions.opening & decisions.approved & (reduce(np.minimum, [v for _, v in chain]) > 0)
    if not rows.any():
        return None
    rungs: list[Rung] = []
    listed: list[tuple[object, ...]] = []
    before = chain[0][1][rows]
    for name, values in ((name, values[rows]) for name, values in chain):
        low, middle, high = (float(v) for v in np.quantile(values, (0.1, 0.5, 0.9)))
        cut = float((values < before * (1 - 1e-9)).mean())
        step = _step(name, float(np.median(values / before)), cut) if rungs else ""
        rungs.append(Rung(name, middle, low, high, _short_percent(middle), step))
        listed.append((name, middle, float(values.mean()), low, high, cut if len(rungs) > 1 else ""))
        before = values
    axis = ladder_ticks(rungs)
    labels = tuple(_short_percent(v).replace(".0%", "%") for v in axis)
    titles = columns("Stage", "Median|percent", "Mean|percent", "10%|percent", "90%|percent", "Cut|share")
    n = int(rows.sum())
    return figure(
        Canvas(
            "ladder",
            HALF,
            "From full Kelly to the order",
            f"Median size of {n} approved signals after each step of sizing, as a share of equity.",
        ),
        lambda canvas: draw_ladder(canvas, rungs, labels, tuple(axis)),
        Table(titles, listed, "Size after each step, share of equity"),
        f"Median of {n:,} approved signals as a share of equity; the thin line spans the middle 80%.",
    )


def _step(name: str, median: float, cut: float) -> str:
    if name == "Caps":
        return f"cut {formats.share(cut)} of signals" if cut else "cut none"
    return f"× {median:.2f}"


def _short_percent(value: float) -> str:
    return formats.percent(value, 0 if value >= 1 else 1 if value >= 0.01 else 2)


def _binding(facts: Facts) -> Figure | None:
    decisions = facts.decisions
    rows = decisions.opening & decisions.approved
    counts = decisions.binding.counts(rows)
    if not counts:
        return None
    total = sum(n for _, n in counts)
    bars = [Bar(formats.title(name), n, f"{n:,} · {formats.share(n / total)}") for name, n in counts]
    table = Table(
        columns("Set by", "Signals|count", "Share|share"),
        [(formats.title(name), n, n / total) for name, n in counts],
        "What set the quantity",
    )
    canvas = Canvas("binding", HALF, "What set the quantity", f"Binding constraint of {total} approved signals.")
    return figure(canvas, lambda c: draw_bars(c, bars), table)


def _refusals(facts: Facts) -> Figure | None:
    decisions, counts = facts.decisions, facts.refusals
    if not counts:
        return None
    refused = int((~decisions.approved).sum())
    total = sum(n for _, n in counts)
    reached = np.cumsum([n for _, n in counts]) / total
    bars = [
        Bar(formats.title(name), n, f"{n:,} · {formats.share(fraction(n, refused))}", "s3") for name, n in counts[:14]
    ]
    table = Table(
        columns("Refused by", "Signals|count", "Share of refused|share", "Cumulative share of reasons|share"),
        [
            (formats.title(name), n, fraction(n, refused), float(c))
            for (name, n), c in zip(counts, reached, strict=True)
        ],
        "Refusals by reason",
    )
    canvas = Canvas("refusals", HALF, "Why signals were refused", f"Reasons of {refused} refused signals.")
    note = f"{refused:,} refused of {len(decisions):,} signals; one signal can have several reasons."
    return figure(canvas, lambda c: draw_bars(c, bars), table, note)


def _near_misses(facts: Facts) -> Table:
    """Checks that passed with little room, by check."""
    misses = facts.near_misses
    listed = []
    for name, n in misses.check.counts():
        mine = np.flatnonzero(misses.check.among(name))
        top = int(mine[np.argmax(misses.use[mine])])
        symbol = facts.decisions.symbol.take(misses.decision[[top]]).at(0, "unknown")
        listed.append((formats.title(name), n, float(misses.use[top]), symbol, int(misses.time[top])))
    return Table(
        columns("Check", "Near misses|count", "Largest use|share", "Symbol", "When|time"),
        listed,
        f"Near misses: passed with a use of {formats.percent(facts.near, 0)} or more",
        "No check passed that closely.",
    )


def _near_list(facts: Facts) -> Table:
    misses, decisions = facts.near_misses, facts.decisions
    rows = np.argsort(-misses.use, kind="stable")[:_MOST_LISTED]
    symbols, strategies = (column.take(misses.decision[rows]) for column in (decisions.symbol, decisions.strategy))
    listed = [
        (
            int(misses.time[row]),
            formats.title(misses.check.at(row)),
            symbols.at(i, "unknown"),
            strategies.at(i, "unknown"),
            float(misses.measured[row]),
            float(misses.limit[row]),
            float(misses.use[row]),
        )
        for i, row in enumerate(rows.tolist())
    ]
    return Table(
        columns("When|time", "Check", "Symbol", "Strategy", "Measured|measure", "Limit|measure", "Use|share"),
        listed,
        "Closest passes",
    )


def _largest(facts: Facts) -> Table:
    """The largest approved decisions with their whole chain."""
    decisions = facts.decisions
    rows = np.flatnonzero(decisions.opening & decisions.approved & (decisions.qty > 0))
    rows = rows[np.argsort(-decisions.notional[rows], kind="stable")][:_MOST_LISTED]
    listed = [
        (
            int(decisions.time[row]),
            decisions.symbol.at(row),
            float(decisions.p[row]),
            float(decisions.kelly[row]),
            *(float(decisions.factors[name][row]) for name in FACTORS),
            float(np.fmin.reduce([decisions.caps[name][row] for name in CAPS])),
            float(decisions.qty[row]),
            formats.words(decisions.binding.at(row)),
        )
        for row in rows.tolist()
    ]
    names = [f"{name}|factor" for name in _FACTOR_NAMES.values()]
    titles = columns(
        "When|time",
        "Symbol",
        "p|percent",
        "Kelly|percent",
        *names,
        "Cap|percent",
        "Shares|quantity",
        "Set by",
    )
    return Table(titles, listed, f"The {len(listed)} largest trades, step by step")
