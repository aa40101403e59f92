"""Jobs in processes of their own: the peak memory is that of one job, and a crash ends that job only."""

from __future__ import annotations

import multiprocessing
import os
import resource
import sys
from collections.abc import Callable
from typing import TypeVar

from fit_avatar.cli import ENVIRONMENT

Job = TypeVar("Job")
Result = TypeVar("Result")

PRELOADED = ["lib.measure", "lib.disturbances", "fit_avatar.pipeline"]
"""What a fork server loads once for all jobs."""


def in_a_process(function: Callable[[Job], Result], job: Job, fork: bool = False) -> Result:
    """Call a function in a process of its own, with the environment of the command line.

    Args:
        function: what to call.
        job: its argument.
        fork: start from a process that has loaded the libraries already, where the system can, which saves seconds.
    """
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    fork = fork and "forkserver" in multiprocessing.get_all_start_methods()
    processes = multiprocessing.get_context("forkserver" if fork else "spawn")
    if fork:
        processes.set_forkserver_preload(PRELOADED)
    with processes.Pool(1) as pool:
        return pool.apply(function, (job,))


def peak_memory_gb() -> float:
    """Return the most memory that this process has used."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**30 if sys.platform == "darwin" else 2**20)
