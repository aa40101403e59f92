"""From a video to an avatar: the stages in their order, each kept so that a later run continues."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from fit_avatar import capture as observing
from fit_avatar import fitting
from fit_avatar.body import Body, BodyState, load_body
from fit_avatar.capture import Camera, Capture
from fit_avatar.config import BODIES, Config, resolve_device, validate
from fit_avatar.errors import BadInputError
from fit_avatar.export import (
    EXTRAS,
    Style,
    check_installed,
    write_avatar,
    write_extra,
    write_frames,
    write_people_snapshot,
)
from fit_avatar.export.mesh import rest_mesh
from fit_avatar.fitting.presets import preset
from fit_avatar.progress import Advance, Reporter, Silent
from fit_avatar.report import (
    build_metrics,
    coverage_warnings,
    doubts,
    measure_agreement,
    measure_body,
    measure_quality,
    summarise_regions,
    write_metrics,
    write_overlay,
    write_preview,
    write_report,
)
from fit_avatar.report.live import LiveViewer
from fit_avatar.report.numbers import key_numbers
from fit_avatar.report.page import ASSETS
from fit_avatar.report.repeat import command
from fit_avatar.store import Stage, Store, file_identity, source_identity
from fit_avatar.texture import bake

T = TypeVar("T")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Summary:
    """What a run gave."""

    folder: Path
    files: tuple[Path, ...]
    """What was written, most useful first."""
    scale_source: str
    """Where the metres come from, in words."""
    agreement: str
    """How well the fit agrees with the video, in words."""
    warnings: tuple[str, ...]
    """What the user should know."""
    seconds: float
    """Duration of this run."""
    peak_memory_gb: float
    numbers: tuple[tuple[str, str], ...] = ()
    """The most important results: names and values."""


def run(config: Config, reporter: Reporter | None = None) -> Summary:
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
    camera, camera_notes = _camera(config, *_picture_size(config))
    reporter = reporter or Silent()
    viewer = LiveViewer(reporter) if config.view else None
    if viewer is not None:
        logger.warning("watch the fit at %s", viewer.address)
    stages = _Stages(Store(config.folder / "cache", config.fresh), viewer or reporter)

    body = stages.ready("body", lambda advance: load_body(config.num_betas, advance, config.body)).to(device)
    observed = _observe(stages, config, camera)
    capture = observed.value

    def watch(state: fitting.ClipState) -> None:
        if viewer is not None:
            several = state.transl.dim() > 2  # hypotheses that are followed together
            viewer.show(body, _on(device, state.hypothesis(0) if several else state).body_state(body))

    fitted, summaries = _fit(stages, config, plan, body, observed, watch)
    state = fitted.value.state.body_state(body)
    agreement = stages.run(
        "agreement",
        {"fit": fitted.key, "code": source_identity("report", "silhouettes")},
        lambda advance: measure_agreement(body, state, capture, _under("agreement", advance)),
    ).value
    # a photograph shows one side in any case, and says so already
    in_doubt = doubts(body, state, capture, agreement) if config.video is not None else ()

    def frames() -> Iterator[tuple[int, NDArray[np.uint8]]]:
        for index, frame in _pictures(config, capture):
            yield index, observing.undistort(frame, camera)

    texture = stages.run(
        "texture",
        {
            "fit": fitted.key,
            "size": config.texture_size,
            "delight": config.delight,
            "code": source_identity("texture", "silhouettes"),
        },
        lambda advance: bake(
            body, state, capture, frames(), config.texture_size, _under("texture", advance), config.delight
        ),
    )
    files = _export(stages, config, body, state, capture, fitted.key, texture.value.image, texture.key)
    preview = stages.write(
        "preview",
        {"texture": texture.key, "code": source_identity("report", "silhouettes")},
        lambda advance: [write_preview(config.folder / "preview.png", body, state, texture.value.image)],
    )
    overlay = stages.write(
        "overlay",
        {"fit": fitted.key, "code": source_identity("report", "silhouettes")},
        lambda advance: [
            write_overlay(config.folder / "overlay.mp4", body, state, capture, frames(), _under("overlay", advance))
        ],
    )
    quality = stages.run(
        "quality",
        {"fit": fitted.key, "code": source_identity("report", "silhouettes", "texture")},
        lambda advance: measure_quality(body, state, capture, _under("quality", advance)),
    )
    regions, measurements = summarise_regions(body, state, quality.value), measure_body(body, state)
    if config.video is not None:
        in_doubt += coverage_warnings(regions, len(capture.masks))
    scale_source = _scale_source(config)
    warnings = (*camera_notes, *capture.warnings, *in_doubt)

    def metrics() -> dict[str, Any]:
        return build_metrics(
            options=_options(config),
            capture=capture,
            agreement=agreement,
            stages=stages.done,
            solves=[(name, asdict(summary)) for name, summary in summaries],
            scale_source=scale_source,
            height_m=float(np.ptp(rest_mesh(body, state).vertices[:, 1])),
            peak_memory_gb=_peak_memory_gb(),
            warnings=warnings,
            measurements=measurements,
            regions=regions,
        )

    report = stages.write(
        "report",
        {
            "shown": [texture.key, overlay.key, quality.key, command(_options(config)), *warnings],
            "assets": [file_identity(file) for file in sorted(ASSETS.iterdir())],
            "code": source_identity("report", "export", "silhouettes"),
        },
        lambda advance: [
            write_report(
                config.folder / "report.html", metrics(), body, state, capture, texture.value.image, quality.value,
                overlay.value[0],
            )
        ],
    )  # fmt: skip
    results = metrics()
    metrics_file = write_metrics(config.folder / "metrics.json", results)
    return Summary(
        folder=config.folder,
        files=(*report.value, *files, *preview.value, *overlay.value, metrics_file),
        scale_source=scale_source,
        agreement=agreement.sentence,
        warnings=warnings,
        seconds=time.perf_counter() - began,
        peak_memory_gb=_peak_memory_gb(),
        numbers=key_numbers(results),
    )


@dataclass
class _Stages:
    """Runs stages through the store, tells the reporter, and remembers how long each took."""

    store: Store
    reporter: Reporter
    done: list[dict[str, Any]] = field(default_factory=list)

    def run(self, name: str, depends_on: Mapping[str, Any], compute: Callable[[Advance], T]) -> Stage[T]:
        """Return the value of a stage, computed now or kept from before."""
        self.reporter.start(name)
        stage = self.store.run(name, depends_on, lambda: compute(self.reporter.advance))
        self._finish(name, stage.seconds, stage.cached)
        return stage

    def write(
        self, name: str, depends_on: Mapping[str, Any], write: Callable[[Advance], Sequence[Path]]
    ) -> Stage[tuple[Path, ...]]:
        """Return the files of a stage, written now or there from before."""
        self.reporter.start(name)
        stage = self.store.run_files(name, depends_on, lambda: write(self.reporter.advance))
        self._finish(name, stage.seconds, stage.cached)
        return stage

    def ready(self, name: str, compute: Callable[[Advance], T]) -> T:
        """Return the value of a stage that keeps its result elsewhere."""
        self.reporter.start(name)
        start = time.perf_counter()
        value = compute(self.reporter.advance)
        self._finish(name, time.perf_counter() - start, cached=False)
        return value

    def _finish(self, name: str, seconds: float, cached: bool) -> None:
        self.reporter.finish(name, seconds, cached)
        self.done.append({"name": name, "seconds": round(seconds, 2), "kept_from_earlier_run": cached})


def _picture_size(config: Config) -> tuple[int, int]:
    if config.video is None:
        return observing.image_size(config.image[0])
    video = observing.probe(config.video)
    return video.width, video.height


def _pictures(config: Config, capture: Capture) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Yield the frames that were used, as they were taken."""
    if config.video is not None:
        yield from observing.read_frames(config.video, capture.frame_indices.tolist())
        return
    for index in capture.frame_indices.tolist():
        yield index, observing.read_image(config.image[index])


