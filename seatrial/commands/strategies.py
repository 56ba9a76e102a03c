"""seatrial screen and seatrial check-strategy: before a strategy is worth a scenario."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.statistics.missing import NotMeasured
from seatrial import console
from seatrial.options import Bars, Json, Parameters, assignments, bundled_bars, examples, grid

if TYPE_CHECKING:
    import pandas as pd

    from core.statistics.overfitting import Overfitting

SHOWN = 10
Spec = Annotated[str, typer.Argument(metavar="SPEC", help="package.module:Class, installed or in this folder.")]

SCREEN_EXAMPLES = examples(
    "seatrial screen core.strategies.breakout:Breakout --grid lookback=20,40,60",
    "seatrial screen pullback:Pullback --grid length=30,60 --grid dip=1.0,1.5",
    "seatrial screen pullback:Pullback --grid length=30,60 --out screen.html",
)
CHECK_EXAMPLES = examples(
    "seatrial check-strategy core.strategies.breakout:Breakout",
    "seatrial check-strategy pullback:Pullback --set length=90 --bars minutes",
)


def screen(
    spec: Spec,
    tried: Annotated[
        list[str],
        typer.Option("--grid", metavar="KEY=V,V,…", help="Values of a parameter; may be given several times."),
    ],
    bars: Bars = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Report to write, an HTML file.")] = None,
    slippage_bps: Annotated[float, typer.Option(min=0.0, help="Slippage and half the spread, a side.")] = 1.0,
    fee_bps: Annotated[float, typer.Option(min=0.0, help="Fees, a side.")] = 0.0,
    as_json: Json = False,
) -> None:
    """Try every combination of parameters at once, by vectorbt.

    Finds a region of parameters that is worth a scenario: each setting is traded plainly, without risk agent, buying
    power or latency. The deflated Sharpe ratio says how likely the best one is more than the luckiest of so many, the
    probability of overfitting how often the best of one half of the sessions is no better than any on the other.
    """
    values = grid(tried)
    from core.datasets import Dataset
    from reports.screen import write_screen_report
    from sim.research import Costs
    from sim.research import screen as play

    dataset = Dataset.open(bars if bars is not None else bundled_bars())
    console.say("loading vectorbt…", quiet=as_json)
    frame, overfitting = play(spec, values, dataset, Costs(slippage_bps, fee_bps))
    if out is not None:
        write_screen_report(frame, overfitting, out, f"Parameter screen of {spec.partition(':')[2]}")
    ranked = frame.sort_values("sharpe", ascending=False, kind="stable", na_position="last")
    if as_json:
        settings = ranked.to_dict("records")
        chosen = {"overfitting": _chosen(overfitting), "out": None if out is None else str(out)}
        console.show_json({"settings": settings, **chosen})
    else:
        console.show(*_ranking(ranked, list(values)), _told(overfitting))
        console.show(*([f"report  {out}"] if out is not None else []))


def check_strategy(spec: Spec, bars: Bars = None, parameters: Parameters = None, as_json: Json = False) -> None:
    """Prove by experiment that a strategy keeps its contract.

    Cuts off and alters the future (no earlier signal may change), gives it exactly its warm-up (signals must be the
    same), calls it twice (the same bits), and looks at every value.

    Exit code: 0 every promise kept, 1 one is broken, 2 the strategy or the data cannot be used.
    """
    values = assignments(parameters, "--set", float)
    from core.bars import Bars as Grid
    from core.datasets import Dataset
    from core.strategies.check import check
    from core.strategies.loading import load

    strategy = load(spec, values, spec)
    blocks = Dataset.open(bars if bars is not None else bundled_bars()).blocks()
    report = check(strategy, Grid.concat([block.bars for block in blocks]))
    if as_json:
        console.show_json({"passed": report.passed, **asdict(report)})
    else:
        console.show(str(report))
    raise typer.Exit(0 if report.passed else 1)


def _chosen(found: Overfitting | NotMeasured) -> dict[str, Any]:
    """The probability of overfitting for programs; null, with the reason, where there is too little."""
    if isinstance(found, NotMeasured):
        return {"probability": None, "reason": str(found)}
    names = ["probability", "loss", "trials", "sessions", "blocks", "ways"]
    return {name: getattr(found, name) for name in names}


def _told(found: Overfitting | NotMeasured) -> str:
    if isinstance(found, NotMeasured):
        return f"probability of overfitting: {found}"
    ways = f"{found.ways:,} ways of halving {found.sessions:,} sessions in {found.blocks} blocks"
    return f"probability of overfitting {found.probability:.0%}, from {ways}"


def _ranking(ranked: pd.DataFrame, parameters: list[str]) -> list[str]:
    """The best settings as a ruled table."""
    from reports import formats

    looks: dict[str, Any] = {
        "sharpe": formats.factor,
        "total_return": formats.percent,
        "max_drawdown": formats.percent,
        "trades": formats.count,
        "hit_rate": formats.share,
        "deflated_sharpe": formats.share,
    }
    names = [*parameters, *looks]
    rows = [
        [looks[name](setting[name]) if name in looks else str(setting[name]) for name in names]
        for setting in ranked.head(SHOWN).to_dict("records")
    ]
    widths = [max(map(len, column)) + 2 for column in zip(names, *rows, strict=True)]
    lines = ["".join(text.rjust(width) for text, width in zip(row, widths, strict=True)) for row in (names, *rows)]
    lines.insert(1, "─" * sum(widths))
    return [*lines, f"{len(ranked)} settings, the first {len(rows)} shown"]
