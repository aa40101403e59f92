"""Work on one item after the other in a few threads, in order."""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
MOST = 4
"""Threads at most: items such as pictures are large, and as many as threads are in memory at once."""


@contextmanager
def one_core() -> Iterator[None]:
    """Let PyTorch use one core in this thread and in those that begin meanwhile.

    Left to itself it would use all cores for every operation: threads that work side by side would wait for one
    another, and where other programs run, for them.
    """
    torch = sys.modules.get("torch")
    before = 1 if torch is None else torch.get_num_threads()
    if torch is not None:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        if torch is not None:
            torch.set_num_threads(before)


@contextmanager
def workers(count: int) -> Iterator[ThreadPoolExecutor]:
    """Hold so many threads, each on one core."""
    with one_core(), ThreadPoolExecutor(count) as pool:
        yield pool


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
