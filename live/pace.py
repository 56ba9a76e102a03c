"""How whatever waits does so: on the machine's time, or on a virtual one that its owner moves.

Loops of the live side never sleep by themselves; they ask a `Pace`. On paper that is asyncio's own time. In a rehearsal
time stands still while anything is being done, and jumps to the next moment when everything rests. For that the pace
has to know who is at work: each loop and each call runs inside `busy`, gives way while it waits, and the owner of the
clock asks `settle` to come back when nobody has anything left to do at this moment. A request to a broker takes no
virtual time; real time passes, and nothing else moves meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import Any, Protocol

from core.kernel.units import SECOND
from live.clock import VirtualClock


class Pace(Protocol):
    """Waiting, in nanoseconds."""

    async def sleep(self, nanos: int) -> None:
        """Wait so long."""

    async def wait(self, event: asyncio.Event, nanos: int | None) -> bool:
        """Wait for an event, so long at most, None without end; returns whether it came."""

    def busy(self) -> AbstractContextManager[None]:
        """Around a loop, but for its waits."""

    def resting(self) -> AbstractContextManager[None]:
        """Within `busy`: waiting for what comes from outside."""

    def spawn(self, group: asyncio.TaskGroup, work: Coroutine[Any, Any, None]) -> None:
        """Begin a task that is at work from this moment on."""


class Turn:
    """One at a time: `async with turn`. Whoever waits for it rests."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._free = asyncio.Event()
        self._free.set()

    async def __aenter__(self) -> None:
        while not self._free.is_set():
            await self._pace.wait(self._free, None)
        self._free.clear()

    async def __aexit__(self, *_error: object) -> None:
        self._free.set()


class RealPace:
    """The machine's time, or one that goes `speed` times as fast."""

    def __init__(self, speed: float = 1.0) -> None:
        self._second = SECOND * speed

    async def sleep(self, nanos: int) -> None:
        """Wait so long."""
        await asyncio.sleep(nanos / self._second)

    async def wait(self, event: asyncio.Event, nanos: int | None) -> bool:
        """Wait for an event, so long at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(None if nanos is None else nanos / self._second):
                await event.wait()
        return event.is_set()

    def busy(self) -> AbstractContextManager[None]:
        """Nobody asks."""
        return nullcontext()

    def resting(self) -> AbstractContextManager[None]:
        """Nobody asks."""
        return nullcontext()

    def spawn(self, group: asyncio.TaskGroup, work: Coroutine[Any, Any, None]) -> None:
        """Begin a task."""
        group.create_task(work)


@dataclass(slots=True, eq=False)
class _Waiter:
    due: int | None
    event: asyncio.Event | None
    woken: asyncio.Event

    def ready(self) -> bool:
        return self.woken.is_set() or (self.event is not None and self.event.is_set())


class VirtualPace:
    """The time of a virtual clock. Its owner moves the clock and calls `moved`."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._active = 0
        self._waiters: list[_Waiter] = []
        self._changed = asyncio.Event()

    async def sleep(self, nanos: int) -> None:
        """Wait so long."""
        await self._pause(_Waiter(self._clock.monotonic() + max(nanos, 0), None, asyncio.Event()))

    async def wait(self, event: asyncio.Event, nanos: int | None) -> bool:
        """Wait for an event, so long at most."""
        due = None if nanos is None else self._clock.monotonic() + max(nanos, 0)
        await self._pause(_Waiter(due, event, asyncio.Event()))
        return event.is_set()

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Around a loop, but for its waits."""
        self._active += 1
        try:
            yield
        finally:
            self._active -= 1
            self._changed.set()

    @contextmanager
    def resting(self) -> Iterator[None]:
        """Within `busy`: waiting for what comes from outside."""
        self._active -= 1
        self._changed.set()
        try:
            yield
        finally:
            self._active += 1

    def spawn(self, group: asyncio.TaskGroup, work: Coroutine[Any, Any, None]) -> None:
        """Begin a task that is at work from this moment on."""
        task = group.create_task(work)
        self._active += 1
        task.add_done_callback(self._ended)

    @property
    def next_due(self) -> int | None:
        """When the first of those who wait goes on, if nothing happens before."""
        return min((waiter.due for waiter in self._waiters if waiter.due is not None), default=None)

    def moved(self) -> None:
        """The clock has been moved: wake those whose time has come."""
        now = self._clock.monotonic()
        for waiter in self._waiters:
            if waiter.due is not None and waiter.due <= now:
                waiter.woken.set()

    async def settle(self) -> None:
        """Come back when nobody has anything left to do at this moment."""
        while True:
            self._changed.clear()
            if any(waiter.ready() for waiter in self._waiters):
                await asyncio.sleep(0)
            elif self._active:
                await self._changed.wait()
            else:
                return

    def _ended(self, _task: object) -> None:
        self._active -= 1
        self._changed.set()

    async def _pause(self, waiter: _Waiter) -> None:
        if waiter.due is not None and waiter.due <= self._clock.monotonic():
            waiter.woken.set()
        self._waiters.append(waiter)
        try:
            with self.resting():
                await self._either(waiter)
        finally:
            self._waiters.remove(waiter)

    async def _either(self, waiter: _Waiter) -> None:
        if waiter.ready():
            await asyncio.sleep(0)
            return
        waits = [asyncio.ensure_future(waiter.woken.wait())]
        if waiter.event is not None:
            waits.append(asyncio.ensure_future(waiter.event.wait()))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()


def first_of(error: BaseException) -> BaseException:
    """What ended a group of tasks: of several errors the first, and none of the cancellations that follow from it."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    found = [first_of(inner) for inner in error.exceptions]
    return next((inner for inner in found if not isinstance(inner, asyncio.CancelledError)), found[0])
