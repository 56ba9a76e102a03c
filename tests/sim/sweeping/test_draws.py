"""What a seed draws: always the same, always valid, of every kind, and over before the calm."""

from __future__ import annotations

from collections import Counter

import pytest

from core.config import load_settings
from core.settings.fault_table import KINDS
from sim.faults.schedule import Schedule
from sim.scenario import open_data
from sim.sweeping.draws import CALM, CARE, CLASSES, MOST, PARAMETERS, Draws, schedule

SEEDS = (*range(400), 12111)  # whose repetition slid by a half day into the calm


@pytest.fixture(scope="module")
def data():
    return open_data(load_settings("breakout-4w"))


@pytest.fixture(scope="module")
def drawn(data):
    return [schedule(seed, data.sessions, data.symbols) for seed in SEEDS]


def test_every_kind_is_in_one_class():
    members = [kind for kinds in CLASSES.values() for kind in kinds]
    assert sorted(members) == sorted(KINDS)


def test_every_parameter_that_is_drawn_is_one():
    for kind, choices in PARAMETERS.items():
        assert set(choices) <= set(KINDS[kind].parameters.model_fields), kind


def test_a_seed_draws_the_same_again(data, drawn):
    assert [schedule(seed, data.sessions, data.symbols) for seed in SEEDS[:40]] == drawn[:40]


def test_seeds_differ(drawn):
    assert len({repr(faults) for faults in drawn}) > len(drawn) - 3  # one that draws nothing is like another


def test_every_kind_is_drawn_and_every_class_left_out(drawn):
    present = [{fault.kind for fault in faults} for faults in drawn]
    kinds = Counter(kind for found in present for kind in found)
    assert set(kinds) == set(KINDS)
    for kinds_of_class in CLASSES.values():
        without = sum(not found & set(kinds_of_class) for found in present)
        assert without > len(drawn) // 5, kinds_of_class


def test_schedules_fit_the_table(drawn):
    assert max(len(faults) for faults in drawn) <= MOST + len(CARE)


def test_everything_is_over_before_the_calm_session(data, drawn):
    calm = int(data.sessions[-CALM]["pre"])
    for faults in drawn:
        plan = Schedule(faults)
        for day in data.sessions:
            plan.session(day)
        ends = [max(o.end, o.begin) for happened in plan.happened for o in happened]
        assert max(ends, default=0) <= calm


def test_a_draw_is_named_and_not_numbered():
    one, other = Draws(1), Draws(1)
    other.unit("something", "else")
    assert one.unit("kind", "gap") == other.unit("kind", "gap")
    assert one.unit("kind", "gap") != Draws(2).unit("kind", "gap")


def test_two_sessions_are_needed(data):
    with pytest.raises(AssertionError, match="a session with faults"):
        schedule(1, data.sessions[:1], data.symbols)
