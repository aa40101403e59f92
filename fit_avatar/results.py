"""The files of a run: the avatar for other programs, pictures of it, and the report."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fit_avatar import report
from fit_avatar.avatar import Avatar
from fit_avatar.capture.source import Source
from fit_avatar.config import Config
from fit_avatar.export import EXTRAS, Style, write_avatar, write_extra, write_frames, write_people_snapshot
from fit_avatar.export.mesh import rest_mesh
from fit_avatar.io.fingerprint import code_identity, file_identity
from fit_avatar.io.runner import Runner, under
from fit_avatar.pipeline import Reconstruction
from fit_avatar.progress import Advance
from fit_avatar.report.page import ASSETS
from fit_avatar.report.repeat import command
from fit_avatar.texture import find_displacement


@dataclass(frozen=True)
class Results:
    """What a run has written."""

    files: tuple[Path, ...]
    """Most useful first."""
    metrics: Mapping[str, Any]
    """What ``metrics.json`` holds."""


def write_results(runner: Runner, config: Config, source: Source, made: Reconstruction) -> Results:
    """Write all that was asked for, each as a stage of the run.

    Raises:
        BadInputError: the disk is full or the folder cannot be written to.
        MissingDependencyError: an optional package that an output needs is not installed.
    """
    written = _Written(runner, config, source, made)
    files = written.avatar_files()
    preview, overlay = written.preview(), written.overlay()
    page, metrics = written.report(overlay)
    file = report.write_metrics(config.folder / "metrics.json", metrics)
    return Results((page, *files, *preview, *overlay, file), metrics)


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

    def avatar_files(self) -> tuple[Path, ...]:
        """Write the avatar and the further outputs that were asked for."""
        runner, config, avatar, keys = self.runner, self.config, self.avatar, self.made.keys
        folder, code = config.folder, code_identity("fit_avatar.export")
        style = Style(config.skeleton, config.bind, config.up, config.unit)
        depends_on = {"texture": keys["texture"], "style": style, "normal_map": config.normal_map, "code": code}
        of_the_fit = {"fit": keys["fit"], "code": code}
        given = (avatar.body, avatar.state, avatar.capture)
        painted = (folder, *given, self.image, style, self._displacement())

        def write_posed(advance: Advance) -> list[Path]:
            posed = write_frames(folder, *given[:2], avatar.capture.frame_indices, under("posed frames", advance))
            return [folder / "joints.npz", *sorted(posed.glob("*.obj"))]

        def write_further(extra: str) -> Callable[[Advance], list[Path]]:
            return lambda advance: write_extra(extra, *painted)

        files = runner.write("avatar files", depends_on, lambda advance: write_avatar(*painted)).value
        for extra in EXTRAS:
            if extra in config.export:
                files += runner.write(f"{extra} file", depends_on, write_further(extra)).value
        if "people-snapshot" in config.export:
            target = folder / "people_snapshot"
            files += runner.write(
                "people-snapshot files", of_the_fit, lambda advance: write_people_snapshot(target, *given)
            ).value
        if "frames" in config.export:
            joints, *meshes = runner.write("posed frames", of_the_fit, write_posed).value
            files += (meshes[0].parent, joints)
        return files

    def _displacement(self) -> Any:
        """Return folds finer than the mesh, if they were asked for."""
        avatar = self.avatar
        if not self.config.normal_map or avatar.texture is None:
            return None
        depends_on = {
            "texture": self.made.keys["texture"], "code": code_identity("fit_avatar.texture.displacement"),
        }  # fmt: skip
        given = (avatar.texture, avatar.body, avatar.state, avatar.capture.frame_indices)
        return self.runner.run("displacement", depends_on, lambda advance: find_displacement(*given)).value

    def preview(self) -> tuple[Path, ...]:
        """Draw the avatar from four sides."""
        path, avatar = self.config.folder / "preview.png", self.avatar
        return self.runner.write(
            "preview",
            {"texture": self.made.keys["texture"], "code": code_identity("fit_avatar.report.preview")},
            lambda advance: [report.write_preview(path, avatar.body, avatar.state, self.image)],
        ).value

    def overlay(self) -> tuple[Path, ...]:
        """Draw the surface over the pictures."""
        path, avatar = self.config.folder / "overlay.mp4", self.avatar

        def draw(advance: Advance) -> list[Path]:
            pictures = self.source.pictures(avatar.capture)
            given = (avatar.body, avatar.state, avatar.capture, pictures)
            return [report.write_overlay(path, *given, under("overlay", advance))]

        code = code_identity("fit_avatar.report.overlay")
        return self.runner.write("overlay", {"fit": self.made.keys["fit"], "code": code}, draw).value

    def report(self, overlay: tuple[Path, ...]) -> tuple[Path, dict[str, Any]]:
        """Write the report; return its file and the metrics of the whole run."""
        avatar, options, folder = self.avatar, options_of(self.config), self.config.folder
        depends_on = {
            "shown": [dict(self.made.keys), command(options), *avatar.warnings],
            "assets": [file_identity(file) for file in sorted(ASSETS.iterdir())],
            "code": code_identity("fit_avatar.report", "fit_avatar.export"),
        }
        assert avatar.quality is not None
        given = (avatar.body, avatar.state, avatar.capture, self.image, avatar.quality)

        def write(advance: Advance) -> list[Path]:
            return [report.write_report(folder / "report.html", self._metrics(), *given, overlay[0])]

        page = self.runner.write("report", depends_on, write)
        return page.value[0], self._metrics()

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
        )


def scale_source(config: Config) -> str:
    """Return where the metres come from, in words."""
    if config.height_m is not None:
        return f"the given height of {config.height_m:g} m"
    return "estimated from average adults, a few per cent uncertain (give --height-m to fix it)"


def options_of(config: Config) -> dict[str, Any]:
    """Return the options as JSON values."""
    return {name: str(value) if isinstance(value, Path) else value for name, value in asdict(config).items()}


def peak_memory_gb() -> float:
    """Return the most memory this process has used; 0 where the system does not report it."""
    try:
        import resource
    except ImportError:  # Windows
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak) / (1e9 if sys.platform == "darwin" else 1e6)
