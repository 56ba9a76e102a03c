"""Desks for the tests of the engine."""

from __future__ import annotations

import pytest

from tests.kernel.desk import Desk, OpenDesk


@pytest.fixture
def open_desk() -> OpenDesk:
    """Makes desks with a configuration of their own: `open_desk(max_drawdown=NANO // 10)`."""
    return Desk


@pytest.fixture
def desk() -> Desk:
    """A live desk in its first regular session, $100,000 in cash, two symbols without a price yet."""
    return Desk()
