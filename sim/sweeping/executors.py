"""Who does the work: processes of this machine, or a dask cluster. Both are executors of the standard library's kind.

Never more than a few jobs a worker are under way, so memory does not grow with the number of seeds. A process of the
pool that dies takes the others' work with it; what was under way is then done again, seed by seed and each in a
process of its own, until it is known which seed it was.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any, TypeVar

from core.errors import InputError

T = TypeVar("T")
R = TypeVar("R")
AHEAD = 3  # jobs under way for each worker
CONNECT = "10s"


@contextmanager
def processes(workers: int | None = None) -> Iterator[Executor]:
    """A pool of fresh processes, by default one a core."""
    pool = ProcessPoolExecutor(workers or os.cpu_count() or 1, mp_context=get_context("spawn"))
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def cluster(address: str) -> Iterator[Executor]:
    """The workers of a dask cluster. Raises InputError when dask is missing or nobody answers at the address."""
    try:
        from distributed import Client
    except ImportError:
        remedy = "Install it with pip install 'seatrial[cluster]'."
        raise InputError("--cluster", "dask is not installed", remedy) from None
    try:
        client: Any = Client(address, timeout=CONNECT, set_as_default=False)
    except (OSError, ValueError) as error:
        problem = f"no cluster answers ({type(error).__name__})"
        raise InputError(f"--cluster {address}", problem, "Give a scheduler's address: tcp://HOST:8786.") from None
    with client:
        yield client.get_executor(pure=False)


def workers_of(executor: Executor) -> int:
    """How many jobs an executor does at a time."""
    if isinstance(executor, ProcessPoolExecutor):
        return os.cpu_count() or 1
    return max(sum(executor._client.nthreads().values()), 1)  # type: ignore[attr-defined]


def results(executor: Executor, work: Callable[[T], R], jobs: Sequence[T]) -> Iterator[tuple[T, R | None]]:
    """Every job with its result as it is done; None for those that were under way when a process died."""
    bound = AHEAD * workers_of(executor)
    waiting: dict[Future[R], T] = {}
    left = iter(jobs)
    for job in left:
        try:
            waiting[executor.submit(work, job)] = job
        except BrokenProcessPool:
            yield job, None
        if len(waiting) >= bound:
            yield from _done(waiting)
    while waiting:
        yield from _done(waiting)


def _done(waiting: dict[Future[R], T]) -> Iterator[tuple[T, R | None]]:
    done, _ = wait(waiting, return_when=FIRST_COMPLETED)
    for future in done:
        job = waiting.pop(future)
        try:
            yield job, future.result()
        except BrokenProcessPool:
            yield job, None


def survives(work: Callable[[T], R], job: T) -> R | None:
    """The result of a job in a process of its own, None if that process dies."""
    with processes(1) as pool:
        try:
            return pool.submit(work, job).result()
        except BrokenProcessPool:
            return None
