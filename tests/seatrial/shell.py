"""The command line in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

START = [sys.executable, "-c", "from seatrial.cli import main; main()"]
ROOT = Path(__file__).parents[2]
COMMANDS = (
    "run",
    "scenarios",
    "rehearse",
    "serve",
    "paper",
    "replay",
    "compare",
    "report",
    "calibrate",
    "screen",
    "check-strategy",
    "sweep",
    "synth",
    "doctor",
    "status",
    "mode",
    "flatten",
    "cancel",
    "adopt",
)
GROUPS = ("breaker", "db")
THREE_DAYS = ("--set", "data.end=2025-11-12")
HEAVY = {"numpy", "pandas", "numba", "pyarrow", "scipy", "pydantic", "vectorbt", "alpaca", "exchange_calendars"}

EXPECTING = """
schema = 1
name = "expecting"
proves = "Something that is not so."
[data]
bars = "data/us10-4w"
end = 2025-11-12
[strategies.breakout]
use = "core.strategies.breakout:Breakout"
[[expect]]
metric = "fills"
equals = 0
[[expect]]
never = "entry_submitted"
"""


def seatrial(*words, cwd, **environment):
    """Run the command line in a process of its own."""
    variables = os.environ | {"PYTHONPATH": str(ROOT)} | environment
    return subprocess.run([*START, *words], cwd=cwd, env=variables, capture_output=True, text=True, timeout=900)


def code_of(*words: str) -> int:
    """The exit code of a command in this process."""
    from seatrial import cli

    with pytest.raises(SystemExit) as left:
        cli.main(words)
    return int(left.value.code or 0)
