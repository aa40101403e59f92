"""The package's log messages, passed on for a while."""

from __future__ import annotations

import logging
from collections.abc import Callable


class PackageLogs(logging.Handler):
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
        """Pass a record on."""
        self._receive(record)

    def stop(self) -> None:
        """Restore the logger."""
        self._logger.removeHandler(self)
        self._logger.setLevel(self._before[0])
        self._logger.propagate = self._before[1]
