"""The launcher of the peer benchmark: memory of whoever starts an engine is not the engine's."""

import json
import os
import subprocess
import sys
from pathlib import Path

LAUNCH = Path(__file__).parent / "peers" / "launch.py"


def used(program: str) -> dict[str, float]:
    """What a Python program used, started while this process holds far more than it needs."""
    held = bytearray(os.urandom(1 << 20) * 300)
    command = [sys.executable, "-S", str(LAUNCH), sys.executable, "-S", "-c", program]
    lines = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    assert len(held) == 300 << 20
    return dict(json.loads(lines[-1]))


def test_the_peak_is_that_of_the_command_alone() -> None:
    assert used("pass")["peak_mib"] < 100
    assert 120 < used("held = b'x' * (120 << 20)")["peak_mib"] < 220


def test_a_failure_keeps_its_exit_code() -> None:
    assert used("raise SystemExit(3)")["code"] == 3
