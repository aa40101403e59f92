"""What became of a clip: one small JSON file for each, which several machines may write at the same time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from fit_avatar.io.atomic import write_bytes
from fit_avatar.io.files import parse_json


@dataclass(frozen=True)
class Outcome:
    """What became of a clip."""

    name: str
    state: Literal["done", "failed", "waiting"]
    key: str = ""
    """Hash of its options and files: another one makes it out of date."""
    reason: str = ""
    """Why it failed."""
    attempts: int = 0
    """How often it was tried."""
    seconds: float = 0.0
    """Duration of the last attempt."""
    peak_memory_gb: float = 0.0
    host: str = ""
    """Name of the machine."""
    numbers: Mapping[str, float | None] = field(default_factory=dict)
    """Measures of the result by name."""
    warnings: tuple[str, ...] = ()

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        write_bytes(path, json.dumps(asdict(self), ensure_ascii=False, indent=1).encode())


def read_outcome(path: Path, name: str) -> Outcome:
    """Return what a file says of a clip; where it is missing or damaged, that the clip is waiting."""
    try:
        told: Any = parse_json(path.read_text(encoding="utf-8"))
        known = {each.name for each in fields(Outcome)}
        if told["state"] not in ("done", "failed") or not set(told) <= known:
            return Outcome(name, "waiting")
        return Outcome(**{**told, "name": name, "warnings": tuple(told["warnings"]), "numbers": dict(told["numbers"])})
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return Outcome(name, "waiting")
