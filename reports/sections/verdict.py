"""Verdict first: did the run pass, what broke, the headline numbers and the use of every limit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reports import formats
from reports.charts import bullet
from reports.facts import Facts, span
from reports.formats import NEVER, NOT_MEASURED
from reports.page import Table, Tile, columns
from reports.sections.limits import LimitUse, limit_uses
from reports.statistics import by_session, fraction, mean, peak, profit_factor

KINDS = {"sim": "simulation", "rehearsal": "rehearsal", "paper": "paper trading"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the head of the page says. `word` is passed, failed or not measured."""

    word: str
    sentence: str
    broken: list[tuple[str, str]]
    expectations: Table
    tiles: list[Tile]
    limits: list[dict[str, object]]
    identity: list[tuple[str, str]]
    near: float


def verdict(facts: Facts) -> Verdict:
    """The head of the page. The run passed when every invariant and every expectation held."""
    invariants: dict[str, str] = facts.run.get("invariants") or {}
    expected: list[dict[str, object]] = facts.run.get("expectations") or []
    broken = [(formats.words(name), str(witness)) for name, witness in invariants.items() if witness != "ok"]
    missed = [item for item in expected if not item.get("ok")]
    word = "failed" if broken or missed else "passed" if invariants or expected else NOT_MEASURED
    uses = limit_uses(facts)
    return Verdict(
        word,
        _sentence(len(invariants), len(broken), len(expected), len(missed)),
        broken,
        _expectations(expected),
        _tiles(facts),
        [limit_row(use, len(facts.decisions) > 0) for use in uses],
        _identity(facts),
        facts.near,
    )


def _sentence(invariants: int, broken: int, expected: int, missed: int) -> str:
    parts = []
    if invariants:
        parts.append(f"{_held(invariants - broken, invariants, 'invariant')} held after every event")
    if expected:
        parts.append(f"{_held(expected - missed, expected, 'expectation')} met")
    words = " and ".join(parts) or "the run recorded no invariant and no expectation"
    return f"{words[:1].upper()}{words[1:]}."


def _held(good: int, total: int, noun: str) -> str:
    plural = "" if total == 1 else "s"
    if good == total:
        return f"{'the only' if total == 1 else f'all {total}'} {noun}{plural}"
    return f"{good or 'none'} of {total} {noun}{plural}"


def _expectations(expected: list[dict[str, object]]) -> Table:
    rows = [
        (str(item.get("text", "")), _measured(item.get("measured")), "met" if item.get("ok") else "not met")
        for item in expected
    ]
    return Table(columns("Expectation", "Measured", "Result|state"), rows, "Expectations", "The scenario states none.")


def _measured(value: object) -> str:
    if value is None:
        return NOT_MEASURED
    return f"{value:,.6g}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def _tiles(facts: Facts) -> list[Tile]:
    return [*_account_tiles(facts), *_trade_tiles(facts)]


def _account_tiles(facts: Facts) -> list[Tile]:
    equity, run = facts.equity, facts.run
    start, final = _number(run.get("start_cash")), _number(run.get("equity"))
    result = float(np.prod(1 + by_session(equity.day_return, equity.starts, "last")) - 1) if len(equity) else np.nan
    drawdown, when = peak(equity.drawdown, equity.time)
    days = by_session(equity.day_return, equity.starts, "last") if len(equity) else np.zeros(0)
    worst = int(np.nanargmin(days)) if np.isfinite(days).any() else -1
    worst_return = float(days[worst]) if worst >= 0 else np.nan
    limit = facts.limit("max_drawdown")
    return [
        Tile("Final equity", formats.money(final), f"from {formats.money(start)}"),
        Tile(
            "Return",
            formats.percent(result, plus=True),
            formats.money(final - start, plus=True),
            _tone(result),
        ),
        Tile(
            "Max drawdown",
            formats.percent(drawdown),
            formats.moment(when) if drawdown > 0 else "never below the high-water mark" if drawdown == 0 else "",
            "loss" if drawdown >= limit else "",
        ),
        Tile(
            "Worst day",
            formats.percent(worst_return, plus=True),
            formats.day(int(equity.days[worst])) if worst >= 0 else "",
            _tone(worst_return),
        ),
    ]


def _trade_tiles(facts: Facts) -> list[Tile]:
    trades, fills, decisions = facts.trades, facts.fills, facts.decisions
    results = trades.profit[trades.closed]
    still = len(trades) - len(results)
    hits = fraction(float((results > 0).sum()), len(results))
    fees = float(np.nansum(fills.fee)) if len(fills) else np.nan
    signals, approved = int(decisions.opening.sum()), int((decisions.opening & decisions.approved).sum())
    sessions = len(facts.equity.starts)
    return [
        Tile(
            "Trades",
            formats.count(len(results)),
            f"closed; {still:,} still open" if still else "none is open",
        ),
        Tile(
            "Hit rate",
            formats.percent(hits, 1),
            _known("profit factor {}", formats.factor(profit_factor(results))),
        ),
        Tile(
            "Average slippage",
            formats.bp(mean(fills.slippage_bp, fills.notional)),
            f"{formats.plural(len(fills), 'fill')}, by value",
        ),
        Tile(
            "Fees",
            formats.money(fees),
            _known("{} of turnover", formats.bp(fraction(fees, float(fills.notional.sum())) * 1e4, 2)),
        ),
        Tile("Signals", formats.count(signals), f"{approved:,} approved, {signals - approved:,} refused"),
        Tile("Bars", formats.count(facts.run.get("bars")), formats.plural(sessions, "session")),
    ]


def _known(words: str, value: str) -> str:
    """A tile's note, left out where its value was not measured."""
    return "" if value == NOT_MEASURED else words.format(value)


def _tone(value: float) -> str:
    return "gain" if value > 0 else "loss" if value < 0 else ""


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else np.nan


def limit_row(use: LimitUse, decided: bool) -> dict[str, object]:
    """A limit in words, with its bullet bar; `decided` when there were signals that it could have held."""
    counted = {
        name: formats.plural(n, use.unit) if n else "none" if not np.isnan(use.use) else NOT_MEASURED
        for name, n in (("near", use.near), ("breaches", use.breaches))
    }
    kind = {"within": "ok", "near": "warn", "breached": "bad"}.get(use.word, "ok")
    return {
        "name": use.name,
        "limit": formats.limit(use.limit) if not np.isnan(use.limit) else "",
        "bullet": bullet(use.use, kind, use.soft),
        "use": formats.share(use.use),
        "when": formats.moment(use.when) if use.use > 0 else "",
        "held": f"{use.held:,} signal{'' if use.held == 1 else 's'}"
        if use.held
        else "none"
        if decided
        else NOT_MEASURED,
        "word": use.word,
        **counted,
    }


def _identity(facts: Facts) -> list[tuple[str, str]]:
    run = facts.run
    first, last = span(facts)
    if first == NEVER:
        first, last = formats.parse_moment(run.get("started")), formats.parse_moment(run.get("ended"))
    return [
        ("Run", str(run.get("run_id"))),
        ("Kind", KINDS.get(str(run.get("kind")), str(run.get("kind")))),
        ("Scenario", str(run.get("scenario"))),
        ("Fill profile", str(run.get("profile"))),
        ("Seed", str(run.get("seed"))),
        ("Period", f"{formats.moment(first)} – {formats.moment(last)}"),
    ]
