"""The files of a run: the avatar for other programs, pictures of it, and the report."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fit_avatar import preview, report
from fit_avatar.avatar import Avatar
from fit_avatar.capture.source import Source
from fit_avatar.config import Config
from fit_avatar.export import (
    EXTRAS,
    WRITERS,
    Style,
    VrmMeta,
    append_animation,
    avatar_files,
    check_appendable,
    extra_files,
    write_avatar,
    write_dataset,
    write_extra,
    write_frames,
)
from fit_avatar.export.mesh import rest_mesh
from fit_avatar.export.vrm import UNKNOWN
from fit_avatar.io.fingerprint import code_identity, file_identity
from fit_avatar.io.runner import Runner, under
from fit_avatar.pipeline import Reconstruction
from fit_avatar.progress import Advance
from fit_avatar.report.repeat import command
from fit_avatar.report.viewer import ASSETS
from fit_avatar.texture import find_displacement

AVATAR, PREVIEW, OVERLAY = "avatar.glb", "preview.png", "overlay.mp4"
REPORT, METRICS = "report.html", "metrics.json"


@dataclass(frozen=True)
class Results:
    """What a run has written."""

    files: tuple[Path, ...]
    """Most useful first."""
    metrics: Mapping[str, Any]
    """What ``metrics.json`` holds."""
    warnings: tuple[str, ...]
    """What the user should know of the avatar and of its files."""


def planned(config: Config) -> list[Path]:
    """Return the files and folders that a run will write, so that they can be checked before it begins."""
    folder = config.folder
    files = avatar_files(folder, config.normal_map)
    for extra in config.export:
        files += extra_files(folder, extra)
    if config.preview or config.preview_only:
        files += [folder / preview.FILE, folder / preview.PAGE]
    return [*files, *(folder / name for name in (PREVIEW, OVERLAY, REPORT, METRICS))]


def inputs(config: Config) -> list[Path]:
    """Return the files and folders that a run reads."""
    given = (
        config.video, *config.image, config.keypoints, config.masks, config.pose_model, config.camera,
        config.init,
        *config.extension,
    )  # fmt: skip
    named = (Path(name) for name in (config.body, config.preset or "") if name and Path(name).exists())
    known = [] if config.avatar is None else [config.avatar / name for name in ("avatar.npz", "avatar.png")]
    return [path for path in (*given, *named, *known) if path is not None]


def check_appended(config: Config, source: Source, known: Avatar) -> None:
    """Check, before the motion is fitted, that it can be added to the given avatar's GLB.

    Raises:
        BadInputError: it cannot.
    """
    path, clip = _appended_to(config), source.clip_identity()
    check_appendable(path, known.body, known.motion, config.clip, clip, config.force)


def write_results(runner: Runner, config: Config, source: Source, made: Reconstruction) -> Results:
    """Write all that was asked for, each as a stage of the run.

    Raises:
        BadInputError: the disk is full or the folder cannot be written to.
        MissingDependencyError: an optional package that an output needs is not installed.
    """
    written = _Written(runner, config, source, made).with_warnings()
    files = written.avatar_files()
    if config.append:
        files += (written.appended(),)
    preview, overlay = written.preview(), written.overlay()
    page, metrics = written.report(overlay)
    (file,) = written.metrics(metrics)
    return Results((page, *files, *preview, *overlay, file), metrics, written.avatar.warnings)


@dataclass(frozen=True)
class _Written:
    """The stages that write."""

    runner: Runner
    config: Config
    source: Source
    made: Reconstruction

    @property
    def avatar(self) -> Avatar:
        return self.made.avatar

    @property
    def image(self) -> NDArray[np.uint8]:
        image = self.made.avatar.image
        assert image is not None, "the command line always paints a texture"
        return image

    @property
    def _style(self) -> Style:
        config = self.config
        vrm = VrmMeta(config.clip, config.vrm_author or (UNKNOWN,), config.vrm_licence)
        style = Style(config.skeleton, config.bind, config.up, config.unit, blendshapes=config.blendshapes, vrm=vrm)
        return style if config.avatar is None else replace(style, animation=config.clip)

    @property
    def _depends_on(self) -> dict[str, Any]:
        """Return what files of the avatar depend on."""
        keys, code = self.made.keys, code_identity("fit_avatar.export")
        return {
            "texture": keys["texture"], "motion": keys.get("motion", ""), "expressions": keys["expressions"],
            "style": self._style, "normal_map": self.config.normal_map, "code": code,
        }  # fmt: skip

    @property
    def _of_the_fit(self) -> dict[str, Any]:
        """Return what files of bodies without texture depend on."""
        code = self._depends_on["code"]
        return {"fit": self.made.keys["fit"], "layout": self.config.uv_layout, "code": code}

    def with_warnings(self) -> _Written:
        """Return the same with a warning if files of an earlier run are there that would be others now."""
        store, made = self.runner.store, self.made
        stages = {f"{extra} file": (extra, self._depends_on) for extra in EXTRAS}
        stages |= {f"{name} files": (name, self._of_the_fit) for name in WRITERS}
        stages["posed frames"] = ("frames", self._of_the_fit)
        left = {
            file.relative_to(self.config.folder).parts[0]: None  # in order, and each folder once
            for stage, (name, on) in stages.items()
            if store is not None and name not in self.config.export
            for file in store.left_over(stage, on)
        }
        if not left:
            return self
        told = (
            f"In the results folder, {', '.join(left)} came from an earlier run and would be different now: ask for "
            "them again with --export, or delete them."
        )
        avatar = replace(made.avatar, warnings=(*made.avatar.warnings, told))
        return replace(self, made=replace(made, avatar=avatar))

    def avatar_files(self) -> tuple[Path, ...]:
        """Write the avatar and the further outputs that were asked for."""
        runner, config, avatar = self.runner, self.config, self.avatar
        folder, style, depends_on = config.folder, self._style, self._depends_on
        of_the_fit = self._of_the_fit
        given = (avatar.body, avatar.state, avatar.capture)
        moves = (avatar.every_frame, avatar.blendshape_weights)
        painted = (folder, *given, self.image, style, self._displacement(), *moves)

        def write_posed(advance: Advance) -> list[Path]:
            posed = write_frames(folder, *given[:2], avatar.capture.frame_indices, under("posed frames", advance))
            return [folder / "joints.npz", *sorted(posed.glob("*.obj"))]

        def write_further(extra: str) -> Callable[[Advance], list[Path]]:
            return lambda advance: write_extra(extra, *painted)

        def write_trained_on(name: str) -> Callable[[Advance], list[Path]]:
            pictures = self.source.pictures(avatar.capture)
            return lambda advance: write_dataset(name, folder, *given, pictures, under(f"{name} files", advance))

        targets = avatar_files(folder, config.normal_map)
        files = runner.write("avatar files", depends_on, lambda advance: write_avatar(*painted), targets).value
        for extra in EXTRAS:
            if extra in config.export:
                targets = extra_files(folder, extra)
                files += runner.write(f"{extra} file", depends_on, write_further(extra), targets).value
        for name in WRITERS:
            if name in config.export:
                targets = extra_files(folder, name)
                runner.write(f"{name} files", of_the_fit, write_trained_on(name), targets)
                files += tuple(targets)
        if "frames" in config.export:
            joints, *meshes = runner.write("posed frames", of_the_fit, write_posed, extra_files(folder, "frames")).value
            files += (meshes[0].parent, joints)
        return files

    def appended(self) -> Path:
        """Add the motion to the GLB of the given avatar."""
        avatar, config, capture = self.avatar, self.config, self.avatar.capture
        path, clip = _appended_to(config), self.source.clip_identity()
        given = (path, avatar.body, avatar.motion, capture.fps, config.clip, clip, config.force)
        return self.runner.ready("appended animation", lambda advance: append_animation(*given))

    def _displacement(self) -> Any:
        """Return folds finer than the mesh, if they were asked for."""
        avatar = self.avatar
        if avatar.texture is None or avatar.texture.relief is None:
            return None
        depends_on = {
            "texture": self.made.keys["texture"], "code": code_identity("fit_avatar.texture.displacement"),
        }  # fmt: skip
        given = (avatar.texture.relief, avatar.body, avatar.state)
        return self.runner.run("displacement", depends_on, lambda advance: find_displacement(*given)).value

    def preview(self) -> tuple[Path, ...]:
        """Draw the avatar from four sides."""
        path, avatar = self.config.folder / PREVIEW, self.avatar
        return self.runner.write(
            "preview",
            {"texture": self.made.keys["texture"], "code": code_identity("fit_avatar.report.preview")},
            lambda advance: [report.write_preview(path, avatar.body, avatar.state, self.image)],
            [path],
        ).value

    def overlay(self) -> tuple[Path, ...]:
        """Draw the surface over the pictures."""
        path, avatar = self.config.folder / OVERLAY, self.avatar

        def draw(advance: Advance) -> list[Path]:
            pictures = self.source.pictures(avatar.capture)
            given = (avatar.body, avatar.state, avatar.capture, pictures)
            return [report.write_overlay(path, *given, under("overlay", advance))]

        code = code_identity("fit_avatar.report.overlay")
        return self.runner.write("overlay", {"fit": self.made.keys["fit"], "code": code}, draw, [path]).value

    def report(self, overlay: tuple[Path, ...]) -> tuple[Path, dict[str, Any]]:
        """Write the report; return its file and the metrics of the whole run."""
        avatar, options, folder = self.avatar, options_of(self.config), self.config.folder
        path = folder / REPORT
        depends_on = {
            "shown": [dict(self.made.keys), command(options), *avatar.warnings],
            "assets": [file_identity(file) for file in sorted(ASSETS.iterdir())],
            "code": code_identity("fit_avatar.report", "fit_avatar.export"),
        }
        assert avatar.quality is not None
        given = (avatar.body, avatar.state, avatar.capture, self.image, avatar.quality)

        def write(advance: Advance) -> list[Path]:
            return [report.write_report(path, self._metrics(), *given, overlay[0])]

        page = self.runner.write("report", depends_on, write, [path])
        return page.value[0], self._metrics()

    def metrics(self, metrics: Mapping[str, Any]) -> tuple[Path, ...]:
        """Write the metrics, which are new in every run since they hold its times."""
        path, store = self.config.folder / METRICS, self.runner.store
        with contextlib.nullcontext() if store is None else store.writing([path]):
            return (report.write_metrics(path, metrics),)

    def _metrics(self) -> dict[str, Any]:
        """Return what ``metrics.json`` holds after the stages that have been run so far."""
        avatar = self.avatar
        assert avatar.agreement is not None
        return report.build_metrics(
            options=options_of(self.config),
            capture=avatar.capture,
            agreement=avatar.agreement,
            stages=self.runner.done,
            solves=[(name, asdict(summary)) for name, summary in avatar.solves],
            scale_source=scale_source(self.config),
            height_m=float(np.ptp(rest_mesh(avatar.body, avatar.state).vertices[:, 1])),
            peak_memory_gb=peak_memory_gb(),
            warnings=avatar.warnings,
            measurements=report.measure_body(avatar.body, avatar.state),
            regions=avatar.regions,
            limbs=avatar.limbs,
        )


def _appended_to(config: Config) -> Path:
    """Return the GLB of the given avatar."""
    assert config.avatar is not None, "the options are checked"
    return config.avatar / AVATAR


def scale_source(config: Config) -> str:
    """Return where the metres come from, in words."""
    if config.avatar is not None:
        return "that of the given avatar"
    if config.height_m is not None:
        return f"the given height of {config.height_m:g} m"
    return "estimated from average adults, a few per cent uncertain (give --height-m to fix it)"


def options_of(config: Config) -> dict[str, Any]:
    """Return the options as JSON values; of paths outside the working directory the name alone, unless asked for."""
    return {name: _shown(value, config) for name, value in asdict(config).items()}


def _shown(value: Any, config: Config) -> Any:
    if isinstance(value, tuple):
        return [_shown(each, config) for each in value]
    private = isinstance(value, Path) or (isinstance(value, str) and value in (config.body, config.preset))
    if not private:
        return value
    path = Path(value)
    inside = not path.is_absolute() and ".." not in path.parts
    return str(path if inside or config.full_paths else path.name or path.resolve().name)


def peak_memory_gb() -> float:
    """Return the most memory this process has used; 0 where the system does not report it."""
    try:
        import resource
    except ImportError:  # Windows
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak) / (1e9 if sys.platform == "darwin" else 1e6)
