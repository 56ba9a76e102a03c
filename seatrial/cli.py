"""The command line: one word, one command, and one way to say what went wrong.

Exit codes are the same everywhere: 0 done and passed, 1 done and something did not hold, 2 the input cannot be
used, 130 interrupted, 70 a defect of seatrial itself. An error is one line on stderr, or one object with
`--json`; a traceback appears with SEATRIAL_DEBUG=1 only.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from core.errors import InputError
from seatrial import console
from seatrial.commands import (
    calibrate,
    compare,
    db,
    doctor,
    operate,
    paper,
    rehearse,
    replay,
    report,
    run,
    scenarios,
    serve,
    strategies,
    sweep,
    synth,
)
from seatrial.failures import explained
from seatrial.options import examples

INTERRUPTED = 130

app = typer.Typer(
    name="seatrial",
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    # A default for the flag spares `seatrial run --help` the coercion of "not given", which would import pydantic.
    context_settings={"help_option_names": ["-h", "--help"], "default_map": {"help": False}},
    epilog=examples(
        "seatrial run breakout-4w       four weeks of one strategy, in seconds",
        "seatrial scenarios             what else is there",
        "seatrial run --help            and so for every command",
    ),
)
app.command("run", epilog=run.EXAMPLES)(run.run)
app.command("scenarios", epilog=scenarios.EXAMPLES)(scenarios.scenarios)
app.command("rehearse", epilog=rehearse.EXAMPLES)(rehearse.rehearse)
app.command("serve", epilog=serve.EXAMPLES)(serve.serve)
app.command("paper", epilog=paper.EXAMPLES)(paper.paper)
app.command("replay", epilog=replay.EXAMPLES)(replay.replay)
app.command("compare", epilog=compare.EXAMPLES)(compare.compare)
app.command("report", epilog=report.EXAMPLES)(report.report)
app.command("calibrate", epilog=calibrate.EXAMPLES)(calibrate.calibrate)
app.command("screen", epilog=strategies.SCREEN_EXAMPLES)(strategies.screen)
app.command("check-strategy", epilog=strategies.CHECK_EXAMPLES)(strategies.check_strategy)
app.command("sweep", epilog=sweep.EXAMPLES)(sweep.sweep)
app.command("synth", epilog=synth.EXAMPLES)(synth.synth)
app.command("doctor", epilog=doctor.EXAMPLES)(doctor.doctor)
app.command("status", epilog=operate.STATUS_EXAMPLES)(operate.status)
app.command("mode", epilog=operate.MODE_EXAMPLES)(operate.mode)
app.command("flatten", epilog=operate.FLATTEN_EXAMPLES)(operate.flatten)
app.command("cancel", epilog=operate.CANCEL_EXAMPLES)(operate.cancel)
app.command("adopt", epilog=operate.ADOPT_EXAMPLES)(operate.adopt)
app.add_typer(operate.breaker_app)
app.add_typer(db.app)


@app.callback(invoke_without_command=True)
def front(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    """Sea trials for trading systems.

    One deterministic risk and order engine meets recorded or made weather before it meets a market: simulate, judge,
    make it again, and read why every share was or was not traded.
    """
    if version:
        from importlib.metadata import version as version_of

        console.show(f"seatrial {version_of('seatrial')}")
    elif context.invoked_subcommand is None:
        console.show(context.get_help())


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command and leave with its exit code."""
    gc.set_threshold(10_000)  # by default it looks after every 700 new objects; imports alone make 100,000 that stay
    if sys.platform == "linux":
        os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "jemalloc")  # gives back what it no longer needs
        os.environ.setdefault("JE_ARROW_MALLOC_CONF", "dirty_decay_ms:200,muzzy_decay_ms:0")  # and soon
    words = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in words
    try:
        code = app(words, prog_name="seatrial", standalone_mode=False) or 0
    except Exception as failure:
        if os.environ.get("SEATRIAL_DEBUG") == "1":
            import traceback

            traceback.print_exc()
        error, code = explained(failure)
        console.show_error(error, as_json)
    if code == INTERRUPTED:
        console.show_error(
            InputError("seatrial", "interrupted", "Start it again; no folder is left half-written."), as_json
        )
    sys.exit(code)
