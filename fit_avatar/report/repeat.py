"""What it takes to repeat a run: the command that was given."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from fit_avatar.config import Config

ASIDE = ("fresh", "log", "view")
"""Options that do not change the result."""


def command(options: Mapping[str, Any]) -> str:
    """Return the command line for options (JSON values, as in ``metrics.json``) that differ from the defaults."""
    words = ["fit-avatar"]
    for field in fields(Config):
        value = options.get(field.name)
        default = None if field.default is MISSING else field.default
        if field.name in ASIDE or value is None or value == default or (isinstance(value, (list, tuple)) and not value):
            continue
        words.append(f"--{field.name.replace('_', '-')}")
        if value is not True:
            words += [str(each) for each in value] if isinstance(value, (list, tuple)) else [str(value)]
    return shlex.join(words)
