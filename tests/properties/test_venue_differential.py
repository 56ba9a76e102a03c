"""The compiled venue and its twin agree on every execution, all news, every order's end and the books, over random days.

`SEATRIAL_VENUE_SEEDS` sets the dose: three days of one symbol each, with up to forty orders a day.
"""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from tests.doses import dose
from tests.twin import venue_days
from tests.twin.venue_days import EVERYTHING

SEEDS = dose(1_000, 20_000, "SEATRIAL_VENUE_SEEDS")
SEEDS_A_TASK = 20
FOUND = (2118, 4534, 15279)  # by the night's dose


@pytest.mark.timeout(0)
def test_the_venue_and_its_twin_agree_and_everything_is_reached() -> None:
    """One difference fails with its seed, what differs and both values; no rule, end or refusal is left out."""
    marks = venue_days.run(0)  # compiles once, before the workers load it
    for seed in FOUND:
        venue_days.run(seed)
    tasks = range(0, SEEDS, SEEDS_A_TASK)
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn")) as pool:
        for reached in pool.map(venue_days.many, tasks, [SEEDS_A_TASK] * len(tasks)):
            marks |= reached
    assert EVERYTHING - marks == set()
