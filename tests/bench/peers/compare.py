"""Run seatrial and its peers on the same market, one process at a time in alternating order, and compare.

    tests/bench/peers/setup.sh DIR
    python tests/bench/peers/compare.py DIR --size medium --rounds 3 --json results.json

The market is made below DIR at the first use. Every round runs every engine once, each round in another
order, and a ratio is taken inside its round, so that a machine that slows down for minutes slows all engines
alike. Before each run a fixed piece of work is timed; how much that varies, and how much processor time
others used, is printed with the results. Compare ratios, never absolute figures of different days.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

import numpy as np
import reference
import workload

HERE = Path(__file__).resolve().parent
OURS = "seatrial"


@dataclass(frozen=True, slots=True)
class Engine:
    """One engine under test: its script, the environment below DIR (empty: this Python) and its arguments."""

    name: str
    script: str
    environment: str = ""
    arguments: tuple[str, ...] = ()
    dataset: bool = False  # takes the folder of session files instead of the plain parquet file

    def command(self, folder: Path, size: str) -> list[str]:
        python = str(folder / self.environment / "bin" / "python") if self.environment else sys.executable
        data = folder / "data" / (size if self.dataset else f"{size}.parquet")
        return [python, str(HERE / self.script), str(data), *self.arguments]


ENGINES = (
    Engine(OURS, "peer_seatrial.py", dataset=True),
    Engine("vectorbt signals, numba", "peer_vectorbt.py", "vectorbt", ("signals", "numba")),
    Engine("vectorbt signals, rust", "peer_vectorbt.py", "vectorbt", ("signals", "rust")),
    Engine("vectorbt callback", "peer_vectorbt.py", "vectorbt", ("callback", "numba")),
    Engine("nautilus_trader", "peer_nautilus.py", "nautilus"),
)


@dataclass(slots=True)
class Run:
    """One process: what it answered, and what the operating system says that it used."""

    engine: str
    round: int
    answer: dict[str, float | str]
    wall_s: float
    cpu_s: float
    peak_mib: float
    probe_s: float
    others: float | None

    @property
    def speed(self) -> float:
        """Bars a second in the replay."""
        return float(self.answer["bars"]) / float(self.answer["replay_s"])


@dataclass(slots=True)
class Comparison:
    """All runs of one market size beside the reference's answer."""

    size: str
    rounds: int
    fills: int
    equity: float
    runs: list[Run] = field(default_factory=list)

    def of(self, engine: str) -> list[Run]:
        return [run for run in self.runs if run.engine == engine]

    def ratios(self, engine: str) -> list[float]:
        """How many times faster seatrial was, round by round; empty when it did not take part."""
        theirs = {run.round: run.speed for run in self.of(engine)}
        return [run.speed / theirs[run.round] for run in self.of(OURS) if run.round in theirs]


def probe() -> float:
    """Seconds for a fixed piece of work: a sort and a running sum that fit no cache."""
    numbers = np.random.default_rng(0).random(8_000_000)
    begin = time.perf_counter()
    np.cumsum(np.sort(numbers))
    return time.perf_counter() - begin


def busy_seconds() -> float | None:
    """Processor seconds that the whole machine has spent working, where the system tells."""
    with contextlib.suppress(OSError):
        ticks = Path("/proc/stat").read_text().split(maxsplit=9)[1:9]
        user, nice, system, _, _, interrupt, soft, steal = (int(tick) for tick in ticks)
        return (user + nice + system + interrupt + soft + steal) / os.sysconf("SC_CLK_TCK")
    return None


