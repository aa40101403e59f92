"""Clips on this machine: a process for each, so many at once, and no clip stops another."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence

from fit_avatar.batch.outcome import Outcome
from fit_avatar.batch.task import CHECK_S, Died, Run, Task, attempts


def run_here(tasks: Sequence[Task], jobs: int, retries: int, cards: Sequence[str] = ()) -> Iterator[Outcome]:
    """Yield what became of each clip, in the order in which they end.

    A clip whose process was killed is tried again, alone, after all others: the likeliest reason is that there was not
    enough memory for all at once. Whatever ends this generator ends the processes.

    Args:
        tasks: the clips.
        jobs: how many are fitted at once.
        retries: how often a killed one is tried again.
        cards: the graphics card of each place, as CUDA_VISIBLE_DEVICES has it; none without.
    """
    waiting, again = deque(tasks), deque[Task]()
    free, running = deque(range(jobs)), dict[int, Run]()
    try:
        while waiting or again or running:
            while free and waiting:
                place = free.popleft()
                running[place] = _start(waiting.popleft(), cards, place)
            if again and not running:
                running[free.popleft()] = _start(again.popleft(), cards, 0)
            over = [place for place, run in running.items() if run.ended()]
            for place in over:
                run = running.pop(place)
                free.append(place)
                try:
                    outcome = run.outcome()
                except Died as died:
                    if attempts(run.task.log) <= retries:
                        again.append(run.task)
                        continue
                    outcome = died.outcome
                outcome.write(run.task.outcome)
                yield outcome
            if not over:
                time.sleep(CHECK_S)
    finally:
        for run in running.values():
            run.ask_to_stop()
        for run in running.values():
            run.stop()


def _start(task: Task, cards: Sequence[str], place: int) -> Run:
    return Run(task, {"CUDA_VISIBLE_DEVICES": cards[place % len(cards)]} if cards else {})
