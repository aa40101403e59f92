"""The rows of a robustness run as tables in Markdown: one of all numbers, one of ratios with a column for each clip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lib.markdown import markdown_table

Row = Mapping[str, Any]

ALLOWED = 2.0
"""A disturbance may cost this many times the undisturbed error."""
HEADINGS = (
    "clip", "inputs", "disturbance", "frames", "height mm", "×", "p95 mm", "PA-MPJPE mm", "×", "IoU %", "fit s", "GB",
    "within", "message",
)  # fmt: skip


def table(rows: Sequence[Row]) -> str:
    """Return every disturbance of every clip, with all its numbers."""
    return markdown_table(HEADINGS, [_cells(row, undisturbed(row, rows)) for row in rows])


def overview(rows: Sequence[Row]) -> str:
    """Return what every disturbance costs each clip: ratios of the height-aligned error and of the PA-MPJPE."""
    ways = list(dict.fromkeys((row["clip"], row["inputs"], row["frames_wanted"]) for row in rows))
    found = {(row["disturbance"], row["clip"], row["inputs"], row["frames_wanted"]): row for row in rows}
    lines = []
    for name in dict.fromkeys(row["disturbance"] for row in rows if row["disturbance"] != "undisturbed"):
        same = [found.get((name, *way)) for way in ways]
        lines.append([name, *("–" if row is None else _summary(row, undisturbed(row, rows)) for row in same)])
    return markdown_table(
        ["disturbance", *(f"{clip}, {inputs}, {count} frames" for clip, inputs, count in ways)], lines
    )


def undisturbed(row: Row, rows: Sequence[Row]) -> Row | None:
    """Return the row of the same clip as it was, if it was fitted."""
    same = ("clip", "inputs", "frames_wanted")
    others = (r for r in rows if r["disturbance"] == "undisturbed" and all(r[k] == row[k] for k in same))
    baseline = next(others, None)
    return baseline if baseline is not None and baseline["outcome"] == "fitted" else None


def within(row: Row, baseline: Row | None) -> str:
    """Return whether a disturbance costs no more than allowed, or is refused as it should be."""
    if row["outcome"] == "refused":
        return "refused" if row["exit_code"] == 2 else "NO"
    if row["outcome"] != "fitted" or baseline is None:
        return "NO"
    if all(row[key] <= ALLOWED * baseline[key] for key in ("height_mm", "pa_mpjpe_mm")):
        return "yes"
    return "NO, but warned" if set(row["warnings"]) - set(baseline["warnings"]) else "NO"


def _ratios(row: Row, baseline: Row | None) -> list[str]:
    return ["–" if baseline is None else f"{row[key] / baseline[key]:.2f}" for key in ("height_mm", "pa_mpjpe_mm")]


def _summary(row: Row, baseline: Row | None) -> str:
    verdict = within(row, baseline)
    if row["outcome"] != "fitted":
        return verdict if verdict == "refused" else f"{verdict}: {row['outcome']}"
    ratios = " / ".join(_ratios(row, baseline))
    return ratios if verdict == "yes" else f"{ratios} ({verdict})"


def _cells(row: Row, baseline: Row | None) -> list[str]:
    verdict, start = within(row, baseline), [row["clip"], row["inputs"], row["disturbance"]]
    if row["outcome"] != "fitted":
        code = f" (exit code {row['exit_code']})" if "exit_code" in row else ""
        return [*start, *["–"] * 9, verdict, f"{row['outcome']}{code}: {row['said'].strip().splitlines()[-1]}"]
    height, pose = _ratios(row, baseline)
    return [
        *start, str(row["frames"]), f"{row['height_mm']:.2f}", height, f"{row['height_p95_mm']:.1f}",
        f"{row['pa_mpjpe_mm']:.1f}", pose, f"{100 * row['iou']:.1f}", f"{row['fit_s']:.0f}",
        f"{row['peak_memory_gb']:.1f}", verdict, " ".join(row["warnings"]) or "–",
    ]  # fmt: skip
