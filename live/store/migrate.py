"""The schema's revisions: bringing a database to the one that this version of the code was written for, and checking.

A process that trades never migrates by itself. It refuses a database of another revision, because a migration is an
act that wants a backup before it and nobody writing meanwhile.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from core.errors import InputError
from live.store.database import shown, writing
from live.store.models import Base

SCRIPTS = Path(__file__).resolve().parents[2] / "migrations"


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the database up to a revision; nothing happens when it is there. All or nothing, on both databases.

    Raises InputError for a database of a newer version.
    """
    if not _known(current(engine)):
        check(engine)
    _run(engine, revision, up=True)


def downgrade(engine: Engine, revision: str) -> None:
    """Take the database back to an earlier revision, `base` being none; what that revision lacks is lost."""
    _run(engine, revision, up=False)


def head() -> str:
    """The revision that this code needs."""
    revision = ScriptDirectory(str(SCRIPTS)).get_current_head()
    assert revision is not None
    return revision


def current(engine: Engine) -> str | None:
    """The revision of the database; None when it has none."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def check(engine: Engine) -> None:
    """Raise InputError unless the database is at the revision that this code needs."""
    found, needed = current(engine), head()
    if found == needed:
        return
    state = "has no tables yet" if found is None else f"is at revision {found}"
    remedy = "Run `seatrial db upgrade`." if _known(found) else "It was written by a newer version: use that one."
    raise InputError(shown(engine.url), f"{state}, and this version needs {needed}", remedy)


def _known(revision: str | None) -> bool:
    """Whether a database's revision is one of ours; one without any is about to be."""
    return revision is None or any(s.revision == revision for s in ScriptDirectory(str(SCRIPTS)).walk_revisions())


def differences(engine: Engine) -> list[str]:
    """How the tables differ from what the code says, in alembic's words; empty when they do not."""
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return [str(difference) for difference in compare_metadata(context, Base.metadata)]


def _run(engine: Engine, revision: str, up: bool) -> None:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    with writing(engine) as connection:
        config.attributes["connection"] = connection
        (command.upgrade if up else command.downgrade)(config, revision)
