"""A batch from its list of clips to its table: what an earlier run has done is kept."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from fit_avatar.batch.manifest import Clip, Parse, read_clips
from fit_avatar.batch.on_ray import run_on_ray
from fit_avatar.batch.options import BatchOptions
from fit_avatar.batch.outcome import Outcome, read_outcome
from fit_avatar.batch.page import write_page
from fit_avatar.batch.pool import run_here
from fit_avatar.batch.room import need_gb, this_machine
from fit_avatar.batch.table import rows, write_table
from fit_avatar.batch.task import PROGRAM, Task, key_of, words_of
from fit_avatar.config import Config, resolve_device
from fit_avatar.errors import BadInputError
from fit_avatar.io.atomic import write_bytes
from fit_avatar.progress import Reporter, Silent

logger = logging.getLogger(__name__)

MARK, ABOUT = "batch.txt", "Results of `fit-avatar batch`, which replaces its files in this folder.\n"
"""A folder with this file is one of this program."""
SHOW_EVERY_S = 5.0
"""Least time between two writings of table and page while clips are still being fitted. Chosen by hand."""
MOST_NAMED = 5
"""How many failed clips the summary names."""


@dataclass(frozen=True)
class BatchSummary:
    """What became of all clips."""

    files: tuple[Path, ...]
    outcomes: tuple[Outcome, ...]
    """Of every clip in the list, in its order."""
    kept: int
    """How many had been done by an earlier run."""
    seconds: float

    def count(self, state: str) -> int:
        """Return how many clips are done, failed or waiting."""
        return sum(outcome.state == state for outcome in self.outcomes)

    @property
    def sentence(self) -> str:
        """Return how many clips are done, and how many are not."""
        more = [f"{self.count(state)} {word}" for state, word in (("failed", "failed"), ("waiting", "not done yet"))]
        told = "".join(f", {each}" for each in more if not each.startswith("0 "))
        return f"{self.count('done')} of {len(self.outcomes)} clips are done{told}"

    @property
    def complete(self) -> bool:
        """Return whether no clip has failed."""
        return not self.count("failed")

    def as_event(self) -> dict[str, Any]:
        """Return it for programs, as the last line of ``--log json``."""
        counts = {state: self.count(state) for state in ("done", "failed", "waiting")}
        return {"event": "batch", **counts, "kept": self.kept, "files": list(self.files), "seconds": self.seconds}

    def __str__(self) -> str:
        failed = [each for each in self.outcomes if each.state == "failed"]
        lines = [f"  {each.name}: {each.reason} (logs/{each.name}.log)" for each in failed[:MOST_NAMED]]
        if len(failed) > MOST_NAMED:
            lines.append(f"  and {len(failed) - MOST_NAMED} more: see {self.files[0]}")
        kept = f" ({self.kept} by an earlier run)" if self.kept else ""
        head = f"{self.sentence}{kept} after {self.seconds:.0f} s: {', '.join(map(str, self.files))}"
        return "\n".join([head, *lines])


def run(
    clips: Path,
    common: Config,
    options: BatchOptions,
    parse: Parse,
    reporter: Reporter | None = None,
    program: tuple[str, ...] = PROGRAM,
) -> BatchSummary:
    """Fit all clips of a folder, list or table, each in a process of its own, into folders below ``common.out``.

    Clips that an earlier run has done with the same options are kept; those that failed are tried again.

    Args:
        clips: see :func:`read_clips`.
        common: options of all clips; ``out`` is the folder of the batch.
        options: how they are run.
        parse: reads a command line over ``common``.
        reporter: is told how many clips are done.
        program: what is run for each clip.

    Raises:
        BadInputError: an option, the list, or the folder cannot be used. A clip that cannot be fitted raises nothing.
        MissingDependencyError: Ray is asked for and not there.
    """
    began = time.perf_counter()
    options.check()
    folder = _checked(common)
    listed = read_clips(clips, common, parse)
    batch = Batch(folder, listed, options, program)
    mine = [listed[index] for index in options.slice(len(listed))]
    todo = [task for clip in mine if (task := batch.task(clip)) is not None]
    told: Reporter = reporter or Silent()
    _claim(folder)
    told.start("clips")
    finished, shown = len(mine) - len(todo), 0.0
    with contextlib.closing(batch.outcomes(todo, common)) as ending:
        for outcome in ending:
            finished += 1
            told.finish(outcome.name, outcome.seconds, False) if outcome.state == "done" else logger.warning(
                "✗ %s: %s", outcome.name, outcome.reason
            )
            told.advance("clips", finished, len(mine))
            if time.perf_counter() - shown > SHOW_EVERY_S:
                batch.show()
                shown = time.perf_counter()
    files, outcomes = batch.show()
    return BatchSummary(files, outcomes, len(mine) - len(todo), time.perf_counter() - began)


@dataclass(frozen=True)
class Batch:
    """The folder of a batch and its clips."""

    folder: Path
    clips: Sequence[Clip]
    options: BatchOptions
    program: tuple[str, ...] = PROGRAM

    def task(self, clip: Clip) -> Task | None:
        """Return what is to be done for a clip; None if an earlier run has done it."""
        key = key_of(clip.config, _version())
        name, folder = clip.name, self.folder / "clips" / clip.name
        before = read_outcome(self._outcome(name), name)
        if before.state == "done" and before.key == key and folder.is_dir() and not clip.config.fresh:
            return None
        limit = None if self.options.limit_min is None else 60 * self.options.limit_min
        log = self.folder / "logs" / f"{name}.log"
        return Task(name, words_of(clip.config), folder, log, self._outcome(name), key, 1, limit, self.program)

    def outcomes(self, tasks: Sequence[Task], common: Config) -> Generator[Outcome, None, None]:
        """Yield what becomes of tasks, here or on a cluster."""
        for task in tasks:
            task.log.unlink(missing_ok=True)
            task.outcome.unlink(missing_ok=True)
        if not tasks:
            return
        need = self.options.memory_gb or max(need_gb(clip.config) for clip in self.clips)
        if self.options.ray is not None:
            gpu = self.options.gpu if self.options.gpu is not None else float(common.device == "cuda")
            yield from run_on_ray(tasks, self.options.ray, need, gpu, self.options.retries)
            return
        room, cards = this_machine(), _cards(common, self.options)
        jobs = self.options.jobs or (min(len(cards), len(tasks)) if cards else room.jobs(need, len(tasks)))
        threads = room.threads(jobs)
        logger.info("%d clips at once, with %d threads and %.1f GB each", jobs, threads, need)
        yield from run_here([replace(task, threads=threads) for task in tasks], jobs, self.options.retries, cards)

    def show(self) -> tuple[tuple[Path, ...], tuple[Outcome, ...]]:
        """Write table and page of all clips, those of other machines included; return the files and the outcomes."""
        outcomes = tuple(read_outcome(self._outcome(clip.name), clip.name) for clip in self.clips)
        table = rows(outcomes, [_shown(clip.config) for clip in self.clips])
        files = write_table(self.folder, table)
        summary = BatchSummary(files, outcomes, 0, 0.0)
        return (*files, write_page(self.folder, table, f"{summary.sentence}.")), outcomes

    def _outcome(self, name: str) -> Path:
        return self.folder / "outcomes" / f"{name}.json"


def _checked(common: Config) -> Path:
    """Return the folder of the batch, whole, so that every process understands it."""
    if common.out is None:
        raise BadInputError("--out is missing: give the folder for the results of all clips")
    for name in ("video", "image", "append", "view"):
        if getattr(common, name) != getattr(Config, name):
            raise BadInputError(f"--{name} is for one clip alone: leave it out, or make it a column of a .csv")
    folder = Path(os.path.abspath(common.out))
    resolve_device(common.device)
    if folder.exists() and not folder.is_dir():
        raise BadInputError(f"{folder} is a file: choose another folder with --out")
    foreign = folder.is_dir() and any(folder.iterdir()) and not (folder / MARK).is_file()
    if foreign and not common.force:
        raise BadInputError(f"{folder} holds other files: choose another folder with --out, or use it with --force")
    return folder


def _claim(folder: Path) -> None:
    for each in ("clips", "logs", "outcomes"):
        try:
            (folder / each).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise BadInputError(f"{folder} cannot be written to ({reason}): choose another folder with --out") from None
    write_bytes(folder / MARK, ABOUT.encode())


def _cards(common: Config, options: BatchOptions) -> list[str]:
    """Return the graphics card of each clip that is fitted at once; none without cards."""
    part = options.gpu
    if part == 0 or common.device == "cpu" or resolve_device(common.device) == "cpu":
        if part:
            raise BadInputError(f"--gpu {part:g} is asked for, but the clips are fitted on the CPU: leave it out")
        return []
    import torch  # which has been asked for the device already

    seen = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    cards = seen.split(",") if seen else list(map(str, range(torch.cuda.device_count())))
    whole = max(1, int(1 / part)) if part else 1
    return [card for _ in range(whole) for card in cards]


def _version() -> str:
    try:
        return version("fit-avatar")
    except PackageNotFoundError:  # a source folder
        return ""


def _shown(config: Config) -> str:
    """Return the clip as the table names it."""
    return str(config.video) if config.video is not None else "; ".join(map(str, config.image))
