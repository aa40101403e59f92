"""Work on one item after the other in a few threads, in order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from threadpoolctl import ThreadpoolController

Item = TypeVar("Item")
Result = TypeVar("Result")
MOST = 4
"""Threads at most: items such as pictures are large, and as many as threads are in memory at once."""


@contextmanager
def one_core() -> Iterator[None]:
    """Let PyTorch use one core in this thread.

    Left to itself it would use all cores for every operation: threads that work side by side would wait for one
    another, and where other programs run, for them. ``torch.set_num_threads`` is not for this: it is for the whole
    process, and once it has been called, solving a batch of linear systems on several cores gives wrong numbers
    (PyTorch 2.13 with MKL).
    """
    with _openmp().limit(limits=1):
        yield


@contextmanager
def workers(count: int) -> Iterator[ThreadPoolExecutor]:
    """Hold so many threads, each on one core."""
    openmp = _openmp()
    with ThreadPoolExecutor(count, initializer=lambda: openmp.limit(limits=1)) as pool:
        yield pool


def _openmp() -> ThreadpoolController:
    """Return what sets the cores of a thread, for PyTorch's part."""
    return ThreadpoolController().select(user_api="openmp")


def in_threads(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Yield the results of items in their order, while the next few are being worked on.

    Meant for work that spends its time in libraries which let other threads run, such as OpenCV and NumPy.
    """
    threads = min(os.cpu_count() or 1, MOST)
    with workers(threads) as pool:
        waiting: deque[Future[Result]] = deque()
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
