"""How the page is served, and what it takes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fit_avatar.errors import BadInputError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
"""Addresses that only this machine reaches."""


@dataclass(frozen=True)
class AppOptions:
    """Serve a page on which a video becomes an avatar; only this machine reaches it, unless --host says otherwise."""

    host: str = "127.0.0.1"
    """Address to listen at; 0.0.0.0 lets everybody in the network in, without a password."""
    port: int = 7860
    """Port to listen at; 0 takes a free one."""
    queue: int = 8
    """How many videos may wait; one is fitted at a time."""
    max_mb: int = 500
    """Largest video that is taken, in megabytes."""
    max_seconds: float = 120.0
    """Longest video that is taken."""
    keep_min: float = 60.0
    """Minutes after which a result and its video are deleted."""
    folder: Path | None = None
    """Folder for videos and results while they are kept; by default one of the system's temporary folders."""

    def check(self) -> None:
        """Check the numbers.

        Raises:
            BadInputError: one cannot be right.
        """
        bounds: list[tuple[str, float, float, float]] = [
            ("--port", self.port, 0, 65535),
            ("--queue", self.queue, 1, 1000),
            ("--max-mb", self.max_mb, 1, 100_000),
            ("--max-seconds", self.max_seconds, 1, 36_000),
            ("--keep-min", self.keep_min, 0.01, 1_000_000),
        ]
        for name, value, low, high in bounds:
            if not low <= value <= high:
                raise BadInputError(f"{name} {value:g} cannot be right: it must be between {low:g} and {high:g}")
