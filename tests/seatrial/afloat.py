"""A real `seatrial serve` in a process of its own, at a speed, and `seatrial paper` in another that trades against it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.seatrial.shell import ROOT, START

KEY, SECRET = "PKCANARY1234567890", "canary-s3cret+/=0123456789"
PATIENCE = 120.0  # real seconds for anything to happen, on a machine that is busy
SPEED = 60
DAY = "2025-11-12"
SYMBOLS = ("ALFA", "BRVO", "CHRL", "DLTA")

# Wants to be long in everything, all the time: what it tries is the machinery.
STRATEGY = """
import numpy as np
from core.strategies.contract import Signals


class Often:
    name = "often"
    model_version = "1"
    warmup = 5

    def signals(self, bars):
        heard = ~np.isnan(bars.close)
        distance = np.where(heard, np.maximum(np.round(bars.close * 0.004, 2), 0.02), np.nan)
        whole = np.full(bars.close.shape, 4.0)
        none = np.zeros(bars.close.shape, bool)
        return Signals(np.where(heard, 0.7, np.nan), distance, distance, whole.astype(np.int8) // 4, whole, none)
"""
CONFIG = f"""
schema = 1
name = "often"
proves = "The machinery turns."
[data]
bars = "bars"
symbols = {list(SYMBOLS)}
[strategies.often]
use = "often:Often"
"""


class Market:
    """The server, and what it says that it has done."""

    def __init__(self, folder: Path) -> None:
        keys = folder / "server-keys.toml"
        keys.write_text(f'[keys]\n{KEY} = "{SECRET}"\n', encoding="utf-8")
        words = ["serve", "breakout-4w", "--port", "0", "--speed", str(SPEED), "--keys", str(keys), "--json"]
        words += ["--set", f"data.start={DAY}"]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            [*START, *words], stdout=subprocess.PIPE, text=True, env=environment, cwd=folder
        )
        assert self.process.stdout is not None
        lines = []
        while not lines or lines[-1] != "}\n":
            lines.append(self.process.stdout.readline())
            assert lines[-1], "the server ended without a word"
        self.url: str = json.loads("".join(lines))["rest"]
        keys.unlink()

    def fault(self, kind: str, **terms: Any) -> None:
        """Set a fault, as in a scenario's [[faults]]."""
        body = json.dumps({"kind": kind, **terms}).encode()
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/sim/faults", body), timeout=60).read()

    def advance(self, until: str) -> None:
        """Move the clock on to a time of the day, UTC; it goes on from there."""
        body = json.dumps({"until": f"{DAY}T{until}Z"}).encode()
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/sim/advance", body), timeout=60).read()

    def journal(self) -> dict[str, Any]:
        """Requests, orders and fills."""
        with urllib.request.urlopen(f"{self.url}/sim/journal", timeout=60) as answer:
            found: dict[str, Any] = json.loads(answer.read())
        return found

    def close(self) -> None:
        """End the process."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        assert self.process.stdout is not None
        self.process.stdout.close()


def berth(folder: Path, database: str = "sqlite:///seatrial.db") -> None:
    """A working folder with a configuration and its strategy, and a database."""
    (folder / "often.py").write_text(STRATEGY)
    (folder / "paper.toml").write_text(CONFIG)
    done = command(folder, "db", "upgrade", "--database-url", database)
    assert done.returncode == 0, done.stderr


def environment(secret: str = SECRET) -> dict[str, str]:
    """What a trader is started with."""
    return os.environ | {"PYTHONPATH": str(ROOT), "APCA_API_KEY_ID": KEY, "APCA_API_SECRET_KEY": secret}


def command(folder: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    variables = {**environment(), **more}
    return subprocess.run([*START, *words], cwd=folder, env=variables, capture_output=True, text=True, timeout=280)


class Trader:
    """`seatrial paper` while it runs; what it prints goes to files."""

    def __init__(self, folder: Path, url: str, name: str, *more: str) -> None:
        self.printed, self.told = folder / f"{name}.out", folder / f"{name}.err"
        words = [*START, "paper", "paper.toml", "--endpoint", url, "--json", "--out", f"runs/{name}", *more]
        with self.printed.open("w") as out, self.told.open("w") as err:
            self.process = subprocess.Popen(words, cwd=folder, env=environment(), stdout=out, stderr=err)

    def until(self, done: Callable[[], Any]) -> None:
        """Wait for something to come true while it runs."""
        end = time.monotonic() + PATIENCE
        while not done():
            assert self.process.poll() is None, f"it has ended: {self.printed.read_text()}{self.told.read_text()}"
            assert time.monotonic() < end, "what is waited for has not happened in time"
            time.sleep(0.1)

    def kill(self) -> None:
        """SIGKILL: nothing is said and nothing is saved."""
        self.process.kill()
        self.process.wait(60)

    def stop(self) -> dict[str, Any]:
        """SIGTERM; returns its summary."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE)
        found: dict[str, Any] = json.loads(self.printed.read_text())
        return found


def moment(text: str) -> float:
    """A time as seconds."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