def launched(command: list[str]) -> list[str]:
    """The lines that a command prints and, last, what it used, whatever this process holds itself: see launch.py."""
    launcher = [sys.executable, "-S", str(HERE / "launch.py"), *command]
    return subprocess.run(launcher, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()


def run_once(engine: Engine, folder: Path, size: str, turn: int) -> Run:
    """Run one engine in a fresh process; its own words on failure."""
    checked = probe()
    busy, begin = busy_seconds(), time.perf_counter()
    *lines, used = launched(engine.command(folder, size))
    wall, after = time.perf_counter() - begin, busy_seconds()
    usage = json.loads(used)
    if usage["code"]:
        raise SystemExit(f"{engine.name} failed: {' '.join(engine.command(folder, size))}")
    cpu = usage["cpu_s"]
    return Run(
        engine=engine.name,
        round=turn,
        answer=json.loads(lines[-1]),
        wall_s=wall,
        cpu_s=cpu,
        peak_mib=usage["peak_mib"],
        probe_s=checked,
        others=None if busy is None or after is None else max(0.0, (after - busy - cpu) / wall),
    )


def compare(engines: list[Engine], folder: Path, size: str, rounds: int) -> Comparison:
    """Every engine once a round, each round beginning with another engine."""
    expected = reference.replay(workload.load(folder / "data" / f"{size}.parquet"))
    result = Comparison(size, rounds, len(expected.fills), expected.equity)
    for turn in range(rounds):
        start = turn % len(engines)
        for engine in engines[start:] + engines[:start]:
            print(f"round {turn + 1} of {rounds}: {engine.name}", file=sys.stderr)
            result.runs.append(run_once(engine, folder, size, turn))
    return result


def spread(values: list[float], form: str) -> str:
    """Median and, when there are several, the range."""
    middle = format(median(values), form)
    return f"{middle} [{min(values):{form}}–{max(values):{form}}]" if len(values) > 1 else middle


def table(result: Comparison) -> str:
    """The comparison in Markdown: medians, with the range over the rounds in brackets."""
    rows = [
        "| engine | bars/s in replay | seatrial faster by | process s | CPU s | peak MiB | fills | equity |",
        "| --- " * 8 + "|",
    ]
    for name in dict.fromkeys(run.engine for run in result.runs):
        runs, ratios = result.of(name), result.ratios(name)
        answers = {(run.answer["fills"], run.answer["equity"]) for run in runs}
        fills, equity = runs[0].answer["fills"], runs[0].answer["equity"]
        rows.append(
            f"| {name} {runs[0].answer['version']} "
            f"| {spread([run.speed for run in runs], ',.0f')} "
            f"| {spread(ratios, ',.1f') + ' ×' if ratios and name != OURS else ''} "
            f"| {median(run.wall_s for run in runs):.1f} | {median(run.cpu_s for run in runs):.1f} "
            f"| {median(run.peak_mib for run in runs):,.0f} | {fills:,} | {equity:,.2f}"
            f"{'' if len(answers) == 1 else ' (answers differ between rounds)'} |"
        )
    rows.append(f"| reference | | | | | | {result.fills:,} | {result.equity:,.2f} |")
    return "\n".join(rows)


def noise(result: Comparison) -> str:
    """One sentence on how far the machine can be trusted."""
    probes = [run.probe_s for run in result.runs]
    swing = (max(probes) - min(probes)) / median(probes)
    others = [run.others for run in result.runs if run.others is not None]
    elsewhere = f", others used {median(others):.2f} [at most {max(others):.2f}] processors" if others else ""
    verdict = "quiet" if swing < 0.1 else "unsettled" if swing < 0.3 else "noisy"
    return (
        f"The machine was {verdict}: a fixed piece of work took {median(probes):.3f} s with a swing of "
        f"{swing:.0%} over {len(probes)} probes{elsewhere}. Take ratios below {1 + swing:.2f} as equal."
    )


def as_json(result: Comparison) -> dict[str, object]:
    """Everything that was measured, for other programs."""
    return {
        "size": result.size,
        "rounds": result.rounds,
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors",
        "reference": {"fills": result.fills, "equity": round(result.equity, 2)},
        "ratios": {name: result.ratios(name) for name in {run.engine for run in result.runs} if name != OURS},
        "noise": noise(result),
        "runs": [asdict(run) | {"bars_per_s": run.speed} for run in result.runs],
    }


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Compare seatrial with its peers on one workload.")
    parser.add_argument("folder", type=Path, help="the folder that setup.sh filled")
    parser.add_argument("--size", choices=list(workload.SIZES), default="medium")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", metavar="ENGINE", help="names, or parts of names")
    parser.add_argument("--json", type=Path, help="also write every figure to this file")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    chosen = [e for e in ENGINES if not options.only or any(part in e.name for part in options.only)]
    if not chosen:
        raise SystemExit(f"--only matches none of: {', '.join(engine.name for engine in ENGINES)}")
    data = options.folder / "data"
    if not (data / options.size / "manifest.json").exists():
        subprocess.run([sys.executable, HERE / "workload.py", data, options.size], check=True)
    result = compare(chosen, options.folder, options.size, options.rounds)
    print(table(result), noise(result), sep="\n\n")
    if options.json:
        options.json.write_text(json.dumps(as_json(result), indent=2) + "\n")


if __name__ == "__main__":
    main()
