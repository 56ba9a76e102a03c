"""seatrial serve from outside: what it says, what it answers, how it ends."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys

import pytest
import requests

COMMAND = [sys.executable, "-c", "from seatrial.cli import main; main()", "serve"]


def test_it_serves_until_it_is_interrupted() -> None:
    arguments = ["breakout-4w", "--port", "0", "--json", "--set", "data.end=2025-11-10"]
    with subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = []
        while not lines or lines[-1] != "}\n":
            lines.append(process.stdout.readline())
            assert lines[-1], "it ended without a word"
        places = json.loads("".join(lines))
        clock = requests.get(places["rest"] + "/sim/clock", timeout=20).json()
        assert (clock["now"], clock["mode"]) == ("2025-11-10T09:00:00Z", "lockstep")
        assert places["stream"] == places["rest"].replace("http", "ws") + "/stream"
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["breakout-4w", "--speed", "fast"], "--speed fast: is no speed"),
        (["breakout-4w", "--speed", "-1"], "--speed -1: is no speed"),
        (["breakout-4w", "--keys", "nowhere.toml"], "nowhere.toml: cannot be read"),
        (["nowhere"], "nowhere: there is no bundled scenario of this name"),
        (["breakout-4w", "--port", "70000"], "--port 70000: is not at most 65535"),
    ],
)
def test_what_cannot_be_served_is_one_line(arguments: list[str], problem: str) -> None:
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(problem)
    assert done.stdout == ""


def test_a_port_that_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        arguments = [*COMMAND, "breakout-4w", "--port", port]
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert f"--port {port}: cannot be listened on" in done.stderr
