"""Plots of the report as inline SVG, which needs neither a library nor a script: a line over the frames, and bars."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

WIDTH, HEIGHT = 420, 190
LEFT, RIGHT, TOP, BOTTOM = 46, 10, 12, 34
"""Margins for the labels."""


def frame_plot(
    title: str,
    frames: Sequence[int],
    values: Sequence[float | None],
    left_out: Sequence[int] = (),
    low: float | None = None,
    high: float | None = None,
) -> str:
    """Return a plot of one value for each frame.

    Args:
        title: what the values are, with their unit.
        frames: indices in the video.
        values: one for each frame; None breaks the line.
        left_out: indices of frames that were not used, marked below the axis.
        low: lower end of the axis; by default the smallest value.
        high: upper end of the axis; by default the largest value.
    """
    known = [value for value in values if value is not None]
    if not known:
        return f'<p class="quiet">{escape(title)}: no frame has a value.</p>'
    ticks = nice_ticks(min(known) if low is None else low, max(known) if high is None else high)
    first, last = min([*frames, *left_out]), max([*frames, *left_out])

    def across(frame: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (frame - first) / max(last - first, 1)

    def down(value: float) -> float:
        fraction = (value - ticks[0]) / (ticks[-1] - ticks[0])
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * min(max(fraction, 0), 1)

    drawn = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">']
    for tick in ticks:
        y = down(tick)
        drawn.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        drawn.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>')
    for tick in nice_ticks(first, last):
        if first <= tick <= last and tick == int(tick):
            drawn.append(f'<text x="{across(tick):.1f}" y="{HEIGHT - 8}" text-anchor="middle">{tick:g}</text>')
    for frame in left_out:
        x, y = across(frame), HEIGHT - BOTTOM
        tooltip = f"<title>frame {frame} left out</title>"
        drawn.append(f'<line class="out" x1="{x:.1f}" x2="{x:.1f}" y1="{y}" y2="{y + 7}">{tooltip}</line>')
    for run in _runs(frames, values):
        points = " ".join(f"{across(frame):.1f},{down(value):.1f}" for frame, value in run)
        drawn.append(f'<polyline class="line" points="{points}"/>')
        for frame, value in run:
            drawn.append(
                f'<circle class="dot" cx="{across(frame):.1f}" cy="{down(value):.1f}" r="2.4">'
                f"<title>frame {frame}: {value:g}</title></circle>"
            )
    drawn.append("</svg>")
    return f'<figure class="plot"><figcaption>{escape(title)}</figcaption>{"".join(drawn)}</figure>'


def bars(rows: Sequence[tuple[str, float, str, str]]) -> str:
    """Return labelled horizontal bars. Rows of (label, fraction of the full width in [0, 1], text, CSS class)."""
    drawn = []
    for label, fraction, text, kind in rows:
        filled = f'<span class="bar {escape(kind)}" style="width:{100 * min(max(fraction, 0), 1):.1f}%"></span>'
        cells = ("bar-label", escape(label)), ("bar-track", filled), ("bar-text", escape(text))
        drawn.append("".join(f'<span class="{name}">{content}</span>' for name, content in cells))
    return "".join(["<div class='bars'>", *(f'<div class="bar-row">{row}</div>' for row in drawn), "</div>"])


def nice_ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Return round numbers, evenly spaced, that enclose a range."""
    if high <= low:
        low, high = low - 0.5, high + 0.5
    rough = (high - low) / about
    unit = 10 ** math.floor(math.log10(rough))
    step = next(factor * unit for factor in (1, 2, 2.5, 5, 10) if factor * unit >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(k * step, 10) for k in range(first, last + 1)]


def _runs(frames: Sequence[int], values: Sequence[float | None]) -> list[list[tuple[int, float]]]:
    """Return the runs of (frame, value) without a gap."""
    runs: list[list[tuple[int, float]]] = [[]]
    for frame, value in zip(frames, values, strict=True):
        if value is None:
            runs.append([])
        else:
            runs[-1].append((frame, value))
    return [run for run in runs if run]
