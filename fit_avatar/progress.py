"""Reporting the progress of a run: bars and lines on a terminal, in detail, not at all, or as JSON for programs."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, TextColumn
from rich.text import Text

if TYPE_CHECKING:
    from types import TracebackType

    from rich.progress import Task, TaskID

Advance = Callable[[str, int, int], None]
"""Progress within a stage: the name of the step, how many parts of it are done, and how many there are."""

StepProgress = Callable[[int, int], None]
"""Progress within a step: how many parts of it are done, and how many there are."""


@dataclass(frozen=True)
class Left:
    """Where a run is, and how long it still takes."""

    stage: int
    """Number of the stage that runs, from 1."""
    stages: int
    """How many there are."""
    seconds: float
    """About how long it takes until the end."""

    @property
    def sentence(self) -> str:
        """Return it in words."""
        return f"stage {self.stage} of {self.stages}, {_about(self.seconds)} left"

    def after(self, seconds: float) -> Left:
        """Return what is left some time later in the same stage."""
        return replace(self, seconds=max(self.seconds - seconds, 0.0))


def _about(seconds: float) -> str:
    """Return a time as exactly as it can be told."""
    if seconds < 5:
        return "a few seconds"
    if seconds < 90:
        return f"about {5 * round(seconds / 5)} s"
    minutes = seconds / 60
    return f"about {minutes:.0f} min" if minutes >= 4.75 else f"about {round(2 * minutes) / 2:g} min"


@dataclass(frozen=True)
class RunSummary:
    """The result of a run: what was written, and what the user should know about it."""

    folder: Path
    files: tuple[Path, ...]
    """What was written, most useful first."""
    scale_source: str
    """How the metric scale was determined, in words."""
    agreement: str
    """How well the fit agrees with the video, in words."""
    warnings: tuple[str, ...]
    """What the user should know, one sentence each."""
    seconds: float
    """Duration of this run."""
    peak_memory_gb: float
    """Largest amount of memory that the process has used, in GB; 0 where the system does not report it."""
    numbers: tuple[tuple[str, str], ...] = ()
    """Names and values of the most important results."""


class Reporter(Protocol):
    """Receives the progress of a run."""

    def start(self, stage: str) -> None:
        """A stage begins."""

    def advance(self, label: str, done: int, total: int) -> None:
        """``done`` of ``total`` parts of the step ``label`` of the running stage are done."""

    def finish(self, stage: str, seconds: float, cached: bool) -> None:
        """A stage is done. ``seconds`` is how long it took, in this run or in the one that computed it."""

    def expect(self, left: Left) -> None:
        """Be told where the run is and how much time is left, before a stage begins or goes on."""


class Silent:
    """Prints nothing; errors are still raised."""

    def __enter__(self) -> Silent:
        """Suppress the package's log messages."""
        self._logs = _Logs(lambda record: None, logging.CRITICAL)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Restore the package's logging."""
        self._logs.stop()

    def start(self, stage: str) -> None:
        """Do nothing."""

    def advance(self, label: str, done: int, total: int) -> None:
        """Do nothing."""

    def finish(self, stage: str, seconds: float, cached: bool) -> None:
        """Do nothing."""

    def expect(self, left: Left) -> None:
        """Do nothing."""

    def show(self, summary: RunSummary) -> None:
        """Do nothing."""


class Callback(Silent):
    """Calls a function with the progress within stages, as scripts want it."""

    def __init__(self, advance: Advance | None = None) -> None:
        """Call ``advance``, if there is one."""
        self._advance = advance

    def start(self, stage: str) -> None:
        """A stage begins: nothing of one step is done."""
        self.advance(stage, 0, 1)

    def advance(self, label: str, done: int, total: int) -> None:
        """Pass it on."""
        if self._advance is not None:
            self._advance(label, done, total)


BAR_WIDTH = 8
"""Characters: the longest label and the longest sentence then fit into a line of 80."""


