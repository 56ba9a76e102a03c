"""The token bucket keeps to its rate, and backoff spreads."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from core.kernel.units import MINUTE, SECOND
from live.pacing import Backoff, TokenBucket


@given(st.integers(1, 300), st.integers(1, 30), st.lists(st.integers(0, 3 * SECOND), max_size=60))
def test_no_minute_sees_more_than_the_burst_and_the_rate(per_minute, burst, pauses):
    burst = min(burst, per_minute)
    bucket, now, taken = TokenBucket(per_minute, burst, 0), 0, []
    for pause in pauses:
        now += pause
        now += bucket.wait(now)
        bucket.take(now)
        taken.append(now)
    for start in taken:
        assert sum(start <= time < start + MINUTE for time in taken) <= burst + per_minute


def test_the_reserve_is_kept_and_time_brings_it_back():
    bucket = TokenBucket(60, 5, 0)
    for _ in range(3):
        assert bucket.wait(0, reserve=2) == 0
        bucket.take(0)
    assert bucket.wait(0, reserve=2) == SECOND
    assert bucket.wait(0) == 0
    assert bucket.wait(SECOND, reserve=2) == 0


def test_a_closed_bucket_opens_at_its_time():
    bucket = TokenBucket(60, 5, 0)
    bucket.close(7 * SECOND)
    assert bucket.wait(SECOND) == 6 * SECOND
    bucket.close(3 * SECOND)
    assert bucket.wait(SECOND) == 6 * SECOND


def test_backoff_is_drawn_from_the_whole_range_up_to_its_cap():
    backoff = Backoff(7, base=SECOND, cap=8 * SECOND)
    for attempt, bound in ((0, SECOND), (2, 4 * SECOND), (9, 8 * SECOND), (500, 8 * SECOND)):
        draws = [backoff.delay(attempt) for _ in range(400)]
        assert 0 <= min(draws) < bound // 10
        assert bound * 9 // 10 < max(draws) <= bound
    assert [Backoff(7).delay(3) for _ in range(3)] == [Backoff(7).delay(3)] * 3
