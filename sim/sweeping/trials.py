"""One seed, one schedule, one verdict.

Two phases. While faults are on, nothing may break: the engine's invariants are checked after every event, and each
fill is held against the market. Then they are off for the last session, and everything must finish (unfinished.py).
A defect that stops the loop itself counts too.

One seed in a hundred runs twice, the second time without anything from memory, just as `seatrial run` would run it:
both must end in the same state after the same commands. That is determinism, and that memory changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from core.kernel.digest import state_digest, text_hash
from core.settings.faults import Fault
from core.settings.scenario import Settings
from sim.scenario import Replay
from sim.sweeping.coverage import Tally
from sim.sweeping.draws import schedule
from sim.sweeping.limits import limited
from sim.sweeping.memory import Memory, Remembered
from sim.unfinished import unfinished

TWICE = 100  # one seed in so many


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a seed: `failure` names what did not hold, "" for nothing, and `witness` says where."""

    seed: int
    failure: str
    witness: str
    faults: int
    events: int
    commands: int
    state: str
    twice: bool
    marks: Mapping[str, int]


def settings_of(base: Settings, seed: int, faults: Sequence[Fault]) -> Settings:
    """A scenario under other faults, its seed and limits theirs; what it expected of its own is no longer asked."""
    return limited(base, seed).model_copy(update={"seed": seed, "faults": tuple(faults), "expect": ()})


def try_seed(memory: Memory, seed: int) -> Verdict:
    """The verdict on the schedule that a seed draws."""
    faults = schedule(seed, memory.trading, memory.symbols)
    verdict = try_faults(memory, seed, faults)
    if verdict.failure or text_hash("twice", seed) % TWICE:
        return verdict
    again = try_faults(memory, seed, faults, plainly=True)
    same = (verdict.commands, verdict.state, verdict.marks) == (again.commands, again.state, again.marks)
    failure, witness = ("", "") if same else ("not_repeatable", f"state {verdict.state[:12]}, then {again.state[:12]}")
    return replace(verdict, failure=failure, witness=witness, twice=True)


def try_faults(memory: Memory, seed: int, faults: Sequence[Fault], plainly: bool = False) -> Verdict:
    """The verdict on a schedule; `plainly` computes everything anew."""
    settings = settings_of(memory.settings, seed, faults)
    tally = Tally()
    make = Replay(settings, memory, memory.strategies, tally) if plainly else Remembered(settings, memory, tally)
    failure = witness = ""
    try:
        make.run(None)
    except Exception as error:  # whatever it is, it is what the sweep looks for
        failure, witness = "stopped", f"{type(error).__name__}: {error}"
    tally.count_faults(faults, make.weather.table)
    if not failure:
        failure, witness = _judged(make)
    run = make.desk.state[0]["run"]
    return Verdict(
        seed=seed,
        failure=failure,
        witness=witness,
        faults=len(faults),
        events=int(run["seq"]),
        commands=int(run["command_hash"]),
        state=state_digest(make.desk.state),
        twice=False,
        marks=dict(tally.marks),
    )


def _judged(replayed: Replay) -> tuple[str, str]:
    """What did not hold, and its witness."""
    for name, witness in replayed.broken.items():
        return name, witness
    left = unfinished(replayed.desk.state, replayed.desk.venue)
    return ("unfinished", ", ".join(left)) if left else ("", "")
