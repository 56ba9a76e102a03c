"""The examples of the guide, run as a user would run them."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from core.strategies.breakout import Breakout
from core.strategies.check import check
from core.strategies.loading import load

GUIDE = Path(__file__).parents[3] / "docs" / "writing-a-strategy.md"


def examples() -> list[str]:
    return re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.S)


def test_the_strategy_of_the_guide_passes_the_check(tmp_path, monkeypatch, noisy_bars):
    (tmp_path / "pullback.py").write_text(examples()[0])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    strategy = load("pullback:Pullback", {"length": 30}, "the guide")
    report = check(strategy, noisy_bars)
    assert report.passed, str(report)
    assert report.signals > 5


def test_the_calibration_of_the_guide_runs(noisy_bars, capsys):
    scored, fitted = examples()[1:]
    given = {"bars": noisy_bars, "strategy": Breakout(lookback=10, least_trend=0.0, short=True)}
    exec(scored, given)
    assert "Score(count=" in capsys.readouterr().out
    exec(fitted.replace("lookback=90", "lookback=10, least_trend=0.0, short=True"), given)
    assert given["strategy"].coefficients == given["fit"].coefficients
