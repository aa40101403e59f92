"""Reporters that print nothing."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from fit_avatar.progress.package_logs import PackageLogs
from fit_avatar.progress.reporter import Advance, Left, RunSummary

if TYPE_CHECKING:
    from types import TracebackType


class Silent:
    """Prints nothing; errors are still raised."""

    def __enter__(self) -> Silent:
        """Suppress the package's log messages."""
        self._logs = PackageLogs(lambda record: None, logging.CRITICAL)
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
