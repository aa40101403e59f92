"""From the fitted body to its texture, and to the files and pictures that other programs show."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fit_avatar import report
from fit_avatar.config import Config
from fit_avatar.export import EXTRAS, Style, write_avatar, write_extra, write_frames, write_people_snapshot
from fit_avatar.io.store import Stage, source_identity
from fit_avatar.progress import Advance
from fit_avatar.steps.fitting import Fitted
from fit_avatar.steps.observing import Source
from fit_avatar.steps.runner import Runner, under
from fit_avatar.texture import Texture, bake, find_displacement


def paint(runner: Runner, config: Config, source: Source, fitted: Fitted) -> Stage[Texture]:
    """Run the stage that paints the texture."""
    depends_on = {
        "fit": fitted.key,
        "size": config.texture_size,
        "delight": config.delight,
        "code": source_identity("texture", "silhouettes"),
    }
    body, state, capture = fitted.body, fitted.state, fitted.capture

    def compute(advance: Advance) -> Texture:
        return bake(
            body,
            state,
            capture,
            source.frames(capture),
            config.texture_size,
            under("texture", advance),
            config.delight,
            fitted.frame_views,
        )

    return runner.run("texture", depends_on, compute)


def write_files(runner: Runner, config: Config, fitted: Fitted, texture: Stage[Texture]) -> tuple[Path, ...]:
    """Run the stages that write the avatar and the further outputs that were asked for; return what they wrote."""
    folder, code = config.folder, source_identity("export")
    style = Style(config.skeleton, config.bind, config.up, config.unit)
    depends_on = {"texture": texture.key, "style": style, "normal_map": config.normal_map, "code": code}
    of_the_fit = {"fit": fitted.key, "code": code}
    body, state, capture = fitted.body, fitted.state, fitted.capture
    displacement = None
    if config.normal_map:
        displacement = runner.run(
            "displacement",
            {"texture": texture.key, "code": source_identity("texture")},
            lambda advance: find_displacement(texture.value, body, state, capture.frame_indices),
        ).value
    avatar = (folder, body, state, capture, texture.value.image, style, displacement)

    def write_posed(advance: Advance) -> list[Path]:
        posed = write_frames(folder, body, state, capture.frame_indices, under("posed frames", advance))
        return [folder / "joints.npz", *sorted(posed.glob("*.obj"))]

    def write_snapshot(advance: Advance) -> list[Path]:
        return write_people_snapshot(folder / "people_snapshot", body, state, capture)

    def write_further(extra: str) -> Callable[[Advance], list[Path]]:
        return lambda advance: write_extra(extra, *avatar)

    files = runner.write("avatar files", depends_on, lambda advance: write_avatar(*avatar)).value
    for extra in EXTRAS:
        if extra in config.export:
            files = (*files, *runner.write(f"{extra} file", depends_on, write_further(extra)).value)
    if "people-snapshot" in config.export:
        files = (*files, *runner.write("people-snapshot files", of_the_fit, write_snapshot).value)
    if "frames" not in config.export:
        return files
    joints, *meshes = runner.write("posed frames", of_the_fit, write_posed).value
    return (*files, meshes[0].parent, joints)


def write_preview(runner: Runner, config: Config, fitted: Fitted, texture: Stage[Texture]) -> tuple[Path, ...]:
    """Run the stage that draws the avatar from four sides."""
    path, image = config.folder / "preview.png", texture.value.image
    return runner.write(
        "preview",
        {"texture": texture.key, "code": source_identity("report", "silhouettes")},
        lambda advance: [report.write_preview(path, fitted.body, fitted.state, image)],
    ).value


def write_overlay(runner: Runner, config: Config, source: Source, fitted: Fitted) -> Stage[tuple[Path, ...]]:
    """Run the stage that draws the surface over the video."""
    path, body, state, capture = config.folder / "overlay.mp4", fitted.body, fitted.state, fitted.capture

    def draw(advance: Advance) -> list[Path]:
        frames = source.frames(capture)
        return [report.write_overlay(path, body, state, capture, frames, under("overlay", advance))]

    return runner.write("overlay", {"fit": fitted.key, "code": source_identity("report", "silhouettes")}, draw)
