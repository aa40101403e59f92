"""Reports on the quality of a result: metrics, measurements, diagnostics, overlay video, and a page with everything."""

from fit_avatar.report.arm_check import ArmConfig, arm_warnings
from fit_avatar.report.coverage import Region, coverage_warnings, summarise_regions
from fit_avatar.report.diagnostics import diagnose
from fit_avatar.report.hand_check import HandConfig, hand_warnings
from fit_avatar.report.hat_check import hat_warnings
from fit_avatar.report.limb_check import LimbTrust, limb_trust, limb_warnings
from fit_avatar.report.measurements import Measurement, measure_body
from fit_avatar.report.metrics import Agreement, build_metrics, measure_agreement, write_metrics
from fit_avatar.report.overlay import draw_overlay, write_overlay
from fit_avatar.report.page import write_report
from fit_avatar.report.preview import render_view, write_preview
from fit_avatar.report.quality import Quality, measure_quality

__all__ = [
    "Agreement",
    "ArmConfig",
    "HandConfig",
    "LimbTrust",
    "Measurement",
    "Quality",
    "Region",
    "arm_warnings",
    "build_metrics",
    "coverage_warnings",
    "diagnose",
    "draw_overlay",
    "hand_warnings",
    "hat_warnings",
    "limb_trust",
    "limb_warnings",
    "measure_agreement",
    "measure_body",
    "measure_quality",
    "render_view",
    "summarise_regions",
    "write_metrics",
    "write_overlay",
    "write_preview",
    "write_report",
]
