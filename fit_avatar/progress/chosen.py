"""The reporter that a user chooses."""

from __future__ import annotations

from fit_avatar.progress.json_lines import JsonLines
from fit_avatar.progress.silent import Silent
from fit_avatar.progress.terminal import Terminal


def reporter_for(log: str) -> Silent | Terminal | JsonLines:
    """Return the reporter for the option ``--log``: ``bar``, ``quiet``, ``verbose`` or ``json``."""
    if log == "quiet":
        return Silent()
    return JsonLines() if log == "json" else Terminal(verbose=log == "verbose")
