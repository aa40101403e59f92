"""From a video to an avatar: the stages in their order, each kept so that a later run continues."""

from __future__ import annotations

import logging
import time

import torch

from fit_avatar import steps
from fit_avatar.body import BodyState, load_body
from fit_avatar.config import Config, resolve_device, validate
from fit_avatar.export import check_installed
from fit_avatar.fitting.presets import Preset, preset
from fit_avatar.io.store import Store
from fit_avatar.progress import Reporter, RunSummary, Silent
from fit_avatar.report import coverage_warnings, diagnose, write_metrics
from fit_avatar.report.live import LiveViewer
from fit_avatar.report.numbers import key_numbers

logger = logging.getLogger(__name__)


def run(config: Config, reporter: Reporter | None = None) -> RunSummary:
    """Turn a video into a textured, rigged avatar in ``config.folder``.

    Nothing is written before the options, the video and the camera have been checked. Every stage is kept
    in ``cache`` below the folder; another run does only what has not been done or depends on a changed option.

    Raises:
        BadInputError: an option or a file cannot be used.
        NoPersonError: the clip does not show one whole person in enough frames.
        MissingDependencyError: a package or system library is not there.
    """
    began = time.perf_counter()
    validate(config)
    check_installed(config.export)
    device = torch.device(resolve_device(config.device))
    plan = preset(config.method, config.quality)
    source = steps.Source.of(config)
    reporter = reporter or Silent()
    viewer = LiveViewer(reporter) if config.view else None
    if viewer is not None:
        logger.warning("watch the fit at %s", viewer.address)
    try:
        return _run(config, device, plan, source, reporter, viewer, began)
    finally:
        if viewer is not None:
            viewer.close()


def _run(
    config: Config,
    device: torch.device,
    plan: Preset,
    source: steps.Source,
    reporter: Reporter,
    viewer: LiveViewer | None,
    began: float,
) -> RunSummary:
    runner = steps.Runner(Store(config.folder / "cache", config.fresh), viewer or reporter)
    body = runner.ready("body", lambda advance: load_body(config.num_betas, advance, config.body)).to(device)
    observed = steps.observe(runner, config, source)

    def watch(state: BodyState) -> None:
        if viewer is not None:
            viewer.show(body, state)

    fitted = steps.fit(runner, config, plan, body, observed, source, watch)
    capture = fitted.capture
    agreement = steps.agree(runner, fitted)
    # a photograph shows one side in any case, and says so already
    in_doubt = diagnose(body, fitted.state, capture, agreement) if config.video is not None else ()
    texture = steps.paint(runner, config, source, fitted)
    files = steps.write_files(runner, config, fitted, texture)
    preview = steps.write_preview(runner, config, fitted, texture)
    overlay = steps.write_overlay(runner, config, source, fitted)
    findings = steps.examine(runner, fitted, agreement)
    if config.video is not None:
        in_doubt += coverage_warnings(findings.regions, len(capture.masks))
    notes = source.notes if capture.camera == source.camera else ()  # what is told of a guess
    warnings = (*notes, *capture.warnings, *in_doubt)
    page, metrics = steps.write_page(runner, config, fitted, texture, overlay, findings, warnings)
    metrics_file = write_metrics(config.folder / "metrics.json", metrics)
    return RunSummary(
        folder=config.folder,
        files=(page, *files, *preview, *overlay.value, metrics_file),
        scale_source=metrics["scale_source"],
        agreement=agreement.sentence,
        warnings=warnings,
        seconds=time.perf_counter() - began,
        peak_memory_gb=metrics["peak_memory_gb"],
        numbers=key_numbers(metrics),
    )
