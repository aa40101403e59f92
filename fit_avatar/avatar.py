"""The whole way in a script: a video or photographs in, an avatar out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fit_avatar import capture as observing
from fit_avatar.body import Body, BodyState, Posed, load_body, pose_body
from fit_avatar.capture import Camera, Capture
from fit_avatar.energies import Term
from fit_avatar.export import Style, write_avatar, write_extra, write_frames, write_people_snapshot
from fit_avatar.fitting import AnyStage, Preset, Summary, fit
from fit_avatar.progress import Advance
from fit_avatar.report import write_preview
from fit_avatar.texture import Texture, bake

Frames = Iterable[tuple[int, NDArray[np.uint8]]]


@dataclass(frozen=True)
class Avatar:
    """A person's body, shape, clothes and motion, and what they were fitted to."""

    body: Body
    state: BodyState
    capture: Capture
    texture: Texture | None = None
    summaries: tuple[tuple[str, Summary], ...] = ()
    """What every solve did; its text is a table."""

    def posed(self, body_pose: Tensor | None = None, **changes: Tensor) -> Posed:
        """Return vertices and joints, in the poses of the clip or in others.

        Args:
            body_pose: axis-angle of every joint but the root; zero is the T-pose. [T, J−1, 3]
            changes: other parts of the state: ``global_orient`` [T, 3], ``transl`` [T, 3], ``betas`` [B], ``offsets``
                [V, 3]. Where T is new and they are not given, the person stands upright, 3 m in front of the camera.
        """
        state = self.state
        if body_pose is not None and len(body_pose) != len(state.transl):
            count = len(body_pose)
            upright = {
                "global_orient": body_pose.new_tensor([np.pi, 0, 0]).expand(count, -1),
                "transl": body_pose.new_tensor([0, 0, 3.0]).expand(count, -1),
            }
            if state.expression is not None:
                upright["expression"] = state.expression.new_zeros(count, state.expression.shape[-1])
            changes = {**upright, **changes}
        if body_pose is not None:
            changes["body_pose"] = body_pose
        with torch.no_grad():
            return pose_body(self.body, replace(state, **changes))

    def save(
        self,
        folder: Path | str,
        frames: bool = False,
        people_snapshot: bool = False,
        extras: Sequence[str] = (),
        style: Style | None = None,
    ) -> tuple[Path, ...]:
        """Write the avatar: OBJ, MTL and PNG, skinned and animated GLB, NPZ, and a picture of it.

        Args:
            folder: where; it is made if it is not there.
            frames: also write the posed mesh of every frame, and its joints.
            people_snapshot: also write the files that projects on top of People-Snapshot ask for.
            extras: of "bvh", "usd", "amass" and "lods", see :func:`fit_avatar.export.write_extra`.
            style: names of joints, bind pose, axis that is up and unit.

        Raises:
            BadInputError: the disk is full or the folder cannot be written to.
            MissingDependencyError: an optional package that an extra needs is not installed.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        painted = self.texture.image if self.texture is not None else np.full((64, 64, 3), 180, np.uint8)
        avatar = (folder, self.body, self.state, self.capture, painted, style)
        files = [*write_avatar(*avatar), write_preview(folder / "preview.png", self.body, self.state, painted)]
        for extra in extras:
            files += write_extra(extra, *avatar)
        if frames:
            files.append(write_frames(folder, self.body, self.state, self.capture.frame_indices))
        if people_snapshot:
            files += write_people_snapshot(folder / "people_snapshot", self.body, self.state, self.capture)
        return tuple(files)


def fit_video(
    video: Path | str,
    *,
    height_m: float | None = None,
    body: Body | None = None,
    camera: Camera | Path | str | None = None,
    keypoints: Path | None = None,
    masks: Path | None = None,
    frames: int = 120,
    schedule: Preset | Sequence[AnyStage] | str = "video-avatar",
    terms: Sequence[Term] = (),
    texture_size: int | None = 2048,
    device: str | torch.device = "cpu",
    progress: Advance | None = None,
) -> Avatar:
    """Fit an avatar to a video of one person.

    Args:
        video: the clip.
        height_m: the person's height without shoes; it fixes the scale.
        body: by default the free body, see :func:`load_body`.
        camera: a camera, or a file that describes it; by default a usual phone's, see :func:`camera_from`.
        keypoints: 2D keypoints, instead of the built-in detector.
        masks: folder of PNG files or a video, instead of the built-in segmentation.
        frames: use at most this many.
        schedule: a preset, its name, or stages of your own.
        terms: further terms of your own.
        texture_size: side of the texture; None leaves it out.
        device: where to compute.
        progress: called with what is being done, steps done and steps in all.

    Raises:
        BadInputError: a file or an option cannot be used.
        NoPersonError: the clip does not show one whole person in enough frames.
    """
    video = Path(video)
    info = observing.probe(video)
    camera = _camera(camera, info.width, info.height)
    seen = observing.observe(video, camera=camera, frames=frames, keypoints=keypoints, masks=masks, progress=progress)

    def pictures() -> Iterator[tuple[int, NDArray[np.uint8]]]:
        for index, frame in observing.read_frames(video, seen.frame_indices.tolist()):
            yield index, observing.undistort(frame, camera)

    return fit_capture(
        seen, pictures() if texture_size else None, height_m=height_m, body=body, schedule=schedule, terms=terms,
        texture_size=texture_size or 0, device=device, progress=progress,
    )  # fmt: skip


def fit_images(
    images: Sequence[Path | str],
    *,
    height_m: float | None = None,
    body: Body | None = None,
    camera: Camera | Path | str | None = None,
    keypoints: Path | None = None,
    masks: Path | None = None,
    schedule: Preset | Sequence[AnyStage] | str = "smplify",
    terms: Sequence[Term] = (),
    texture_size: int | None = 1024,
    device: str | torch.device = "cpu",
    progress: Advance | None = None,
) -> Avatar:
    """Fit an avatar to one to eight photographs of one person.

    Arguments, results and errors are those of :func:`fit_video`.
    """
    paths = [Path(image) for image in images]
    camera = _camera(camera, *observing.image_size(paths[0]))
    seen = observing.observe_images(paths, camera=camera, keypoints=keypoints, masks=masks, progress=progress)
    pictures = ((i, observing.undistort(observing.read_image(path), camera)) for i, path in enumerate(paths))
    return fit_capture(
        seen, pictures if texture_size else None, height_m=height_m, body=body, schedule=schedule, terms=terms,
        texture_size=texture_size or 0, device=device, progress=progress,
    )  # fmt: skip


def _camera(given: Camera | Path | str | None, width: int, height: int) -> Camera:
    if isinstance(given, Camera):
        return given
    if given is None:
        return observing.camera_from(width, height)[0]
    return observing.load_camera(Path(given), width, height)[0]


def fit_capture(
    seen: Capture,
    frames: Frames | None = None,
    *,
    height_m: float | None = None,
    body: Body | None = None,
    schedule: Preset | Sequence[AnyStage] | str = "video-avatar",
    terms: Sequence[Term] = (),
    texture_size: int = 2048,
    device: str | torch.device = "cpu",
    progress: Advance | None = None,
) -> Avatar:
    """Fit an avatar to what was observed, however it was observed.

    Args:
        seen: the observations.
        frames: (frame index, BGR image), undistorted, for the texture; None leaves it out.
        height_m: this and the others as for :func:`fit_video`.
        body: the body.
        schedule: preset or stages.
        terms: further terms.
        texture_size: side of the texture.
        device: where to compute.
        progress: called with what is being done, steps done and steps in all.
    """
    body = (body or load_body(progress=progress)).to(device)
    fitted = fit(body, seen, height_m=height_m, schedule=schedule, terms=terms, device=device, progress=progress)
    state = fitted.state.body_state(body)
    texture = None
    if frames is not None:
        tell = None if progress is None else (lambda done, total: progress("texture", done, total))
        texture = bake(body, state, seen, frames, texture_size, tell)
    return Avatar(body, state, seen, texture, fitted.summaries)
