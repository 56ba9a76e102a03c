"""The limits that a seed draws: half of the time none, else some, always ones that a scenario may have."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

import pytest
from pydantic import ValidationError

from core.config import bundled, load_settings, to_toml
from sim.sweeping.limits import LIMITS, limited

SEEDS = range(400)


@pytest.fixture(scope="module")
def base():
    return load_settings("breakout-4w")


@pytest.fixture(scope="module")
def drawn(base):
    return [limited(base, seed) for seed in SEEDS]


def values(settings) -> dict[str, object]:
    return {
        f"{name}.{key}": value
        for name, section in settings.model_dump().items()
        if isinstance(section, dict)
        for key, value in section.items()
    }


def test_half_of_the_seeds_leave_the_scenario_as_it_is(base, drawn):
    assert 0.4 < sum(settings == base for settings in drawn) / len(drawn) < 0.6


def test_a_seed_draws_the_same_again(base, drawn):
    assert [limited(base, seed) for seed in SEEDS[:20]] == drawn[:20]


def test_every_key_is_moved_and_nothing_else(base, drawn):
    plain, moved = values(base), Counter[str]()
    for settings in drawn:
        moved.update(key for key, value in values(settings).items() if value != plain[key])
    assert set(moved) == {key for entry in LIMITS for key in entry}


def test_what_is_drawn_can_be_written_and_read(base, drawn, tmp_path):
    path = tmp_path / f"{base.name}.toml"
    for settings in drawn[:40]:
        path.write_text(to_toml(settings), encoding="utf-8")
        assert load_settings(path).model_dump() == settings.model_dump()


@pytest.mark.parametrize("scenario", [scenario.name for scenario in bundled()])
def test_no_scenario_refuses_a_seed(scenario):
    settings = load_settings(scenario)
    assert all(limited(settings, seed).bars_path() == settings.bars_path() for seed in SEEDS[:20])


def test_a_contradiction_is_left_out(base):
    with pytest.raises(ValidationError, match=r"risk\.max_drawdown"):
        base.changed({"risk.weekly_loss": Decimal("0.5")})
    loose = base.changed({"risk.daily_loss": Decimal("0.12")})  # above the weekly loss that some seeds draw
    weekly = {limited(loose, seed).risk.weekly_loss for seed in SEEDS[:100]}
    assert None in weekly
    assert all(limited(loose, seed).risk.daily_loss <= Decimal("0.12") for seed in SEEDS[:100])
