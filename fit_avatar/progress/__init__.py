"""Reporting the progress of a run: bars and lines on a terminal, in detail, not at all, or as JSON for programs."""

from fit_avatar.progress.chosen import reporter_for
from fit_avatar.progress.json_lines import JsonLines
from fit_avatar.progress.reporter import Advance, Left, Reporter, RunSummary, StepProgress
from fit_avatar.progress.silent import Callback, Silent
from fit_avatar.progress.terminal import Terminal

__all__ = [
    "Advance",
    "Callback",
    "JsonLines",
    "Left",
    "Reporter",
    "RunSummary",
    "Silent",
    "StepProgress",
    "Terminal",
    "reporter_for",
]
