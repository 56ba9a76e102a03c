"""Values on the command line: what a text means, and what is refused."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from core.errors import InputError
from seatrial.commands.run import next_folder
from seatrial.options import assignments, bundled_bars, grid


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("7", 7),
        ("0.10", Decimal("0.10")),
        ("true", True),
        ("2025-11-12", date(2025, 11, 12)),
        ('["ALFA", "BRVO"]', ["ALFA", "BRVO"]),
        ("250ms", "250ms"),
        ("alpaca_paper", "alpaca_paper"),
        ("a=b", "a=b"),
        ("1\nseed = 2", "1\nseed = 2"),
        ("core.strategies.breakout:Breakout", "core.strategies.breakout:Breakout"),
    ],
)
def test_a_value_is_read_as_toml_or_else_as_text(text, meant):
    value = assignments([f"key={text}"], "--set")["key"]
    assert value == meant
    assert type(value) is type(meant)


def test_the_last_of_two_assignments_counts():
    assert assignments(["seed=1", "risk.soft=0.5", "seed=2"], "--set") == {"seed": 2, "risk.soft": Decimal("0.5")}
    assert assignments(None, "--set") == {}


@pytest.mark.parametrize("pair", ["seed", "=3", "seed=", ""])
def test_an_assignment_needs_a_key_and_a_value(pair):
    with pytest.raises(InputError, match="key=value"):
        assignments([pair], "--set")


def test_a_grid_is_lists_of_numbers():
    assert grid(["lookback=20,40", "target=1.5, 2"]) == {"lookback": [20, 40], "target": [1.5, 2]}
    assert isinstance(grid(["target=1.5"])["target"][0], float)


@pytest.mark.parametrize("pair", ["lookback", "lookback=", "lookback=20,,40", "=20"])
def test_a_grid_needs_values(pair):
    with pytest.raises(InputError, match="--grid"):
        grid([pair])


def test_the_bundled_bars_are_a_dataset():
    assert (bundled_bars() / "manifest.json").exists()


def test_runs_count_up_from_the_highest(tmp_path):
    assert next_folder("a", tmp_path) == tmp_path / "a-001"
    for name in ("a-002", "a-010", "a-b-099", "a-x", "b-500"):
        (tmp_path / name).mkdir()
    assert next_folder("a", tmp_path) == tmp_path / "a-011"
    assert next_folder("a-b", tmp_path) == tmp_path / "a-b-100"
    (tmp_path / "a-1000").mkdir()
    assert next_folder("a", tmp_path).name == "a-1001"
