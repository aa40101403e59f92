"""Clips on a Ray cluster: a task for each, which Ray gives to machines that have the cores, the memory and the card."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator, Sequence
from typing import Any

from fit_avatar.batch.outcome import Outcome
from fit_avatar.batch.task import KILLED, Died, Task, attempts, work
from fit_avatar.errors import BadInputError
from fit_avatar.io.optional import import_optional, install

LOCAL = "local"
"""The address that starts a cluster on this machine, which ends with the batch."""
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",  # Ray would otherwise report to its makers how it is used
    "RAY_USAGE_STATS_PROMPT_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # a task without a card leaves CUDA_VISIBLE_DEVICES alone
}
"""What Ray reads from the environment when it is imported; it is the same whatever the user's environment says."""
ALONE = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # its processes listen on the loopback, on all systems
    "RAY_AUTH_MODE": "token",  # and let in only who can read this user's files
}
"""The same, for a cluster on this machine alone."""


def load_ray(address: str = LOCAL) -> Any:
    """Return Ray, which is told beforehand to report nothing to anybody.

    Args:
        address: of the cluster that is meant.

    Raises:
        MissingDependencyError: it is not installed.
    """
    os.environ.update(QUIET | (ALONE if address == LOCAL else {}))
    return import_optional("ray", "--ray needs the package ray", f"install it with `{install('ray')}`")


def run_on_ray(tasks: Sequence[Task], address: str, need_gb: float, gpu: float, retries: int) -> Iterator[Outcome]:
    """Yield what became of each clip, in the order in which they end.

    A clip whose process, or whose Ray worker, was killed is tried again, on whichever machine has room.

    Args:
        tasks: the clips; all machines see their files under the same paths.
        address: of the cluster, or :data:`LOCAL`.
        need_gb: memory of one clip.
        gpu: part of a graphics card for one clip.
        retries: how often a killed one is tried again.

    Raises:
        BadInputError: there is no such cluster, or it has no graphics card and one is asked for.
        MissingDependencyError: Ray is not installed.
    """
    ray = load_ray(address)
    _connect(ray, address)
    try:
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        most = {name: max((node.get(name, 0.0) for node in nodes), default=0.0) for name in ("CPU", "GPU", "memory")}
        if gpu > most["GPU"]:
            raise BadInputError(
                f"--gpu {gpu:g} is asked for, but the Ray cluster has no such graphics card: leave it out"
            )
        remote = ray.remote(work).options(
            num_cpus=min(max(task.threads for task in tasks), max(1.0, most["CPU"])), num_gpus=gpu,
            memory=int(min(need_gb * 1e9, most["memory"])), max_retries=retries, retry_exceptions=[Died],
        )  # fmt: skip
        waiting = {remote.remote(task): task for task in tasks}
        while waiting:
            done, _ = ray.wait(list(waiting), num_returns=1, fetch_local=True)
            for each in done:
                yield _outcome(ray, each, waiting.pop(each))
    finally:
        ray.shutdown()


def _connect(ray: Any, address: str) -> None:
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        if address == LOCAL:
            ray.init(include_dashboard=False, **quiet)
        else:
            ray.init(address=address, **quiet)
    except (ConnectionError, ValueError, RuntimeError, OSError) as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        remedy = "start one with `ray start --head`, or give --ray local"
        raise BadInputError(f"there is no Ray cluster at {address} ({reason}): {remedy}") from None


def _outcome(ray: Any, reference: Any, task: Task) -> Outcome:
    """Return what became of a clip, which is noted if its own process could not do so."""
    try:
        found: Outcome = ray.get(reference)
        return found
    except ray.exceptions.RayError as error:
        cause = getattr(error, "cause", None)
        if isinstance(cause, Died):
            outcome = cause.outcome
        else:
            worker = isinstance(error, (ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError))
            reason = KILLED if worker else str(error).strip().splitlines()[-1][:500]
            outcome = Outcome(task.name, "failed", task.key, reason, attempts(task.log), host=socket.gethostname())
        outcome.write(task.outcome)
        return outcome
