"""From the fitted body to what is told about it: agreement, quality, metrics, and the report."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fit_avatar import report
from fit_avatar.config import Config
from fit_avatar.export.mesh import rest_mesh
from fit_avatar.io.store import Stage, file_identity, source_identity
from fit_avatar.report import Agreement, Measurement, Quality, Region
from fit_avatar.report.page import ASSETS
from fit_avatar.report.repeat import command
from fit_avatar.steps.fitting import Fitted
from fit_avatar.steps.runner import Runner, under
from fit_avatar.texture import Texture


@dataclass(frozen=True)
class Findings:
    """What was found out about a fit."""

    agreement: Agreement
    quality: Stage[Quality]
    regions: tuple[Region, ...]
    measurements: tuple[Measurement, ...]


def agree(runner: Runner, fitted: Fitted) -> Agreement:
    """Run the stage that compares the fit with what was observed."""
    given = (fitted.body, fitted.state, fitted.capture)
    return runner.run(
        "agreement",
        {"fit": fitted.key, "code": source_identity("report", "silhouettes", "texture")},
        lambda advance: report.measure_agreement(
            *given, under("agreement", advance), fitted.frame_views, fitted.keypoint_bias
        ),
    ).value


def examine(runner: Runner, fitted: Fitted, agreement: Agreement) -> Findings:
    """Run the stage that measures how far each part of the body can be trusted."""
    body, state, capture = fitted.body, fitted.state, fitted.capture
    quality = runner.run(
        "quality",
        {"fit": fitted.key, "code": source_identity("report", "silhouettes", "texture")},
        lambda advance: report.measure_quality(body, state, capture, under("quality", advance), fitted.frame_views),
    )
    regions = report.summarise_regions(body, state, quality.value)
    return Findings(agreement, quality, tuple(regions), tuple(report.measure_body(body, state)))


def _metrics(
    runner: Runner, config: Config, fitted: Fitted, findings: Findings, warnings: Sequence[str]
) -> dict[str, Any]:
    """Return what ``metrics.json`` holds after the stages that have been run so far."""
    return report.build_metrics(
        options=options_of(config),
        capture=fitted.capture,
        agreement=findings.agreement,
        stages=runner.done,
        solves=[(name, asdict(summary)) for name, summary in fitted.summaries],
        scale_source=_scale_source(config),
        height_m=float(np.ptp(rest_mesh(fitted.body, fitted.state).vertices[:, 1])),
        peak_memory_gb=_peak_memory_gb(),
        warnings=warnings,
        measurements=findings.measurements,
        regions=findings.regions,
    )


def write_page(
    runner: Runner,
    config: Config,
    fitted: Fitted,
    texture: Stage[Texture],
    overlay: Stage[tuple[Path, ...]],
    findings: Findings,
    warnings: Sequence[str],
) -> tuple[Path, Mapping[str, Any]]:
    """Run the stage that writes the report; return its file and the metrics of the whole run."""
    quality = findings.quality
    depends_on = {
        "shown": [texture.key, overlay.key, quality.key, command(options_of(config)), *warnings],
        "assets": [file_identity(file) for file in sorted(ASSETS.iterdir())],
        "code": source_identity("report", "export", "silhouettes"),
    }
    path, body, state, capture = config.folder / "report.html", fitted.body, fitted.state, fitted.capture
    image, drawn = texture.value.image, overlay.value[0]

    def metrics() -> dict[str, Any]:
        return _metrics(runner, config, fitted, findings, warnings)

    page = runner.write(
        "report",
        depends_on,
        lambda advance: [report.write_report(path, metrics(), body, state, capture, image, quality.value, drawn)],
    )
    return page.value[0], metrics()


def _scale_source(config: Config) -> str:
    """Return where the metres come from, in words."""
    if config.height_m is not None:
        return f"the given height of {config.height_m:g} m"
    return "estimated from average adults, a few per cent uncertain (give --height-m to fix it)"


def options_of(config: Config) -> dict[str, Any]:
    """Return the options as JSON values."""
    return {name: str(value) if isinstance(value, Path) else value for name, value in asdict(config).items()}


def _peak_memory_gb() -> float:
    """Return the most memory this process has used; 0 where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak) / (1e9 if sys.platform == "darwin" else 1e6)
