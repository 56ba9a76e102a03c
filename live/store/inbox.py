"""The inbox: what has been taken in already, by the identities that the world gives to things.

An execution reaches us through the stream, through the broker's list of activities, and again after every reconnection.
It is counted once because its identity is inserted in the very transaction that books it: `ON CONFLICT DO NOTHING
RETURNING` names the identities that were new, and the database, not our memory, decides. An execution has a second
identity, its *place*: the order and the cumulative quantity after it, for two sources may give one fill two names.

Of what was known already there are three kinds. The same again is dropped. The same fill under another name is dropped
and the name remembered. The same name with another content is a contradiction, which only the engine may judge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from sqlalchemy import Connection, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from live.store.models import Inbox


class Known(Enum):
    """What the inbox says about a claim."""

    NEW = "new"
    SAME = "same"
    OTHER_NAME = "other name"
    CONTRADICTION = "contradiction"


@dataclass(frozen=True, slots=True)
class Claim:
    """One identity to be taken in; `content` is a hash of what is said, `received` ns UTC."""

    identity: str
    place: str | None
    content: int
    received: int


def claim(connection: Connection, run: int, claims: Sequence[Claim]) -> list[Known]:
    """Take in what is new and say of each claim what it is; of equal ones among the claims the first is the new one."""
    if not claims:
        return []
    fresh = _insert(connection, run, claims)
    answers = []
    for item in claims:
        if item.identity in fresh:
            fresh.remove(item.identity)
            answers.append(Known.NEW)
        else:
            answers.append(_judge(connection, run, item))
    return answers


def free_place(connection: Connection, run: int, identity: str) -> None:
    """Free the place of an execution that the broker took back: another may come to stand there."""
    connection.execute(update(Inbox).where(Inbox.run == run, Inbox.identity == identity).values(place=None))


def _insert(connection: Connection, run: int, claims: Sequence[Claim]) -> set[str]:
    """Insert the claims, of equal identities the first; returns the identities that were new."""
    first = {item.identity: item for item in reversed(claims)}
    rows = [
        {
            "run": run,
            "identity": item.identity,
            "place": item.place,
            "content": item.content,
            "same_as": None,
            "received": item.received,
        }
        for item in reversed(first.values())
    ]
    insert = (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(Inbox)
    inserted = connection.execute(insert.on_conflict_do_nothing().returning(Inbox.identity), rows)
    return set(inserted.scalars())


def _judge(connection: Connection, run: int, item: Claim) -> Known:
    """What a claim is that was not new; another name of a known fill is remembered."""
    same = (
        or_(Inbox.identity == item.identity, Inbox.place == item.place)
        if item.place
        else Inbox.identity == item.identity
    )
    known = connection.execute(select(Inbox.identity, Inbox.content, Inbox.same_as).where(Inbox.run == run, same)).all()
    by_name = [row for row in known if row.identity == item.identity]
    row = by_name[0] if by_name else known[0]
    if row.content != item.content:
        return Known.CONTRADICTION
    if by_name:
        return Known.SAME
    alias = {"run": run, "identity": item.identity, "place": None, "content": item.content, "same_as": row.identity}
    connection.execute(Inbox.__table__.insert().values(**alias, received=item.received))  # type: ignore[attr-defined]
    return Known.OTHER_NAME
