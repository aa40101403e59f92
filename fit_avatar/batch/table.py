"""results.csv and results.parquet: one line for each clip."""

from __future__ import annotations

import csv
import importlib
import importlib.util
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fit_avatar.batch.outcome import Outcome
from fit_avatar.io.atomic import atomic_path, write_bytes

CSV, PARQUET = "results.csv", "results.parquet"
NUMBERS = ("height_m", "frames_used", "silhouette_iou", "keypoint_error_px")
COLUMNS = (
    "name", "video", "state", "reason", *NUMBERS, "seconds", "peak_memory_gb", "attempts", "host", "warnings", "folder",
    "log",
)  # fmt: skip
BETWEEN = " | "
"""What stands between two warnings in a cell."""


def rows(outcomes: Sequence[Outcome], videos: Sequence[str]) -> list[dict[str, Any]]:
    """Return the cells of each clip by the names of the columns; None for what is not known."""
    table = []
    for outcome, video in zip(outcomes, videos, strict=True):
        tried = outcome.state != "waiting"
        table.append(
            {
                "name": outcome.name, "video": video, "state": outcome.state, "reason": outcome.reason or None,
                **{name: _number(outcome.numbers.get(name)) for name in NUMBERS},
                "seconds": outcome.seconds if tried else None,
                "peak_memory_gb": outcome.peak_memory_gb or None,
                "attempts": outcome.attempts, "host": outcome.host or None,
                "warnings": BETWEEN.join(outcome.warnings) or None,
                "folder": f"clips/{outcome.name}" if outcome.state == "done" else None,
                "log": f"logs/{outcome.name}.log" if tried else None,
            }
        )  # fmt: skip
    return table


def write_table(folder: Path, table: Sequence[dict[str, Any]]) -> tuple[Path, ...]:
    """Write the table as CSV, and as Parquet where pyarrow is installed; return the files."""
    text = io.StringIO(newline="")
    lines = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    lines.writeheader()
    lines.writerows(table)
    write_bytes(folder / CSV, text.getvalue().encode(errors="surrogateescape"))
    if importlib.util.find_spec("pyarrow") is None:
        return (folder / CSV,)
    write_parquet(folder / PARQUET, table)
    return folder / CSV, folder / PARQUET


def write_parquet(path: Path, table: Sequence[dict[str, Any]]) -> None:
    """Write the table for programs that read columns; types are the same whatever is known."""
    arrow: Any = importlib.import_module("pyarrow")
    parquet: Any = importlib.import_module("pyarrow.parquet")
    kinds = dict.fromkeys(COLUMNS, arrow.string())
    kinds |= dict.fromkeys((*NUMBERS, "seconds", "peak_memory_gb"), arrow.float64())
    kinds |= dict.fromkeys(("frames_used", "attempts"), arrow.int64())
    plain = [{name: _storable(value) for name, value in row.items()} for row in table]
    with atomic_path(path) as temporary:
        parquet.write_table(arrow.Table.from_pylist(plain, arrow.schema(list(kinds.items()))), temporary)


def _number(value: Any) -> float | int | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _storable(value: Any) -> Any:
    """Return text that is Unicode: names of files need not be."""
    return value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value
