"""What the inbox says of a thing that comes again: the same, another name for it, or something else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, text

from live.clock import VirtualClock
from live.store.database import open_engine
from live.store.inbox import Claim, Known, claim, free_place
from tests.live.story import OPENING, open_host


@pytest.fixture
def connection(url: str) -> Iterator[Connection]:
    open_host(url, VirtualClock(OPENING)).close()
    engine = open_engine(url)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


FIRST = Claim("execution:a", "7:50", 1, OPENING)


def test_the_same_again(connection: Connection):
    assert claim(connection, 1, [FIRST]) == [Known.NEW]
    assert claim(connection, 1, [FIRST]) == [Known.SAME]


def test_the_same_twice_at_once(connection: Connection):
    assert claim(connection, 1, [FIRST, FIRST]) == [Known.NEW, Known.SAME]


def test_one_fill_under_two_names(connection: Connection):
    claim(connection, 1, [FIRST])
    other = Claim("execution:b", "7:50", 1, OPENING)
    assert claim(connection, 1, [other]) == [Known.OTHER_NAME]
    assert claim(connection, 1, [other]) == [Known.SAME], "the name is remembered"
    same_as = connection.execute(text("SELECT same_as FROM inbox WHERE identity = 'execution:b'")).scalar_one()
    assert same_as == "execution:a"


@pytest.mark.parametrize("identity", ["execution:a", "execution:b"])
def test_a_contradiction(connection: Connection, identity: str):
    claim(connection, 1, [FIRST])
    assert claim(connection, 1, [Claim(identity, "7:50", 2, OPENING)]) == [Known.CONTRADICTION]


def test_a_place_that_was_taken_back_is_free_again(connection: Connection):
    claim(connection, 1, [FIRST])
    free_place(connection, 1, "execution:a")
    assert claim(connection, 1, [Claim("execution:c", "7:50", 1, OPENING)]) == [Known.NEW]
    assert claim(connection, 1, [FIRST]) == [Known.SAME], "its name is not forgotten"


def test_many_at_once(connection: Connection):
    claims = [Claim(f"execution:{i}", f"{i}:1", i, OPENING) for i in range(300)]
    assert claim(connection, 1, claims) == [Known.NEW] * 300
    again = claim(connection, 1, claims[::-1])
    assert again == [Known.SAME] * 300