def _camera(config: Config, width: int, height: int) -> tuple[Camera, tuple[str, ...]]:
    if config.camera is not None:
        return observing.load_camera(config.camera, width, height)
    return observing.camera_from(
        width, height, fov_deg=config.fov_deg, focal_px=config.focal_px, focal_35mm=config.focal_35mm
    )


def _observe(stages: _Stages, config: Config, camera: Camera) -> Stage[Capture]:
    depends_on = {
        "video": config.video and file_identity(config.video),
        "images": [file_identity(image) for image in config.image],
        "frames": config.frames,
        "detector": config.detector,
        "keypoints": config.keypoints and file_identity(config.keypoints),
        "masks": config.masks and file_identity(config.masks),
        "camera": camera,
        "code": source_identity("capture"),
    }

    def look(advance: Advance) -> Capture:
        if config.video is None:
            return observing.observe_images(
                config.image,
                keypoints=config.keypoints,
                masks=config.masks,
                camera=camera,
                detector=config.detector,
                progress=advance,
            )
        return observing.observe(
            config.video,
            frames=config.frames,
            keypoints=config.keypoints,
            masks=config.masks,
            camera=camera,
            detector=config.detector,
            progress=advance,
        )

    return stages.run("observe", depends_on, look)


def _fit(
    stages: _Stages,
    config: Config,
    plan: fitting.Preset,
    body: Body,
    observed: Stage[Capture],
    watch: Callable[[fitting.ClipState], None],
) -> tuple[Stage[fitting.Fit], list[tuple[str, fitting.Summary]]]:
    """Run the fitting stages one after the other, each from what the one before it gave."""
    device = body.template.device

    @cache
    def evidence() -> fitting.Evidence:  # sampling the outlines takes seconds that a kept fit can do without
        return fitting.gather_evidence(observed.value, fitting.CONTOUR_POINTS, device)

    common = {
        "observed": observed.key,
        "height_m": config.height_m,
        "num_betas": config.num_betas,
        "body": config.body if config.body in BODIES else file_identity(Path(config.body)),
        "flip_test": plan.flip_test,
        "key_frames": plan.key_frames,
        "code": source_identity("body", "silhouettes", "energies", "fitting"),
    }

    def start(advance: Advance) -> fitting.Fit:
        return fitting.begin(body, evidence(), config.height_m, plan)

    def step(stage: fitting.AnyStage, before: fitting.ClipState) -> Callable[[Advance], fitting.Fit]:
        return lambda advance: fitting.run_stage(
            body, evidence(), _on(device, before), stage, config.height_m, _under(stage.name, advance)
        )

    last = stages.run("initialise", common, start)
    watch(last.value.state)
    summaries: list[tuple[str, fitting.Summary]] = []
    reserved = {"observe", "initialise", "texture", "agreement", "quality"}
    for stage in plan.stages:
        if stage.name in reserved:
            raise BadInputError(f"the preset {plan.name} calls a stage {stage.name!r}, which is taken: rename it")
        reserved.add(stage.name)
        last = stages.run(stage.name, {"before": last.key, "stage": stage.describe()}, step(stage, last.value.state))
        watch(last.value.state)
        summaries += last.value.summaries
        for name, summary in last.value.summaries:
            logger.info("%s\n%s", name, summary)
    state = _on(device, last.value.state)
    times = torch.from_numpy(observed.value.frame_indices).to(state.transl)
    return replace(last, value=replace(last.value, state=state.on_all_frames(times))), summaries


