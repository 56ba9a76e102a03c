"""The story of a trade, in both runs side by side: signal, sizing, order, fills, on a strip of the price."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from core.comparison import Place
from reports import formats
from reports.charts import Canvas, Deal, PriceStrip, draw_strip
from reports.comparison.findings import Findings
from reports.comparison.matching import LEGS, Intent
from reports.comparison.orders import seconds_between
from reports.facts import Facts
from reports.formats import NEVER
from reports.page import HALF, Figure, Table, columns, figure

MOST = 24
BEFORE, AFTER, LONGEST = 10 * 60_000_000_000, 10 * 60_000_000_000, 8 * 3_600_000_000_000
STEPS = ("Signal", "Sizing", "Entry order", *(f"{formats.title(role)} fill" for role in LEGS), "Closed by")


@dataclass(frozen=True, slots=True)
class Story:
    """One trade: its anchor in the page, title, what it is told for, steps side by side, and the price strip."""

    anchor: str
    title: str
    why: str
    steps: Table
    strip: Figure | None


@dataclass(frozen=True, slots=True)
class _Sides:
    """A trade in the run and in the simulation; one of them may lack it, `why` says more."""

    run: Intent | None
    simulation: Intent | None
    why: str

    @property
    def any(self) -> Intent:
        """The trade in the run, else in the simulation."""
        found = self.run or self.simulation
        assert found is not None
        return found


class Stories:
    """The trades worth telling: those that parted, and those with the largest difference in profit."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._difference = _differences(findings)
        sides = _sides(findings)
        sides.sort(key=lambda s: (-abs(self._difference.get(s.any.place, 0)), s.any.decided))
        self._chosen = sides[:MOST]
        self.left_out = len(sides) - len(self._chosen)
        self.anchors = {
            (s.any.place.symbol, s.any.place.bar_time): f"trade-{number}" for number, s in enumerate(self._chosen, 1)
        }

    def linked(self, place: Place) -> Markup:
        """A trade's name, with a link to its story where it has one."""
        when = formats.local(place.bar_time)
        name = f"{place.symbol} {when.day} {when:%b %H:%M}"
        anchor = self.anchors.get((place.symbol, place.bar_time))
        linked = Markup('<a href="#{}">{}</a>').format(anchor, name) if anchor else name
        return Markup('<span class="when">{}</span>').format(linked)

    def told(self) -> list[Story]:
        """The chosen stories."""
        return [self._story(sides) for sides in self._chosen]

    def _story(self, sides: _Sides) -> Story:
        intent = sides.any
        anchor = self.anchors[(intent.place.symbol, intent.place.bar_time)]
        difference = self._difference.get(intent.place)
        why = sides.why
        if difference:
            amount = formats.money(difference / 1e6, plus=True)
            why += f"{'; ' if why else ''}{'run' if why else 'Run'} less simulation {amount}"
        title = f"{intent.place.symbol} {intent.side}, {formats.moment(intent.place.bar_time)}, {intent.place.strategy}"
        return Story(anchor, title, why, self._steps(sides), self._strip(sides, anchor))

    def _steps(self, sides: _Sides) -> Table:
        findings = self._findings
        ours = _told(sides.run, findings.run)
        theirs = _told(sides.simulation, findings.simulation)
        names = sorted({*theirs, *ours}, key=STEPS.index)
        rows = [(name, theirs.get(name, "–"), ours.get(name, "–")) for name in names]
        return Table(columns("Step", "In the simulation", "In the run"), rows, "From signal to fills")

    def _strip(self, sides: _Sides, anchor: str) -> Figure | None:
        prices, intent = self._findings.prices, sides.any
        deals = [*_deals(sides.run, "run"), *_deals(sides.simulation, "simulation")]
        if prices is None or not deals:
            return None
        end = min(max(deal.time for deal in deals) + AFTER, intent.place.bar_time + LONGEST)
        bars = prices.strip(intent.place.symbol, intent.place.bar_time - BEFORE, end)
        if bars is None:
            return None
        shown = [deal for deal in deals if deal.time <= end]
        strip = PriceStrip(bars.time, bars.high, bars.low, bars.close, intent.decided, shown)
        rows = [(deal.time, deal.kind, "buy" if deal.side > 0 else "sell", deal.price) for deal in deals]
        table = Table(columns("Time|second", "Run", "Side", "Mean price|money"), rows, "Orders’ first fills")
        title = f"{intent.place.symbol} around the trade"
        canvas = Canvas(f"strip-{anchor}", HALF, title, "Price range of each bar with the fills of both runs.")
        keys = [("simulation", "simulation"), ("run", "run")]
        return figure(canvas, lambda c: draw_strip(c, strip, keys), table)


def _differences(findings: Findings) -> dict[Place, int]:
    found = findings.replayed.attribution
    if found is None:
        return {}
    difference = (found.profits[1] - found.profits[0]).tolist()
    return {place: value for place, value in zip(found.places, difference, strict=True) if place is not None}


def _sides(findings: Findings) -> list[_Sides]:
    """Every trade that parted or earned differently, with what sets it apart."""
    matching, difference = findings.matching, _differences(findings)
    sides = [_Sides(intent, None, f"Only in the run; in the simulation {why}") for intent, why in matching.run_only]
    sides += [
        _Sides(None, intent, f"Only in the simulation; in the run {why}") for intent, why in matching.simulation_only
    ]
    for match in matching.matched:
        if not match.same_outcome:
            sides.append(_Sides(match.run, match.simulation, "Ended otherwise"))
        elif difference.get(match.run.place):
            sides.append(_Sides(match.run, match.simulation, ""))
    return sides


def _told(intent: Intent | None, facts: Facts) -> dict[str, str]:
    """The steps of a trade in one run, in words."""
    if intent is None:
        return {}
    d, row = facts.decisions, intent.row
    stop = formats.money(float(d.stop[row]))
    steps = {
        "Signal": f"{formats.moment(intent.decided)}, p {formats.factor(float(d.p[row]), 3)}, stop {stop} away",
        "Sizing": f"Kelly {formats.factor(float(d.kelly[row]))} × equity, set by {formats.words(d.binding.at(row))}: "
        f"{formats.quantity(intent.qty)} shares at {formats.money(float(d.price[row]))}",
    }
    for role in LEGS:
        leg = intent.legs.get(role)
        if leg is None or (role != "entry" and not leg.filled):
            continue
        name = formats.title(role)
        wait = formats.duration(seconds_between(leg.submitted, leg.accepted))
        if role == "entry":
            steps[f"{name} order"] = (
                f"{formats.words(leg.kind)}, {formats.quantity(leg.qty)}, at the venue after {wait}"
            )
        if leg.filled:
            when = formats.second(leg.time)
            steps[f"{name} fill"] = f"{formats.quantity(leg.filled)} at {formats.money(leg.price, 4)}, {when}"
        else:
            steps[f"{name} fill"] = intent.outcome
    steps["Closed by"] = intent.closed_by
    return steps


def _deals(intent: Intent | None, kind: str) -> list[Deal]:
    if intent is None:
        return []
    return [
        Deal(leg.time, leg.price, leg.side, kind, f"{kind}: {role} {formats.money(leg.price, 4)}")
        for role, leg in intent.legs.items()
        if leg.filled and leg.time != NEVER and np.isfinite(leg.price)
    ]
