"""What the terminal shows: a bar with the time left for the running stage, a line for every finished one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from rich.console import Console
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
    """Tells nobody."""

    def start(self, stage: str) -> None:
        """Do nothing."""

    def advance(self, label: str, done: int, total: int) -> None:
        """Do nothing."""

    def finish(self, stage: str, seconds: float, cached: bool) -> None:
        """Do nothing."""


class Terminal:
    """Progress on stderr: bars on a terminal, one line for each finished stage anywhere."""

    def __init__(self, console: Console | None = None) -> None:
        """Write to ``console``; by default the process's stderr."""
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
        self._task: TaskID | None = None
        self._label = ""

    def __enter__(self) -> Terminal:
        """Start drawing."""
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop drawing."""
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
        self._console.print(f"\nscale: {summary.scale_source}", soft_wrap=True)
        self._console.print(summary.agreement, soft_wrap=True)
        for warning in summary.warnings:
            self._console.print(f"[yellow]note:[/] {warning}", soft_wrap=True)
        used = f"{summary.seconds:.0f} s, peak memory {summary.peak_memory_gb:.1f} GB"
        self._console.print(f"[bold]{summary.folder}[/] is ready: {used}", soft_wrap=True)

    def _replace(self, label: str, total: int | None) -> None:
        self._remove()
        self._label = label
        self._task = self._bars.add_task(label, total=total)

    def _remove(self) -> None:
        if self._task is not None:
            self._bars.remove_task(self._task)
        self._task, self._label = None, ""
