"""The guide on fills: every example of its tables happens, and every default that it names is one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from core.settings.venue import PROFILES, Venue
from tests.sim.floor import Bar, Floor
from tests.sim.floor_orders import buy, sell

GUIDE = (Path(__file__).parents[2] / "docs" / "how-fills-are-simulated.md").read_text(encoding="utf-8")
DAY = {"adv", "sigma", "open_print", "close_print", "halts"}


def tables(header: str) -> list[list[str]]:
    """Cells of the rows of every table with this header."""
    found = re.findall(rf"^\| {re.escape(header)} \|\n\|[-|]+\|\n((?:\|.*\|\n)+)", GUIDE, re.M)
    return [[cell.strip() for cell in line.strip("|").split("|")] for table in found for line in table.splitlines()]


EXAMPLES = tables("rule | orders | settings | fills")


def bars_of(text: str) -> list[Bar | None]:
    return [None if bar.strip() == "-" else Bar(*map(float, bar.split())) for bar in text.split("/")]


def fills_of(text: str) -> list[tuple[int, float, float, float]]:
    """Order, second to a tenth, shares and dollars."""
    parts = [re.fullmatch(r"(?:#(\d) )?([\d.]+) s (\d+) @ ([\d.]+)", part.strip()) for part in text.split(";") if part]
    return [(int(part[1] or 1), float(part[2]), float(part[3]), float(part[4])) for part in parts if part]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example[0])
def test_example(example: list[str]) -> None:
    _, orders, settings, fills = example
    names = {"buy": buy, "sell": sell, "dict": dict}
    given: dict[str, Any] = eval(f"dict({settings.strip('`')})", names)
    bars = bars_of(given.pop("bars", "100 103 97 101"))
    day = {name: given.pop(name) for name in DAY & set(given)}
    floor = Floor(**given).day(bars, [eval(order, names) for order in re.findall(r"`([^`]+)`", orders)], **day)
    found = [(fill.order, round(fill.second, 1), fill.qty, pytest.approx(fill.price, abs=1e-9)) for fill in floor.fills]
    assert found == fills_of(fills)


def test_the_examples_are_all_read() -> None:
    rows = [line for line in GUIDE.splitlines() if line.startswith("|") and re.search(r"`(buy|sell)\(", line)]
    assert len(rows) == len(EXAMPLES) > 30


def spelled(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)


def test_the_profiles_are_those_of_the_settings() -> None:
    rows = tables("key | `alpaca_paper` | `live_conservative` | meaning")
    paper, live = PROFILES["alpaca_paper"], PROFILES["live_conservative"]
    told = {key.strip("`"): (one, other) for key, one, other, _ in rows}
    assert told == {key: (spelled(paper[key]), spelled(live[key])) for key in paper}


def test_every_other_key_is_there_with_its_default() -> None:
    told = {key.strip("`"): default for key, default, _ in tables("key | default | meaning")}
    fields = Venue.model_fields
    assert set(told) == set(fields) - set(PROFILES["alpaca_paper"])
    default = Venue.model_validate({})
    assert told == {key: spelled(getattr(default, key)) for key in told}
