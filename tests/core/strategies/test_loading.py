"""Loading strategies by name, and refusing what breaks the contract."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace

import numpy as np
import pytest

from core.errors import InputError
from core.strategies.breakout import Breakout
from core.strategies.contract import Signals
from core.strategies.loading import load, run_window

PLACE = "trial.toml [strategies.breakout]"


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A maker of modules in the working directory, forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    known = set(sys.modules)

    def make(name: str, text: str) -> None:
        (tmp_path / f"{name}.py").write_text(text)

    yield make
    for name in set(sys.modules) - known:
        del sys.modules[name]


def test_a_class_is_found_and_given_its_parameters():
    strategy = load("core.strategies.breakout:Breakout", {"lookback": 90, "coefficients": [0, 0, 0, 1]}, PLACE)
    assert strategy == Breakout(lookback=90, coefficients=(0.0, 0.0, 0.0, 1.0))


def test_a_module_in_the_working_directory_is_found(module):
    module("mine", "from core.strategies.breakout import Breakout\nclass Mine(Breakout):\n    pass\n")
    assert load("mine:Mine", {}, PLACE).model_version.startswith("mine-")


@pytest.mark.parametrize(
    ("spec", "parameters", "told"),
    [
        ("core.strategies.breakout", {}, 'Write "package.module:Class"'),
        ("core.strategies.breakout:", {}, "does not name a class"),
        ("core.strategies.nowhere:X", {}, "no module named 'core.strategies.nowhere'"),
        ("nowhere.at.all:X", {}, "no module named 'nowhere'"),
        ("core.strategies.breakout:Brakeout", {}, "has no class 'Brakeout'. It has: Breakout"),
        ("core.strategies.breakout:features", {}, "has no class 'features'"),
        ("core.strategies.breakout:Breakout", {"look": 1, "at": 2}, "unknown parameter 'at', 'look'"),
        ("core.strategies.breakout:Breakout", {"look": 1}, "Breakout accepts: name, target, stop"),
        ("core.strategies.breakout:Breakout", {"lookback": 0}, "breakout.lookback: 0 is not allowed"),
        ("core.strategies.intraday:Intraday", {"name": "x", "coefficients": []}, "refused its parameters"),
        ("core.strategies.loading:Path", {}, "is no strategy: it lacks model_version, warmup, signals"),
    ],
)
def test_what_cannot_be_loaded_is_told_with_its_place(spec, parameters, told):
    with pytest.raises(InputError) as caught:
        load(spec, parameters, PLACE)
    assert caught.value.place.startswith(PLACE)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("import not_there_at_all", "broken imports not_there_at_all, not found"),
        ("1 / 0", "importing broken raised ZeroDivisionError: division by zero (broken.py:1)"),
        ("class Mine:\n    pass", "it lacks name, model_version, warmup, signals"),
        (
            "class Mine:\n    name, model_version, warmup = 'm', 'm', -1\n    def signals(self, bars): ...",
            "Mine.warmup is -1",
        ),
        (
            "class Mine:\n    name, model_version, warmup = '', 'm', 1\n    def signals(self, bars): ...",
            "Mine.name is no text",
        ),
    ],
)
def test_what_is_wrong_inside_the_module_is_told(module, text, told):
    module("broken", text)
    with pytest.raises(InputError) as caught:
        load("broken:Mine", {}, PLACE)
    assert told in str(caught.value)


@dataclass
class Planted:
    """Gives half a chance everywhere, but for one planted value at row 8 of the second symbol."""

    field: str
    value: object
    name: str = "planted"
    model_version: str = "1"
    warmup: int = 5

    def signals(self, bars):
        shape = bars.close.shape
        fields = {
            "probability": np.full(shape, 0.5),
            "target": np.ones(shape),
            "stop": np.ones(shape),
            "side": np.ones(shape, np.int8),
            "horizon": np.full(shape, np.nan),
            "exit": np.zeros(shape, np.bool_),
        }
        fields[self.field][8, 1] = self.value
        return Signals(**fields)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("probability", 1.0000001),
        ("probability", -0.1),
        ("probability", np.inf),
        ("target", 0.0),
        ("target", np.nan),
        ("stop", -1.0),
        ("stop", np.inf),
        ("side", 0),
        ("side", 2),
        ("horizon", 0.5),
    ],
)
def test_a_value_that_breaks_the_contract_is_told_with_symbol_and_time(noisy_bars, field, value):
    with pytest.raises(InputError) as caught:
        run_window(Planted(field, value), noisy_bars)
    assert caught.value.place == "strategy planted, S1 at 2026-03-02T14:38:00Z"
    assert caught.value.problem.startswith(f"{field} is ")


def test_the_warm_up_and_rows_without_signal_are_not_judged(noisy_bars):
    run_window(replace(Planted("probability", 2.0), warmup=9), noisy_bars)
    without = Planted("probability", np.nan)
    assert np.isnan(run_window(without, noisy_bars).probability[8, 1])


def test_good_signals_come_through_row_major(noisy_bars):
    class Turned(Planted):
        def signals(self, bars):
            made = super().signals(bars)
            return replace(made, probability=np.asfortranarray(made.probability))

    got = run_window(Turned("probability", 0.25), noisy_bars)
    assert got.probability.flags.c_contiguous
    assert got.probability[8, 1] == 0.25


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"probability": [0.5]}, "probability is a list. Give arrays, or use Signals.from_frames"),
        ({"side": np.ones((1950, 3))}, "side has the dtype float64. Convert it: side.astype(int8)"),
        ({"exit": np.zeros((3, 3), bool)}, "exit has the shape (3, 3)"),
        (None, "signals() returned NoneType"),
        (KeyError("vwap"), "signals() raised KeyError: 'vwap' (test_loading.py:"),
    ],
)
def test_a_wrong_answer_is_told(noisy_bars, change, told):
    class Wrong(Planted):
        def signals(self, bars):
            if isinstance(change, Exception):
                raise change
            return change and replace(super().signals(bars), **change)

    with pytest.raises(InputError) as caught:
        run_window(Wrong("probability", 0.5), noisy_bars)
    assert caught.value.place == "strategy planted"
    assert told in str(caught.value)