def _export(
    stages: _Stages,
    config: Config,
    body: Body,
    state: BodyState,
    capture: Capture,
    fit_key: str,
    texture: NDArray[np.uint8],
    texture_key: str,
) -> tuple[Path, ...]:
    folder, code = config.folder, source_identity("export")
    style = Style(config.skeleton, config.bind, config.up, config.unit)
    depends_on = {"texture": texture_key, "style": style, "code": code}
    avatar = (folder, body, state, capture, texture, style)

    def write_posed(advance: Advance) -> list[Path]:
        posed = write_frames(folder, body, state, capture.frame_indices, _under("posed frames", advance))
        return [folder / "joints.npz", *sorted(posed.glob("*.obj"))]

    def write_snapshot(advance: Advance) -> list[Path]:
        return write_people_snapshot(folder / "people_snapshot", body, state, capture)

    def write_further(extra: str) -> Callable[[Advance], list[Path]]:
        return lambda advance: write_extra(extra, *avatar)

    files = stages.write("avatar files", depends_on, lambda advance: write_avatar(*avatar)).value
    for extra in EXTRAS:
        if extra in config.export:
            files = (*files, *stages.write(f"{extra} file", depends_on, write_further(extra)).value)
    if "people-snapshot" in config.export:
        snapshot = stages.write("people-snapshot files", {"fit": fit_key, "code": code}, write_snapshot).value
        files = (*files, *snapshot)
    if "frames" not in config.export:
        return files
    joints, *meshes = stages.write("posed frames", {"fit": fit_key, "code": code}, write_posed).value
    return (*files, meshes[0].parent, joints)


def _on(device: torch.device, state: T) -> T:
    """Return a dataclass of tensors on a device; kept results come back on the CPU."""
    moved = {name: value.to(device) for name, value in vars(state).items() if isinstance(value, torch.Tensor)}
    return replace(state, **moved)  # type: ignore[type-var]


def _under(label: str, advance: Advance) -> Callable[[int, int], None]:
    """Return a progress callback for a stage of one step."""
    return lambda done, total: advance(label, done, total)


def _scale_source(config: Config) -> str:
    if config.height_m is not None:
        return f"the given height of {config.height_m:g} m"
    return "estimated from average adults, a few per cent uncertain (give --height-m to fix it)"


def _options(config: Config) -> dict[str, Any]:
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
