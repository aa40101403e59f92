"""``--preview``: a first avatar within seconds, from few small frames, for somebody who waits for the whole one."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fit_avatar.avatar import Avatar
from fit_avatar.body import Body
from fit_avatar.capture.config import DEFAULT_CAPTURE
from fit_avatar.capture.source import Source
from fit_avatar.config import REFINED, Config
from fit_avatar.errors import BadInputError
from fit_avatar.export import in_bind_pose, write_glb
from fit_avatar.export.world import in_world
from fit_avatar.fitting import EstimateFocalLength, Schedule, Solve, as_schedule, preset
from fit_avatar.io.fingerprint import code_identity
from fit_avatar.io.runner import Runner
from fit_avatar.io.store import Store
from fit_avatar.options import Options
from fit_avatar.pipeline import build, seen_by
from fit_avatar.progress import Advance, Callback
from fit_avatar.report.viewer import avatar_page
from fit_avatar.solvers import GaussNewton

FILE, PAGE, STAGE = "preview.glb", "preview.html", "first avatar"


@dataclass(frozen=True)
class PreviewConfig:
    """How much of a clip a preview looks at."""

    frames: int = 16
    """Spread evenly over the clip: a turn in steps of 22°. Chosen by hand, for 20 s on two cores."""
    side_px: int = 512
    """Longer side of the pictures. Chosen by hand, likewise."""
    texture_size: int = 768
    """Side of the texture: a texel of 2 mm, where a pixel of such pictures is 4. Chosen by hand."""
    learning_frames: int = 8
    """From which colours and background are learnt for the masks. Chosen by hand, likewise."""
    effort: float = 0.5
    """Part of the usual iterations of every solve. Chosen by hand, likewise."""
    least_iterations: int = 3
    """Of a solve: a consensus shape is matched to the outlines once in so many. Chosen by hand."""


PREVIEW = PreviewConfig()


@dataclass(frozen=True)
class Preview:
    """The preview of a run: what it is made of, and where it is."""

    source: Source
    options: Options
    config: Config
    how: PreviewConfig

    @classmethod
    def of(cls, config: Config, source: Source, how: PreviewConfig = PREVIEW) -> Preview:
        """Plan the preview of a run with these options."""
        small = replace(source, max_frames=min(how.frames, config.frames), most_px=how.side_px)
        given = config.preset if config.preset in REFINED else None

        def method(name: str) -> Schedule:
            schedule = preset(name, "fast").with_garment(config.garment)
            return quicker(as_schedule(schedule, init=config.init), how)

        options = Options(
            method(given or "video-avatar"), config.height_m, min(how.texture_size, config.texture_size),
            config.delight, every_frame=False, other_motion=None if given else method("motion"), shoes=config.shoes,
            uv_layout=config.uv_layout,
        )  # fmt: skip
        return cls(small, options, config, how)

    @property
    def files(self) -> tuple[Path, Path]:
        """Return the GLB, and a page on which it turns."""
        return self.config.folder / FILE, self.config.folder / PAGE

    def write(self, runner: Runner, body: Body) -> tuple[tuple[Path, ...], tuple[str, ...]]:
        """Make the preview, unless it or the avatar that has replaced it is there.

        Returns:
            Its files or that avatar, and what the user should know about them.

        Raises:
            BadInputError: a file cannot be used or written.
            NoPersonError: the frames that were looked at do not show one whole person.
        """
        made: list[Avatar] = []

        def write(advance: Advance) -> list[Path]:
            made.append(self._avatar(body, advance))
            glb, page = self.files
            self._write_glb(made[0], glb)
            page.write_text(avatar_page("A preview of the avatar", glb.read_bytes()), encoding="utf-8")
            return [glb, page]

        files = runner.write(STAGE, self._depends_on(body), write, list(self.files)).value
        return tuple(files), made[0].warnings if made else ()

    def replaced_by(self, avatar: Path, store: Store, body: Body) -> None:
        """Remember, after a whole run, that another run needs no preview."""
        remove_preview(self.config.folder, store)
        store.run_files(STAGE, self._depends_on(body), lambda: [avatar])

    def _avatar(self, body: Body, advance: Advance) -> Avatar:
        settings = replace(DEFAULT_CAPTURE, learning_frames=self.how.learning_frames)
        capture = self.source.observe(advance, settings)
        pictures = list(self.source.pictures(capture))  # small, and gone through several times
        runner = Runner(None, Callback(advance))
        return build(capture, pictures, body, self.options, runner, source=self.source).avatar

    def _write_glb(self, avatar: Avatar, path: Path) -> None:
        image, config = avatar.image, self.config
        assert image is not None, "the command line always paints a texture"
        moving = in_world(avatar.body, avatar.motion, avatar.capture)
        bound, poses = in_bind_pose(avatar.body, moving.state, config.bind)
        write_glb(
            path, bound, poses, avatar.capture.fps, image, moving.frame_indices, skeleton=config.skeleton,
            times_s=moving.times_s, name="preview",
        )  # fmt: skip

    def _depends_on(self, body: Body) -> Mapping[str, Any]:
        options, config = self.options, self.config
        return {
            "seen": seen_by(self.source), "body": body.arrays(), "code": code_identity("fit_avatar.preview"),
            "options": [
                options.height_m, options.texture_size, options.uv_layout, options.delight, options.shoes,
                config.garment,
                config.preset, config.init, config.skeleton, config.bind, self.how,
            ],
        }  # fmt: skip


def quicker(schedule: Schedule, how: PreviewConfig = PREVIEW) -> Schedule:
    """Return a schedule whose solves have fewer iterations."""

    def fewer(solve: Solve) -> Solve:
        optimiser = solve.optimiser
        if not isinstance(optimiser, GaussNewton):
            return solve
        iterations = max(how.least_iterations, math.ceil(how.effort * optimiser.iterations))
        shorter = replace(solve, optimiser=replace(optimiser, iterations=min(iterations, optimiser.iterations)))
        if isinstance(shorter, EstimateFocalLength):
            return replace(shorter, trial_iterations=math.ceil(how.effort * shorter.trial_iterations))
        return shorter

    return schedule.with_each(Solve, fewer)


def remove_preview(folder: Path, store: Store) -> None:
    """Remove the preview that a whole run has replaced; a user's own files of these names stay."""
    for path in (folder / FILE, folder / PAGE):
        if path.is_file():
            with contextlib.suppress(BadInputError), store.writing([path]):
                path.unlink()