class Terminal:
    """Progress on stderr: a bar if it is a terminal, one line for each finished stage, and a table at the end.

    Names, paths and messages are printed as they are: square brackets in them are not markup.
    """

    def __init__(self, console: Console | None = None, verbose: bool = False) -> None:
        """Write to ``console``, by default the process's stderr. ``verbose`` adds the log, with every solve's table."""
        self._console = console or Console(stderr=True, highlight=False)
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=BAR_WIDTH),
            _LeftColumn(self),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._level = logging.DEBUG if verbose else logging.WARNING
        self._task: TaskID | None = None
        self._label = ""
        self._left: Left | None = None
        self._told_s = 0.0

    def __enter__(self) -> Terminal:
        """Show the bar and the log."""
        self._logs = _Logs(self._log, self._level)
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Remove the bar."""
        self._logs.stop()
        self._bars.stop()

    def start(self, stage: str) -> None:
        """Show the stage that runs."""
        self._replace(stage, None)

    def advance(self, label: str, done: int, total: int) -> None:
        """Move the bar. Each label has a bar of its own, so that the remaining time is that of the step."""
        if label != self._label:
            self._replace(label, total)
        if self._task is not None:
            self._bars.update(self._task, completed=done, total=total)

    def finish(self, stage: str, seconds: float, cached: bool) -> None:
        """Replace the bar by a line that stays."""
        self._remove()
        note = "kept from an earlier run" if cached else f"{seconds:.1f} s"
        self._print(("✓", "green"), f" {stage} ", (note, "dim"))

    def expect(self, left: Left) -> None:
        """Show where the run is and how much time is left."""
        self._left, self._told_s = left, time.monotonic()

    @property
    def left(self) -> str:
        """Return where the run is and how much time is left by now, in words."""
        return "" if self._left is None else self._left.after(time.monotonic() - self._told_s).sentence

    def show(self, summary: RunSummary) -> None:
        """Print the files, the most important numbers, and what the user should know."""
        self._print()
        for file in summary.files:
            self._print(f"  {file}")
        rows = (*summary.numbers, ("scale", summary.scale_source), ("fit", summary.agreement))
        width = max(len(name) for name, _ in rows)
        self._print()
        for name, value in rows:
            self._print((f"{name:<{width}}", "dim"), f"  {value}")
        for warning in summary.warnings:
            self._print(("note:", "yellow"), f" {warning}")
        used = f"{summary.seconds:.0f} s, peak memory {summary.peak_memory_gb:.1f} GB"
        self._print((str(summary.folder), "bold"), f" is ready: {used}")

    def _print(self, *parts: str | tuple[str, str]) -> None:
        """Print a line made of plain and of styled text; nothing in it is markup."""
        self._console.print(Text.assemble(*parts), soft_wrap=True)

    def _log(self, record: logging.LogRecord) -> None:
        self._print((record.getMessage(), "yellow" if record.levelno >= logging.WARNING else "dim"))

    def _replace(self, label: str, total: int | None) -> None:
        self._remove()
        self._label = label
        self._task = self._bars.add_task(label, total=total)

    def _remove(self) -> None:
        if self._task is not None:
            self._bars.remove_task(self._task)
        self._task, self._label = None, ""


class _LeftColumn(ProgressColumn):
    """Where the run is and how much time is left."""

    def __init__(self, terminal: Terminal) -> None:
        super().__init__()
        self._terminal = terminal

    def render(self, task: Task) -> Text:
        return Text(self._terminal.left, style="dim")


class JsonLines:
    """One JSON object per line on stdout, for programs that run this one.

    Its ``event`` is ``start`` or ``finish`` of a stage, ``progress`` within it, ``log``, and at the end ``summary``,
    ``error`` or ``interrupted``.
    """

    EVERY_S = 0.25
    """Least time between two ``progress`` events; the last one of a step is always printed."""

    def __init__(self, stream: IO[str] | None = None) -> None:
        """Write to ``stream``; by default the process's stdout."""
        self._stream = stream or sys.stdout
        self._stage, self._last_s = "", 0.0
        self._left: dict[str, Any] = {}

    def __enter__(self) -> JsonLines:
        """Print the package's log messages too."""
        self._logs = _Logs(self._log, logging.INFO)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Print why a run ended early."""
        self._logs.stop()
        if isinstance(error, KeyboardInterrupt):
            self._print("interrupted", stage=self._stage)
        elif error is not None:
            self._print("error", stage=self._stage, kind=type(error).__name__, message=str(error))

    def start(self, stage: str) -> None:
        """Print that a stage begins."""
        self._stage = stage
        self._print("start", stage=stage, **self._left)

    def advance(self, label: str, done: int, total: int) -> None:
        """Print how far a stage is, at most every :attr:`EVERY_S` seconds."""
        if done < total and time.monotonic() - self._last_s < self.EVERY_S:
            return
        self._last_s = time.monotonic()
        self._print("progress", stage=self._stage, step=label, done=done, total=total, **self._left)

    def finish(self, stage: str, seconds: float, cached: bool) -> None:
        """Print that a stage is done."""
        self._print("finish", stage=stage, seconds=round(seconds, 3), kept_from_earlier_run=cached)

    def expect(self, left: Left) -> None:
        """Add where the run is to the next event: ``number`` of the stage, ``stages``, and ``left_s``."""
        self._left = {"number": left.stage, "stages": left.stages, "left_s": round(left.seconds, 1)}

    def show(self, summary: RunSummary) -> None:
        """Print the summary."""
        self._print("summary", **asdict(summary))

    def _log(self, record: logging.LogRecord) -> None:
        self._print("log", level=record.levelname.lower(), message=record.getMessage())

    def _print(self, event: str, **more: Any) -> None:
        print(json.dumps({"event": event, **more}, ensure_ascii=False, default=str), file=self._stream, flush=True)


class _Logs(logging.Handler):
    """Passes the package's log records to a function until it is stopped."""

    def __init__(self, receive: Callable[[logging.LogRecord], None], level: int) -> None:
        super().__init__(level)
        self._receive = receive
        self._logger = logging.getLogger("fit_avatar")
        self._before = self._logger.level, self._logger.propagate
        self._logger.setLevel(min(level, logging.WARNING))
        self._logger.propagate = False
        self._logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self._receive(record)

    def stop(self) -> None:
        """Restore the logger."""
        self._logger.removeHandler(self)
        self._logger.setLevel(self._before[0])
        self._logger.propagate = self._before[1]


def reporter_for(log: str) -> Silent | Terminal | JsonLines:
    """Return the reporter for the option ``--log``: ``bar``, ``quiet``, ``verbose`` or ``json``."""
    if log == "quiet":
        return Silent()
    return JsonLines() if log == "json" else Terminal(verbose=log == "verbose")
