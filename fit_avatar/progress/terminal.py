"""Progress for people: a bar, a line for each finished stage, and a table at the end."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, TextColumn
from rich.text import Text

from fit_avatar.progress.package_logs import PackageLogs
from fit_avatar.progress.reporter import Left, RunSummary

if TYPE_CHECKING:
    from types import TracebackType

    from rich.progress import Task, TaskID

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
        self._logs = PackageLogs(self._log, self._level)
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
