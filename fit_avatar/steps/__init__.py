"""The stages of a run, each kept by the store and told to the reporter as it goes on."""

from fit_avatar.steps.fitting import Fitted, fit
from fit_avatar.steps.observing import Source, observe
from fit_avatar.steps.reporting import Findings, agree, examine, options_of, write_page
from fit_avatar.steps.runner import Runner
from fit_avatar.steps.writing import paint, write_files, write_overlay, write_preview

__all__ = [
    "Findings",
    "Fitted",
    "Runner",
    "Source",
    "agree",
    "examine",
    "fit",
    "observe",
    "options_of",
    "paint",
    "write_files",
    "write_overlay",
    "write_page",
    "write_preview",
]
