"""seatrial calibrate: a venue profile from what recorded runs met, if it foretells better than the one in force."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seatrial import console
from seatrial.options import Json, examples

if TYPE_CHECKING:
    from sim.profile_fit import Fit, Part

EXAMPLES = examples(
    "seatrial calibrate runs/paper-w45 runs/paper-w46",
    "seatrial calibrate runs/paper-w46 --out profiles/mine.toml --name mine-v1",
    "seatrial run breakout-4w --profile profiles/alpaca_paper-v1.toml",
)


def calibrate(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Folders of recorded runs of one profile.")],
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File to write; default: profiles/NAME.toml.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name of the new profile; default: the next version.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Fit a venue profile to what recorded runs met.

    The last third of the days is held back. Latency, spread and partial fills are each fitted anew only where the
    orders of those days become likelier; where nothing does, nothing is written.

    Exit code: 0 a profile was written, 1 the one in force foretells no worse, 2 a run cannot be used.
    """
    from core.profiles import write_profile
    from core.runs import Run
    from sim.profile_fit import fit_profile

    fit = fit_profile([Run.open(run) for run in runs], name)
    path = None
    if fit.profile is not None:
        path = write_profile(fit.profile, out or Path("profiles") / f"{fit.profile.name}.toml")
    if as_json:
        console.show_json(_document(fit, path))
    else:
        console.show(*_lines(fit, path))
    raise typer.Exit(0 if path is not None else 1)


def _document(fit: Fit, path: Path | None) -> dict[str, Any]:
    return {
        "profile": fit.profile.name if fit.profile is not None else None,
        "out": str(path) if path is not None else None,
        "parts": [
            {
                "part": part.name,
                "orders": part.orders,
                "days": part.days,
                "before": dict(part.before),
                "after": dict(part.after),
                "gain": part.gain.value if part.gain is not None else None,
                "gain_low": part.gain.low if part.gain is not None else None,
                "taken": not part.reason,
                "reason": part.reason,
            }
            for part in fit.parts
        ],
    }


def _lines(fit: Fit, path: Path | None) -> list[str]:
    lines = [console.RULE]
    for part in fit.parts:
        lines.append(console.facing(f"{part.name}, {part.orders:,} observations, {part.days} days", _verdict(part)))
        shown = part.before if part.gain is not None else ()
        lines += [console.facing(f"  {key}", f"{part.before[key]:,.4g} → {part.after[key]:,.4g}") for key in shown]
        if part.reason:
            lines.append(f"  kept: {part.reason}")
    lines.append(console.RULE)
    if fit.profile is None or path is None:
        return [*lines, "nothing written: no part of the profile foretells the days held back better"]
    return [
        *lines,
        console.facing(f"profile {fit.profile.name}", str(path)),
        f"use it    seatrial run SCENARIO --profile {path}",
    ]


def _verdict(part: Part) -> str:
    if part.gain is None:
        return "not fitted"
    gain = f"{part.gain.value:+.3f} log likelihood an order"
    return f"{'taken' if not part.reason else 'kept as it was'}, {gain}"
