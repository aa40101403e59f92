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
def workers(count: int) -> Iterator[ThreadPoolExecutor]:
    """Hold so many threads; meanwhile PyTorch uses one core in each of them, and in the caller's.

    Left to itself it would use all cores in every thread, and these would wait for one another.
    """
    torch = sys.modules.get("torch")
    before = (os.cpu_count() or 1) if torch is None else torch.get_num_threads()
    _use_cores(1)
    try:
        with ThreadPoolExecutor(count, initializer=_use_cores, initargs=(1,)) as pool:
            yield pool
    finally:
        _use_cores(before)  # here, and in threads that come later


def _use_cores(count: int) -> None:
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(count)


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
