"""Progress for programs: one JSON object per line."""

from __future__ import annotations

import json
import logging
import sys
import time
from dataclasses import asdict
from typing import IO, TYPE_CHECKING, Any

from fit_avatar.progress.package_logs import PackageLogs
from fit_avatar.progress.reporter import Left, RunSummary

if TYPE_CHECKING:
    from types import TracebackType


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
        self._logs = PackageLogs(self._log, logging.INFO)
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
