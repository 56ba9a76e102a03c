"""seatrial doctor: whether this installation is fit to run, one line a question."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

import typer

from core.errors import InputError
from seatrial import console
from seatrial.options import Json, examples

EXAMPLES = examples("seatrial doctor", "seatrial doctor --json | jq .ok")

PACKAGES = ("numpy", "numba", "pandas", "pyarrow", "vectorbt")
REACH = 60  # days of calendar ahead below which it is time to update

State = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found about `subject`; only `fail` keeps seatrial from running."""

    subject: str
    state: State
    text: str


def doctor(as_json: Json = False) -> None:
    """See whether this installation is fit to run.

    Looks at versions, calendar, compiled engine and data, and whether runs can be written.

    Exit code: 0 fit to run, perhaps with warnings; 1 something is missing.
    """
    today = datetime.now(UTC).date()
    questions: tuple[Callable[[], Answer], ...] = (
        _version,
        _python,
        _packages,
        lambda: _calendar(today),
        _kernels,
        _data,
        lambda: _runs(Path("runs")),
    )
    answers = [question() for question in questions]
    fit = all(answer.state != "fail" for answer in answers)
    if as_json:
        console.show_json({"ok": fit, "checks": [asdict(answer) for answer in answers]})
    else:
        console.show(*(f"{answer.state:5}{answer.subject:10}{answer.text}" for answer in answers))
    raise typer.Exit(0 if fit else 1)


def _version() -> Answer:
    from importlib.metadata import version

    return Answer("seatrial", "ok", version("seatrial"))


def _python() -> Answer:
    import platform
    from importlib.metadata import metadata

    wanted = metadata("seatrial")["Requires-Python"]
    return Answer("python", "ok", f"{platform.python_version()} ({wanted}), {platform.machine()}, {sys.platform}")


def _packages() -> Answer:
    from importlib.metadata import PackageNotFoundError, version

    found, missing = [], []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        return Answer("packages", "fail", f"not installed: {', '.join(missing)}; install seatrial again")
    return Answer("packages", "ok", ", ".join(found))


def _calendar(today: date) -> Answer:
    from importlib.metadata import version

    from core.calendar import kept_until

    package = f"exchange_calendars {version('exchange_calendars')}"
    last = kept_until()
    if last is None:
        return Answer("calendar", "warn", f"not built yet from {package}; the first run does it, in a second")
    ahead = (last - today).days
    if ahead < REACH:
        return Answer("calendar", "warn", f"ends on {last}, {ahead} days from now; update exchange_calendars")
    return Answer("calendar", "ok", f"XNYS until {last}, from {package}")


def _kernels() -> Answer:
    from core.kernel.compiled import CACHE
    from seatrial.engine import compiled

    if compiled():
        return Answer("engine", "ok", f"compiled, in {CACHE}")
    problem = _unwritable(CACHE)
    if problem:
        return Answer("engine", "warn", f"{CACHE} cannot be written ({problem}): every run will compile anew")
    return Answer("engine", "warn", f"not compiled yet: the first run takes up to a minute more; into {CACHE}")


def _data() -> Answer:
    from core.datasets.manifest import NAME, read_manifest
    from seatrial.options import bundled_bars

    found = []
    for path in sorted(bundled_bars().parent.glob(f"*/{NAME}")):
        try:
            manifest, _ = read_manifest(path.parent)
        except InputError as error:
            return Answer("data", "fail", str(error))
        first, last = manifest.files[0].session, manifest.files[-1].session
        found.append(f"{path.parent.name}: {len(manifest.symbols)} symbols from {first} to {last}")
    if not found:
        return Answer("data", "fail", f"there is no dataset in {bundled_bars().parent}; install seatrial again")
    return Answer("data", "ok", "; ".join(found))


def _runs(folder: Path) -> Answer:
    problem = _unwritable(folder)
    if problem:
        return Answer("runs", "fail", f"{folder} cannot be written ({problem}); change the folder, or give --out")
    return Answer("runs", "ok", f"./{folder} can be written")


def _unwritable(folder: Path) -> str:
    """Why nothing can be written to a folder, or where it would be made; empty when it can."""
    import tempfile

    place = next((place for place in (folder, *folder.parents) if place.exists()), Path())
    try:
        with tempfile.TemporaryFile(dir=place):
            return ""
    except OSError as error:
        return (error.strerror or str(error)).lower()
