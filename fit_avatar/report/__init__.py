"""What shows a user how good the result is: the overlay video and the numbers."""

from fit_avatar.report.metrics import Agreement, build_metrics, measure_agreement, write_metrics
from fit_avatar.report.overlay import draw_overlay, write_overlay
from fit_avatar.report.preview import render_view, write_preview

__all__ = [
    "Agreement",
    "build_metrics",
    "draw_overlay",
    "measure_agreement",
    "render_view",
    "write_metrics",
    "write_overlay",
    "write_preview",
]
