"""One folder for each video that is being made into an avatar, deleted after a set time."""

from __future__ import annotations

import contextlib
import json
import re
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fit_avatar.app.options import AppOptions
from fit_avatar.app.uploads import take
from fit_avatar.batch.outcome import Outcome
from fit_avatar.batch.room import this_machine
from fit_avatar.batch.task import CHECK_S, PROGRAM, Died, Run, Task, words_of
from fit_avatar.config import Config
from fit_avatar.errors import BadInputError
from fit_avatar.progress import Left

FIRST = "preview.html"
"""A page of a first avatar, which a run writes early."""
TOKEN = re.compile(r"[0-9a-f]{32}")
TELL_S = 1.0
"""Longest time without a word: only between two of them can somebody end a job."""
Clock = Callable[[], float]


@dataclass(frozen=True)
class Progress:
    """How far a job is."""

    stages: tuple[tuple[str, float], ...] = ()
    """Names and seconds of the stages that are done."""
    stage: str = "starting"
    step: str = ""
    """Of the stage that runs."""
    done: int = 0
    total: int = 0
    """Parts of the step; 0 if they are not counted."""
    left: Left | None = None
    """How long the job still takes."""
    first: str = ""
    """The job's token, once :data:`FIRST` is there."""

    def after(self, event: Mapping[str, Any]) -> Progress:
        """Return the progress after an event of ``--log json``."""
        kind = event.get("event")
        if kind == "start":
            return Progress(self.stages, str(event["stage"]), left=_left(event), first=self.first)
        if kind == "progress":
            return replace(
                self, step=str(event["step"]), done=int(event["done"]), total=int(event["total"]), left=_left(event)
            )
        if kind == "finish":
            stages = (*self.stages, (str(event["stage"]), float(event["seconds"])))
            return Progress(stages, "", first=self.first)
        return self


@dataclass
class Job:
    """A video and what becomes of it."""

    token: str
    """Unguessable; the only name that it has for the outside."""
    folder: Path
    ended: float | None = None
    """When it ended; None while it runs."""
    files: dict[str, Path] = field(default_factory=dict)
    """Results by their names."""
    run: Run | None = None
    """Its process, while it runs."""


class Jobs:
    """All jobs of a page."""

    def __init__(
        self, root: Path, options: AppOptions, program: tuple[str, ...] = PROGRAM, clock: Clock = time.monotonic
    ) -> None:
        """Keep them below ``root``, where the page puts its uploads, too."""
        self.root, self.uploads, self.options = root, root / "uploads", options
        self._program, self._clock = program, clock
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()
        self.uploads.mkdir(parents=True, exist_ok=True)

    def run(self, upload: Path, config: Config) -> Iterator[Progress | tuple[Job, Outcome]]:
        """Make an avatar of an uploaded video; yield how far it is, and at the end the job and its outcome.

        A first avatar, if the run makes one, is found as :data:`FIRST` until the results are there.

        Raises:
            BadInputError: the video is not taken, or cannot be fitted.
        """
        job, done = self._new(), False
        try:
            video = take(upload, self.uploads, job.folder, self.options)
            outcome = yield from self._fit(job, replace(config, video=video))
            if outcome.state != "done":
                raise BadInputError(outcome.reason.replace(str(video), "the video").replace(str(job.folder), ""))
            job.files = {
                file.name: file for file in sorted((job.folder / "out").iterdir()) if file.is_file() and _shown(file)
            }
            done = True
            yield job, outcome
        finally:
            job.ended = self._clock()
            if not done:
                self._delete(job)

    def find(self, token: str, name: str) -> Path | None:
        """Return a result, which is known by its job's token and its name alone."""
        self.sweep()
        with self._lock:
            job = self._jobs.get(token) if TOKEN.fullmatch(token) else None
        return None if job is None else job.files.get(name)

    def sweep(self) -> None:
        """Delete what has been kept long enough."""
        now = self._clock()
        with self._lock:
            old = [job for job in self._jobs.values() if job.ended is not None]
        for job in old:
            if job.ended is not None and now - job.ended > 60 * self.options.keep_min:
                self._delete(job)

    def close(self) -> None:
        """End what runs, and delete everything."""
        with self._lock:
            running = [job.run for job in self._jobs.values() if job.run is not None]
        for run in running:
            run.ask_to_stop()
        for run in running:
            run.stop()
        shutil.rmtree(self.root, ignore_errors=True)

    def _new(self) -> Job:
        self.sweep()
        token = secrets.token_hex(16)
        job = Job(token, self.root / "jobs" / token)
        job.folder.mkdir(parents=True, mode=0o700)
        with self._lock:
            self._jobs[token] = job
        return job

    def _delete(self, job: Job) -> None:
        with self._lock:
            self._jobs.pop(job.token, None)
        shutil.rmtree(job.folder, ignore_errors=True)

    def _fit(self, job: Job, config: Config) -> Generator[Progress, None, Outcome]:
        """Run the program; yield how far it is and return what became of it."""
        log, out = job.folder / "log.json", job.folder / "out"
        task = Task("video", words_of(config), out, log, job.folder / "outcome.json", "", this_machine().cores,
                    program=self._program)  # fmt: skip
        run, progress, told_s = Run(task), Progress(), 0.0
        job.run = run
        try:
            with log.open(encoding="utf-8", errors="replace") as lines:
                over = False
                while not over:
                    over = run.ended()
                    before = progress
                    progress = _read_on(lines, progress)
                    if not progress.first and (out / FIRST).is_file():
                        job.files = {FIRST: out / FIRST}
                        progress = replace(progress, first=job.token)
                    if progress != before or time.monotonic() - told_s > TELL_S:
                        told_s = time.monotonic()
                        yield progress
                    time.sleep(0 if over else CHECK_S)
        except BaseException:  # nobody waits for it any more
            run.stop()
            raise
        finally:
            job.run = None
        try:
            return run.outcome()
        except Died as died:
            return died.outcome


def _read_on(lines: Any, progress: Progress) -> Progress:
    """Return the progress after all whole lines that have been written since."""
    while True:
        place = lines.tell()
        line = lines.readline()
        if not line.endswith("\n"):
            lines.seek(place)
            return progress
        with contextlib.suppress(ValueError, KeyError, TypeError):
            progress = progress.after(json.loads(line))


def _left(event: Mapping[str, Any]) -> Left | None:
    """Return how long a job still takes; None if it does not say."""
    if "left_s" not in event:
        return None
    return Left(int(event["number"]), int(event["stages"]), float(event["left_s"]))


def _shown(file: Path) -> bool:
    """Return whether a result is given to the user, rather than the program's own notes."""
    return not file.name.startswith(".") and file.name != "written_files.json"
