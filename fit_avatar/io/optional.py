"""Optional packages, imported where they are first needed."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from fit_avatar.errors import MissingDependencyError


def import_optional(module: str, need: str, remedy: str) -> Any:
    """Return a module of an optional package.

    Args:
        module: its full name.
        need: what needs which package, as the beginning of the message.
        remedy: how to install it.

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingDependencyError(f"{need} ({error}): {remedy}") from None
