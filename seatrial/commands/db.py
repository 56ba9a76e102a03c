"""seatrial db: the database that a live trader writes to."""

from __future__ import annotations

from typing import Annotated

import typer

from seatrial import console
from seatrial.options import Json, examples

UPGRADE_EXAMPLES = examples(
    "seatrial db upgrade",
    "seatrial db upgrade --database-url postgresql://trader@db.example.com/seatrial",
)
CHECK_EXAMPLES = examples("seatrial db check", "seatrial db check --replay --json | jq .ok")

Url = Annotated[
    str,
    typer.Option(
        "--database-url",
        metavar="URL",
        envvar="SEATRIAL_DATABASE_URL",
        help="sqlite:///FILE or postgresql://USER@HOST/DATABASE; keep a password in the variable, not here.",
    ),
]
DEFAULT = "sqlite:///seatrial.db"

app = typer.Typer(name="db", help="The database of the live trader.", no_args_is_help=True)


@app.command("upgrade", epilog=UPGRADE_EXAMPLES)
def upgrade(database_url: Url = DEFAULT, as_json: Json = False) -> None:
    """Bring the database to the schema of this version; a SQLite file is made if there is none.

    Stop the trader and make a backup first. All or nothing: after an error the schema is what it was.
    """
    from live.store import migrate
    from live.store.database import open_engine, shown

    engine = open_engine(database_url)
    before = migrate.current(engine)
    migrate.upgrade(engine)
    after = migrate.head()
    if as_json:
        console.show_json({"database": shown(engine.url), "before": before, "after": after})
    elif before == after:
        console.show(f"{shown(engine.url)} is at revision {after} already")
    else:
        console.show(f"{shown(engine.url)}: revision {before or 'none'} → {after}")


@app.command("check", epilog=CHECK_EXAMPLES)
def check(
    database_url: Url = DEFAULT,
    replay: Annotated[bool, typer.Option("--replay", help="Let the engine decide every event again, too.")] = False,
    as_json: Json = False,
) -> None:
    """See whether schema and journals are sound: revision, tables, and the chain of hashes of every run.

    Exit code: 0 sound; 1 tables differ from the schema; 2 another revision, or a damaged journal, which is named.
    """
    from live import recovery
    from live.store import journal, migrate, runs
    from live.store.database import open_engine, shown

    engine = open_engine(database_url, create=False)
    migrate.check(engine)
    differences = migrate.differences(engine)
    found = []
    with engine.connect() as connection:
        for number, name in runs.every(connection):
            events = journal.verify(connection, number)
            if replay:
                recovery.audit(connection, number)
            found.append({"run": name, "events": events, "replayed": replay})
    if as_json:
        console.show_json({"ok": not differences, "differences": differences, "runs": found})
    else:
        how = "replayed" if replay else "hashes agree"
        lines = [f"{entry['run']}: {entry['events']} events, {how}" for entry in found] or ["no runs yet"]
        console.show(f"{shown(engine.url)} is at revision {migrate.head()}", *differences, *lines)
    raise typer.Exit(1 if differences else 0)
