"""Hostile and broken inputs to every entry point of the command line: each must end in one sentence.

    python benchmarks/fuzz.py [--count 300] [--seed 0] [--show]

Every case runs the program in a process of its own, up to the point at which the fit would begin. It must be accepted,
or refused with exit code 2 and one line, within 10 s and 2 GB, and must change no file outside its results folder. What
does not is listed with the command that repeats it, and the exit code is 1.
"""

from __future__ import annotations

import collections
import os
import shlex
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

from fit_avatar import cli, config
from lib.sandbox import Outcome, run_forked, snapshot

if TYPE_CHECKING:
    from lib.hostile_inputs import Case

SECONDS, MEMORY_BYTES = 10.0, 2 << 30
ACCEPTED = 0


class _AcceptedError(Exception):
    """The inputs were read; the fit would begin."""


def until_the_fit(argv: tuple[str, ...]) -> int:
    """Run the command line, but stop when everything that was given is read."""
    import torch

    from fit_avatar import body, command

    def observe_only(source: Any, *_: Any) -> None:
        source.observe()
        raise _AcceptedError

    def load_body(num_betas: int, advance: Any, path: str) -> Any:
        return torch.zeros(()) if path in config.BODIES else body.load_body(num_betas, advance, path)

    command.reconstruct, command.load_body = observe_only, load_body
    try:
        return cli.main(argv)
    except _AcceptedError:
        return ACCEPTED


def fault(outcome: Outcome, changed: list[str]) -> str:
    """Return what is wrong with how a case ended; empty if nothing is."""
    if outcome.code < 0:
        return f"killed by signal {-outcome.code} after {outcome.seconds:.1f} s"
    if outcome.code not in (ACCEPTED, cli.USER_ERROR):
        return f"exit code {outcome.code}: {outcome.told.strip().splitlines()[-1:]}"
    if outcome.code == cli.USER_ERROR and (
        outcome.told.count("\n") != 1 or not outcome.told.startswith("fit-avatar: ")
    ):
        return f"{outcome.told.count(chr(10))} lines: {outcome.told[:300]!r}"
    if outcome.seconds > SECONDS or outcome.memory_bytes > MEMORY_BYTES:
        return f"{outcome.seconds:.1f} s, {outcome.memory_bytes / 2**30:.2f} GB"
    return f"changed {', '.join(changed)}" if changed else ""


def main(count: int = 300, seed: int = 0, show: bool = False) -> int:
    """Try inputs that are made from a seed.

    Args:
        count: how many.
        seed: of all that is chosen by chance.
        show: print how every case ended.
    """
    for variable, value in cli.ENVIRONMENT.items():  # before any of the libraries is loaded
        os.environ.setdefault(variable, value)
    from fit_avatar import command  # noqa: F401  # once for all children
    from fit_avatar.fitting import preset, schedule_to_json
    from lib.hostile_inputs import Hostile, write_inputs

    began, endings = time.monotonic(), collections.Counter[str]()
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        write_inputs(work / "inputs")
        hostile = Hostile(work / "inputs", schedule_to_json(preset("smplify")), seed)
        for number in range(count):
            folder = work / f"{number:04d}"
            case = hostile.case(folder)
            wrong, outcome = _tried(case, folder, work)
            endings["accepted" if outcome.code == ACCEPTED else "refused" if not wrong else "FAULT"] += 1
            if show or wrong:
                print(f"{number:4d} {case.kind}: {wrong or outcome.told.strip()[:200] or 'accepted'}", flush=True)
            if wrong:
                print(f"     fit-avatar {shlex.join(case.argv)[:600]!a}", flush=True)
                endings["FAULT"] += outcome.code == ACCEPTED
            shutil.rmtree(folder)
    print(f"{count} inputs in {time.monotonic() - began:.0f} s: {dict(endings)}")
    return int(endings["FAULT"] > 0)


def _tried(case: Case, folder: Path, work: Path) -> tuple[str, Outcome]:
    places = [work / "inputs", folder]
    before = snapshot(places)
    outcome = run_forked(lambda: until_the_fit(case.argv), work / "log", 1.5 * SECONDS)
    after = snapshot(places)
    allowed = (str(folder / "out" / "cache"), str(folder / "new.npz"))
    changed = [
        path
        for path in sorted({*before, *after})
        if before.get(path) != after.get(path) and not path.startswith(allowed) and path != str(folder / "out")
    ]
    return fault(outcome, changed), outcome


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
