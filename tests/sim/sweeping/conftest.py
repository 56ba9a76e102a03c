"""Three sessions of the bundled data: two for faults, one for the calm."""

from __future__ import annotations

import datetime

import pytest

from core.config import load_settings
from sim.sweeping.memory import Memory

SHORT = {"data.start": datetime.date(2025, 11, 10), "data.end": datetime.date(2025, 11, 12)}


@pytest.fixture(scope="session")
def short():
    return load_settings("breakout-4w", SHORT)


@pytest.fixture(scope="session")
def memory(short):
    return Memory(short)
