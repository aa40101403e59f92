"""What a run tells while it goes on: bars and lines on a terminal, more of it, nothing, or JSON for programs."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import IO, TYPE_CHECKING, Any, Protocol

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from types import TracebackType

    from rich.progress import TaskID

    from fit_avatar.pipeline import Summary

Advance = Callable[[str, int, int], None]
"""Progress within a stage: what is being done, how much of it is done, how much there is."""


class Reporter(Protocol):
    """Someone who is told how a run gets on."""

    def start(self, stage: str) -> None:
        """A stage begins."""

    def advance(self, label: str, done: int, total: int) -> None:
        """The running stage has got to ``done`` of ``total`` in the step called ``label``."""

    def finish(self, stage: str, seconds: float, cached: bool) -> None:
        """A stage is done; ``seconds`` is what it took, in this run or in the one that it was kept from."""


class Silent:
    """Tells nobody, neither how a run gets on nor what it gave; mistakes are still told."""

    def __enter__(self) -> Silent:
        """Keep the library's own remarks from the terminal."""
        self._logs = _Logs(lambda record: None, logging.CRITICAL)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Let them through again."""
        self._logs.stop()

    def start(self, stage: str) -> None:
        """Do nothing."""

    def advance(self, label: str, done: int, total: int) -> None:
        """Do nothing."""

    def finish(self, stage: str, seconds: float, cached: bool) -> None:
        """Do nothing."""

    def show(self, summary: Summary) -> None:
        """Do nothing."""


class Terminal:
    """Progress on stderr: bars on a terminal, one line for each finished stage anywhere, a table at the end."""

    def __init__(self, console: Console | None = None, verbose: bool = False) -> None:
        """Write to ``console``; by default the process's stderr. ``verbose`` adds what every solve did."""
        self._console = console or Console(stderr=True, highlight=False)
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeRemainingColumn(compact=True),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._level = logging.DEBUG if verbose else logging.WARNING
        self._task: TaskID | None = None
        self._label = ""

    def __enter__(self) -> Terminal:
        """Start drawing."""
        self._logs = _Logs(self._log, self._level)
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop drawing."""
        self._logs.stop()
        self._bars.stop()

    def start(self, stage: str) -> None:
        """Show that a stage runs."""
        self._replace(stage, None)

    def advance(self, label: str, done: int, total: int) -> None:
        """Move the bar; another label begins another bar, so that the time left is that of its own pace."""
        if label != self._label:
            self._replace(label, total)
        if self._task is not None:
            self._bars.update(self._task, completed=done, total=total)

    def finish(self, stage: str, seconds: float, cached: bool) -> None:
        """Replace the bar with a line that stays."""
        self._remove()
        note = "kept from an earlier run" if cached else f"{seconds:.1f} s"
        self._console.print(f"[green]✓[/] {stage} [dim]{note}[/]")

    def show(self, summary: Summary) -> None:
        """Say what was written, how the scale was found, and what the user should know."""
        self._console.print()
        for file in summary.files:
            self._console.print(f"  {file}", soft_wrap=True)
        rows = (*summary.numbers, ("scale", summary.scale_source), ("fit", summary.agreement))
        width = max(len(name) for name, _ in rows)
        self._console.print()
        for name, value in rows:
            self._console.print(f"[dim]{escape(name):<{width}}[/]  {escape(value)}", soft_wrap=True)
        for warning in summary.warnings:
            self._console.print(f"[yellow]note:[/] {escape(warning)}", soft_wrap=True)
        used = f"{summary.seconds:.0f} s, peak memory {summary.peak_memory_gb:.1f} GB"
        self._console.print(f"[bold]{summary.folder}[/] is ready: {used}", soft_wrap=True)

    def _log(self, record: logging.LogRecord) -> None:
        style = "yellow" if record.levelno >= logging.WARNING else "dim"
        self._console.print(f"[{style}]{escape(record.getMessage())}[/]", soft_wrap=True)

    def _replace(self, label: str, total: int | None) -> None:
        self._remove()
        self._label = label
        self._task = self._bars.add_task(label, total=total)

    def _remove(self) -> None:
        if self._task is not None:
            self._bars.remove_task(self._task)
        self._task, self._label = None, ""


class JsonLines:
    """One JSON object a line on stdout, for programs that run this one.

    ``event`` says what it is: ``start`` and ``finish`` of a stage, ``progress`` within it (a few times a second at
    most), ``log``, and at the end ``summary``, or ``error`` or ``interrupted``.
    """

    EVERY_S = 0.25

    def __init__(self, stream: IO[str] | None = None) -> None:
        """Write to ``stream``; by default the process's stdout."""
        self._stream = stream or sys.stdout
        self._stage, self._told = "", 0.0

    def __enter__(self) -> JsonLines:
        """Start listening to the library's own remarks."""
        self._logs = _Logs(self._log, logging.INFO)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Tell why a run ended early."""
        self._logs.stop()
        if isinstance(error, KeyboardInterrupt):
            self._tell("interrupted", stage=self._stage)
        elif error is not None:
            self._tell("error", stage=self._stage, kind=type(error).__name__, message=str(error))

    def start(self, stage: str) -> None:
        """Tell that a stage begins."""
        self._stage = stage
        self._tell("start", stage=stage)

    def advance(self, label: str, done: int, total: int) -> None:
        """Tell how far a stage is, if that was not told a moment ago."""
        if done < total and time.monotonic() - self._told < self.EVERY_S:
            return
        self._told = time.monotonic()
        self._tell("progress", stage=self._stage, step=label, done=done, total=total)

    def finish(self, stage: str, seconds: float, cached: bool) -> None:
        """Tell that a stage is done."""
        self._tell("finish", stage=stage, seconds=round(seconds, 3), kept_from_earlier_run=cached)

    def show(self, summary: Summary) -> None:
        """Tell what was written and how good it is."""
        self._tell("summary", **asdict(summary))

    def _log(self, record: logging.LogRecord) -> None:
        self._tell("log", level=record.levelname.lower(), message=record.getMessage())

    def _tell(self, event: str, **more: Any) -> None:
        print(json.dumps({"event": event, **more}, ensure_ascii=False, default=str), file=self._stream, flush=True)


class _Logs(logging.Handler):
    """Hands the package's log records to a function until it is stopped."""

    def __init__(self, tell: Callable[[logging.LogRecord], None], level: int) -> None:
        super().__init__(level)
        self._tell = tell
        self._logger = logging.getLogger("fit_avatar")
        self._before = self._logger.level, self._logger.propagate
        self._logger.setLevel(min(level, logging.WARNING))
        self._logger.propagate = False
        self._logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self._tell(record)

    def stop(self) -> None:
        """Leave the logger as it was."""
        self._logger.removeHandler(self)
        self._logger.setLevel(self._before[0])
        self._logger.propagate = self._before[1]


def reporter_for(log: str) -> Silent | Terminal | JsonLines:
    """Return who is told about a run, for the option's ``bar``, ``quiet``, ``verbose`` or ``json``."""
    if log == "quiet":
        return Silent()
    return JsonLines() if log == "json" else Terminal(verbose=log == "verbose")
