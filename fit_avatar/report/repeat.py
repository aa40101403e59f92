"""The command that repeats a run."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from fit_avatar.config import Config

NEUTRAL = ("fresh", "force", "log", "view")
"""Options that do not change the result."""


def command(options: Mapping[str, Any]) -> str:
    """Return the command line with the options that differ from the defaults. options: as in ``metrics.json``"""
    words = ["fit-avatar"]
    for field in fields(Config):
        value = options.get(field.name)
        default = None if field.default is MISSING else field.default
        if field.name in NEUTRAL or value in (None, default, [], ()):
            continue
        name = field.name.replace("_", "-")
        words.append(f"--no-{name}" if value is False else f"--{name}")
        if not isinstance(value, bool):
            words += [str(each) for each in value] if isinstance(value, (list, tuple)) else [str(value)]
    return shlex.join(words)
