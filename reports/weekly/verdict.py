"""The page's head: limits, parity and calibration in four words, what to do about them, and the weeks beside it.

The words are *within*, *near*, *breached* and *not measured*, and nothing else. The week's word is the worst of its
limits; parity and calibration have words of their own, because a week can be inside its limits with a broken clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from reports import formats
from reports.facts import span
from reports.formats import NEVER
from reports.page import Table, Tile, columns
from reports.sections.limits import LimitUse, limit_uses
from reports.sections.verdict import KINDS, limit_row
from reports.weekly.choice import Chosen
from reports.weekly.drills import drill_word
from reports.weekly.incidents import open_breakers
from reports.weekly.parity import Compared
from reports.weekly.summary import BREACHED, NEAR, WITHIN, Figures, Word, history_table, tiles, week_figures, worst_word
from reports.weekly.weeks import WeekFacts, labels_of

RUNBOOKS = "docs/runbooks/README.md"
RUNBOOK = {
    "Drawdown": "docs/runbooks/safe_mode.md",
    "Loss on the day": "docs/runbooks/safe_mode.md",
    "Loss over five sessions": "docs/runbooks/safe_mode.md",
    "Gross exposure": "docs/runbooks/exposure_spike.md",
    "Net exposure": "docs/runbooks/exposure_spike.md",
}


@dataclass(frozen=True, slots=True)
class Head:
    """What the head of the page says; `checks` are the words beside that of the limits."""

    word: str
    sentence: str
    identity: list[tuple[str, str]]
    figures: Figures
    tiles: list[Tile]
    uses: list[LimitUse]
    limits: list[dict[str, object]]
    checks: Table
    actions: list[str]
    labels: list[str]
    history: Table
    near: float


def head(chosen: Chosen, parity: Compared | str, calibration: Word) -> Head:
    """The head of a week's page."""
    facts = chosen.facts
    uses = limit_uses(facts)
    words = [_parity_word(parity), calibration, _invariants(facts), *_drills(chosen)]
    figures = week_figures(facts)
    return Head(
        worst_word(uses),
        _sentence(uses, facts),
        _identity(facts),
        figures,
        tiles(figures),
        uses,
        [limit_row(use, len(facts.decisions) > 0) for use in uses],
        Table(
            columns("Check", "Finding", "Verdict|state"),
            [(w.name, w.sentence, w.word) for w in words],
            "Beside the limits",
        ),
        _actions(facts, uses, words),
        labels_of(facts),
        history_table(chosen),
        facts.near,
    )


def _sentence(uses: list[LimitUse], facts: WeekFacts) -> str:
    measured = [use for use in uses if np.isfinite(use.use)]
    if not measured:
        return "No limit was measured in this week."
    top = max(measured, key=lambda use: use.use)
    told = f"The closest was {top.name.lower()} with {formats.share(top.use)} of its limit, {formats.moment(top.when)}"
    broken = [use.name.lower() for use in measured if use.word == BREACHED]
    if broken:
        return f"Breached: {', '.join(broken)}. {told}."
    near = [use.name.lower() for use in measured if use.word == NEAR]
    if near:
        return f"Every limit held; {', '.join(near)} came within {formats.share(1 - facts.near)} of it. {told}."
    quiet = "" if len(facts.trades) else " No trade was closed in this week."
    return f"Every limit held with room. {told}.{quiet}"


def _identity(facts: WeekFacts) -> list[tuple[str, str]]:
    run, (first, last) = facts.run, span(facts)
    period = f"{formats.moment(first)} – {formats.moment(last)}" if first != NEVER else formats.NOT_MEASURED
    data = run["data"][0] if run.get("data") else {}
    account = facts.config.get("account", {})
    return [
        ("Run", str(run["run_id"])),
        ("Kind", KINDS.get(str(run["kind"]), str(run["kind"]))),
        ("Sessions", f"{len(facts.days)} of {len(facts.week.sessions)}, {period}"),
        ("Code", str(run["code_version"])),
        ("Configuration", str(run["config_hash"] or "")[:12]),
        ("Data", f"{data.get('feed')}, {data.get('adjustment')}, {str(data.get('manifest_sha256'))[:12]}"),
        ("Fill profile", str(run["profile"])),
        ("Regime", str(account.get("regime", formats.NOT_MEASURED))),
        ("Account", f"multiplier {account.get('multiplier', formats.NOT_MEASURED)}"),
    ]


def _parity_word(parity: Compared | str) -> Word:
    if isinstance(parity, str):
        return Word("Parity with simulation", formats.NOT_MEASURED, parity)
    return Word("Parity with simulation", parity.word, parity.sentence)


def _invariants(facts: WeekFacts) -> Word:
    found: dict[str, str] = facts.run.get("invariants") or {}
    broken = [formats.words(name) for name, witness in found.items() if witness != "ok"]
    if not found:
        return Word("Invariants", formats.NOT_MEASURED, "the run recorded none")
    if broken:
        return Word("Invariants", BREACHED, f"broken in the run: {', '.join(broken)}")
    return Word("Invariants", WITHIN, f"all {len(found)} held after every event of the run")


def _drills(chosen: Chosen) -> list[Word]:
    words = [drill_word(facts) for facts in chosen.drills]
    if not words:
        return []
    failed = words.count(BREACHED)
    told = f"{failed} of {len(words)} did not hold" if failed else f"all {len(words)} held"
    return [Word("Drills", BREACHED if failed else WITHIN if WITHIN in words else formats.NOT_MEASURED, told)]


def _actions(facts: WeekFacts, uses: list[LimitUse], words: list[Word]) -> list[str]:
    """What is left to be done, from what the week shows."""
    found = [
        f"{use.name} was breached: find the cause in section 4, and follow {RUNBOOK.get(use.name, RUNBOOKS)}."
        for use in uses
        if use.word == BREACHED
    ]
    found += [_near_action(use) for use in uses if use.word == NEAR]
    for word in words:
        if word.word == BREACHED:
            found.append(f"{word.name}: {word.sentence}. Nothing else on this page counts until it is understood.")
        elif word.word == formats.NOT_MEASURED:
            found.append(f"{word.name} is not measured: {word.sentence.rstrip('.')}.")
    if len(facts.equity) and (mode := facts.equity.mode.at(len(facts.equity) - 1)) != "normal":
        found.append(f"The week ended in mode {formats.words(mode)}: see section 13 for what keeps it there.")
    found += [
        f"The breaker of {formats.words(lane)} was not closed at the end: reset it once its cause is known."
        for lane in open_breakers(facts)
    ]
    return found


def _near_action(use: LimitUse) -> str:
    """What a near miss asks for: of a limit on the account a look, of one on trades a decision."""
    if use.unit == "trade":
        return f"{use.name}: {formats.plural(use.near, 'trade')} used it nearly or wholly; should it set sizes?"
    return f"{use.name} came close in {formats.plural(use.near, 'session')}: see section 3 for when."


def head_document(head: Head) -> dict[str, Any]:
    """The head as what JSON knows."""
    return {
        "verdict": head.word,
        "sentence": head.sentence,
        "labels": head.labels,
        "limits": [
            {
                "name": use.name,
                "limit": use.limit,
                "largest_use": use.use,
                "when": None if use.when == NEVER else use.when,
                "near_misses": use.near if np.isfinite(use.use) else None,
                "held": use.held,
                "breaches": use.breaches if np.isfinite(use.use) else None,
                "counted_by": use.unit,
                "verdict": use.word,
            }
            for use in head.uses
        ],
        "checks": [{"name": name, "finding": told, "verdict": word} for name, told, word in head.checks.rows],
        "open_actions": head.actions,
    }
