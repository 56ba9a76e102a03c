"""Waiting: on a virtual clock every wait ends at its moment and in its order, and nothing moves while anyone works."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable

import pytest

from core.kernel.units import SECOND
from live.clock import VirtualClock
from live.pace import Pace, RealPace, VirtualPace

START = 1_000 * SECOND
Told = list[tuple[str, int]]


class Owner:
    """Whoever moves the clock: to the next moment at which anybody goes on, again and again."""

    def __init__(self) -> None:
        self.clock = VirtualClock(START)
        self.pace = VirtualPace(self.clock)
        self.told: Told = []

    def tell(self, word: str) -> None:
        self.told.append((word, (self.clock.now() - START) // SECOND))

    async def play(self, until: int) -> None:
        await self.pace.settle()
        while (due := self.pace.next_due) is not None and due <= START + until * SECOND:
            self.clock.move(due)
            self.pace.moved()
            await self.pace.settle()


def played(loops: Callable[[Owner, asyncio.TaskGroup], list[Awaitable[None]]], until: int) -> Told:
    """What was told by `until` seconds by some loops that go on for ever."""

    async def story() -> Told:
        owner = Owner()
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(loop) for loop in loops(owner, group)]  # type: ignore[arg-type]
            await asyncio.sleep(0)
            await owner.play(until)
            for task in tasks:
                task.cancel()
        return owner.told

    return asyncio.run(asyncio.wait_for(story(), 60))


def test_each_loop_wakes_at_its_own_moments_and_they_take_turns():
    def loops(owner: Owner, _group: asyncio.TaskGroup) -> list[Awaitable[None]]:
        async def loop(name: str, every: int) -> None:
            with owner.pace.busy():
                while True:
                    await owner.pace.sleep(every * SECOND)
                    owner.tell(name)

        return [loop("two", 2), loop("three", 3)]

    expected = [("two", 2), ("three", 3), ("two", 4), ("two", 6), ("three", 6), ("two", 8)]
    assert sorted(played(loops, 8)) == sorted(expected)
    assert played(loops, 8) == played(loops, 8), "the same turns every time"


def test_a_wait_ends_with_its_event_or_with_its_time():
    def loops(owner: Owner, _group: asyncio.TaskGroup) -> list[Awaitable[None]]:
        news = asyncio.Event()

        async def waits() -> None:
            with owner.pace.busy():
                for _ in range(3):
                    came = await owner.pace.wait(news, 5 * SECOND)
                    owner.tell("news" if came else "time")
                    news.clear()
                await owner.pace.wait(asyncio.Event(), None)

        async def tells() -> None:
            with owner.pace.busy():
                await owner.pace.sleep(2 * SECOND)
                news.set()
                await owner.pace.wait(asyncio.Event(), None)

        return [waits(), tells()]

    assert played(loops, 60) == [("news", 2), ("time", 7), ("time", 12)]


def test_time_stands_still_while_a_thread_works():
    def loops(owner: Owner, group: asyncio.TaskGroup) -> list[Awaitable[None]]:
        started, released = threading.Event(), threading.Event()

        def request() -> None:
            started.set()
            assert released.wait(30)

        async def answer() -> None:
            await asyncio.to_thread(request)
            owner.tell("answered")

        async def asks() -> None:
            with owner.pace.busy():
                await owner.pace.sleep(SECOND)
                owner.pace.spawn(group, answer())
                await asyncio.to_thread(started.wait, 30)
                asyncio.get_running_loop().call_soon(released.set)
                await owner.pace.sleep(SECOND)
                owner.tell("went on")
                await owner.pace.wait(asyncio.Event(), None)

        return [asks()]

    assert played(loops, 60) == [("answered", 1), ("went on", 2)]


def test_a_wait_for_what_comes_from_outside_holds_nothing_up():
    def loops(owner: Owner, _group: asyncio.TaskGroup) -> list[Awaitable[None]]:
        async def listens() -> None:
            with owner.pace.busy(), owner.pace.resting():
                await asyncio.Event().wait()

        async def ticks() -> None:
            with owner.pace.busy():
                await owner.pace.sleep(SECOND)
                owner.tell("tick")
                await owner.pace.wait(asyncio.Event(), None)

        return [listens(), ticks()]

    assert played(loops, 60) == [("tick", 1)]


def test_a_time_that_has_passed_is_not_waited_for():
    async def story() -> bool:
        owner = Owner()
        with owner.pace.busy():
            await owner.pace.sleep(-SECOND)
            return await owner.pace.wait(asyncio.Event(), 0)

    assert asyncio.run(asyncio.wait_for(story(), 60)) is False


@pytest.mark.parametrize("speed", [1.0, 1e6])
def test_real_time_may_go_faster(speed: float):
    """At a million times the speed an hour is over at once; a wait that ignored it would not end in time."""
    pace: Pace = RealPace(speed)

    async def story() -> tuple[bool, bool]:
        news = asyncio.Event()
        late = await pace.wait(news, int(0.001 * SECOND * speed))
        await pace.sleep(int(0.001 * SECOND * speed))
        news.set()
        return late, await pace.wait(news, None)

    assert asyncio.run(asyncio.wait_for(story(), 60)) == (False, True)
