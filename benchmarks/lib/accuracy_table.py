"""The rows of an accuracy run as tables in Markdown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from lib.markdown import markdown_table

Row = Mapping[str, Any]
Column = Callable[[Row], float | None]

KEYS = {"clip": "clip", "inputs": "inputs", "variant": "variant", "frames": "frames", "betas": "num_betas"}
"""Headings of what distinguishes fits, and their names in a row."""
DISTANCES = {  # the row's distance, and which number of it
    "similarity": ("similarity", "both"),
    "height": ("height", "both"),
    "height p95": ("height", "both_p95"),
    "height →": ("height", "to_truth"),
    "height ←": ("height", "from_truth"),
    "camera": ("camera", "both"),
    "shape": ("shape", "both"),
    "shape p95": ("shape", "both_p95"),
}
PAINTED = {
    f"{quantity} {suffix}".strip(): f"{name}_{quantity.lower()}"
    for name, suffix in (
        ("texture", ""),
        ("face", "of the face"),
        ("aligned", "of the face aligned"),
        ("unlit", "unlit"),
        ("median", "of a median"),
    )
    for quantity in ("PSNR", "SSIM")
}
REGIONS = {  # headings, and names in the row's regions
    "head": "head",
    "face": "face",
    "face alone": "face alone",
    "hands": "hands",
    "hands worst": "hands worst",
    "feet": "feet",
    "rest": "rest",
    "head °": "head deg",
    "head ° worst": "head deg worst",
}
COLUMNS: dict[str, Column] = {
    **{heading: (lambda row, path=path: row[path[0]][path[1]]) for heading, path in DISTANCES.items()},
    **{heading: (lambda row, name=name: row["regions"].get(name)) for heading, name in REGIONS.items()},
    "nose °": lambda row: row.get("nose_deg"),
    "slide mm/s": lambda row: row.get("slide_mm_s"),
    "MPJPE": lambda row: row["mpjpe_camera_mm"],
    "root": lambda row: row["mpjpe_root_mm"],
    "PA": lambda row: row["pa_mpjpe_mm"],
    "scale %": lambda row: row["scale_error_percent"],
    "focal %": lambda row: row["focal_error_percent"],
    "IoU %": lambda row: 100 * row["iou"],
    "left out %": lambda row: row["iou_left_out"] and 100 * row["iou_left_out"],
    **{heading: (lambda row, name=name: row.get("painted", {}).get(name)) for heading, name in PAINTED.items()},
    "observe s": lambda row: row["seconds"]["observing"],
    "fit s": lambda row: row["fit_s"],
    "GB": lambda row: row["fit_gb"],
}


def accuracy_columns(rows: Sequence[Row]) -> dict[str, Column]:
    """Return the columns of errors; those of textures only if some were made."""
    painted = any("painted" in row for row in rows)
    return {heading: column for heading, column in COLUMNS.items() if painted or heading not in PAINTED}


def seconds_columns(rows: Sequence[Row]) -> dict[str, Column]:
    """Return a column of seconds for every action that some fit had, and of the peak memory with the texture."""
    actions = list(dict.fromkeys(action for row in rows for action in row["seconds"]))
    seconds: dict[str, Column] = {name: (lambda row, name=name: row["seconds"].get(name)) for name in actions}
    return {**seconds, "fit": lambda row: row["fit_s"], "GB": lambda row: row["peak_gb"]}


def table(rows: Sequence[Row], columns: Mapping[str, Column]) -> str:
    """Return the table: every fit, then the mean over clips of each way of fitting."""
    lines: list[list[str]] = []
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        lines.append(_line([row[name] for name in KEYS.values()], [column(row) for column in columns.values()]))
        groups[tuple(row[name] for name in list(KEYS.values())[1:])].append(row)
    for way, group in groups.items():
        if len(group) > 1:
            each = [[v for row in group if (v := column(row)) is not None] for column in columns.values()]
            lines.append(_line([f"**mean of {len(group)}**", *way], [float(np.mean(v)) if v else None for v in each]))
    return markdown_table([*KEYS, *columns], lines)


def cells(values: Sequence[float | None]) -> list[str]:
    """Return numbers as they are shown."""
    return ["–" if value is None else f"{value:.3f}" if abs(value) < 1 else f"{value:.2f}" for value in values]


def _line(keys: Sequence[Any], values: Sequence[float | None]) -> list[str]:
    return [*(str(key) for key in keys), *cells(values)]
