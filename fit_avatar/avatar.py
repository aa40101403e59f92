"""The whole way in a script: a video or photographs in, an avatar out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fit_avatar import capture as observing
from fit_avatar.body import Body, BodyState, Posed, load_body, pose_body
from fit_avatar.capture import Camera, Capture
from fit_avatar.correspondence import SurfaceTracker
from fit_avatar.energies import Term
from fit_avatar.errors import NoPersonError
from fit_avatar.export import Style, read_npz, write_avatar, write_extra, write_frames, write_people_snapshot
from fit_avatar.fitting import AnyStage, Preset, Summary, calibrated, fit
from fit_avatar.progress import Advance
from fit_avatar.report import diagnose, measure_agreement, write_preview
from fit_avatar.texture import Texture, bake, find_displacement

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
    warnings: tuple[str, ...] = ()
    """What the user should know: what is in doubt about camera, observations and fit, one sentence each."""
    painted: NDArray[np.uint8] | None = None
    """The texture's picture where that alone is known, as of an avatar that was loaded."""

    @property
    def image(self) -> NDArray[np.uint8] | None:
        """Return the texture's picture, the first row v = 1; None if there is none. RGB [S, S, 3]"""
        return self.painted if self.texture is None else self.texture.image

    @classmethod
    def load(cls, folder: Path | str) -> Avatar:
        """Read what :meth:`save` or the command line has written: ``avatar.npz``, and ``avatar.png`` if it is there.

        Body, shape, poses, camera and the texture's picture are what they were. What was observed is not in these
        files: in the capture keypoints are unseen and masks are empty.

        Raises:
            BadInputError: the folder holds no avatar, or one of another version.
        """
        folder = Path(folder)
        body, state, capture = read_npz(folder / "avatar.npz")
        picture = folder / "avatar.png"
        painted = np.ascontiguousarray(observing.read_image(picture)[..., ::-1]) if picture.is_file() else None
        return cls(body, state, capture, painted=painted)

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
        normal_map: bool = False,
    ) -> tuple[Path, ...]:
        """Write the avatar: OBJ, MTL and PNG, skinned and animated GLB, NPZ, and a picture of it.

        Args:
            folder: where; it is made if it is not there.
            frames: also write the posed mesh of every frame, and its joints.
            people_snapshot: also write the files that projects on top of People-Snapshot ask for.
            extras: of "bvh", "usd", "amass" and "lods", see :func:`fit_avatar.export.write_extra`.
            style: names of joints, bind pose, axis that is up and unit.
            normal_map: also write folds finer than the mesh, which the texture's shading tells.

        Raises:
            BadInputError: the disk is full or the folder cannot be written to.
            MissingDependencyError: an optional package that an extra needs is not installed.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        painted = self.image if self.image is not None else np.full((64, 64, 3), 180, np.uint8)
        displacement = None
        if normal_map and self.texture is not None:
            displacement = find_displacement(self.texture, self.body, self.state, self.capture.frame_indices)
        avatar = (folder, self.body, self.state, self.capture, painted, style, displacement)
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
    delight: bool = False,
    device: str | torch.device = "cpu",
    progress: Advance | None = None,
) -> Avatar:
    """Fit an avatar to a video of one person.

    Args:
        video: the clip.
        height_m: the person's height without shoes; it fixes the scale.
        body: by default the free body, see :func:`load_body`.
        camera: a camera, or a file that describes it; by default the focal length is estimated from the clip.
        keypoints: 2D keypoints, instead of the built-in detector.
        masks: folder of PNG files or a video, instead of the built-in segmentation.
        frames: use at most this many.
        schedule: a preset, its name, or stages of your own.
        terms: further terms of your own.
        texture_size: side of the texture; None leaves it out.
        delight: take the clip's light out of the texture as far as the turn tells it from the colours.
        device: where to compute.
        progress: called with what is being done, steps done and steps in all.

    Raises:
        BadInputError: a file or an option cannot be used.
        NoPersonError: the clip does not show one whole person in enough frames.
    """
    video = Path(video)
    info = observing.probe(video)
    camera, notes = _camera(camera, info.width, info.height)
    seen = observing.observe(video, camera=camera, frames=frames, keypoints=keypoints, masks=masks, progress=progress)

    def pictures() -> Iterator[tuple[int, NDArray[np.uint8]]]:
        for index, frame in observing.read_frames(video, seen.frame_indices.tolist()):
            yield index, observing.undistort(frame, camera)

    avatar = fit_capture(
        seen, _Reread(pictures), height_m=height_m, body=body, schedule=schedule, terms=terms,
        texture_size=texture_size or 0, delight=delight, device=device, progress=progress,
    )  # fmt: skip
    notes = notes if avatar.capture.camera == camera else ()  # what is told of a guess
    return replace(avatar, warnings=(*notes, *avatar.warnings, *_in_doubt(avatar, progress)))


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
    delight: bool = False,
    device: str | torch.device = "cpu",
    progress: Advance | None = None,
) -> Avatar:
    """Fit an avatar to one to eight photographs of one person.

    Arguments, results and errors are those of :func:`fit_video`.
    """
    paths = [Path(image) for image in images]
    camera, notes = _camera(camera, *observing.image_size(paths[0]))
    seen = observing.observe_images(paths, camera=camera, keypoints=keypoints, masks=masks, progress=progress)

    def pictures() -> Iterator[tuple[int, NDArray[np.uint8]]]:
        return ((i, observing.undistort(observing.read_image(path), camera)) for i, path in enumerate(paths))

    avatar = fit_capture(
        seen, _Reread(pictures), height_m=height_m, body=body, schedule=schedule, terms=terms,
        texture_size=texture_size or 0, delight=delight, device=device, progress=progress,
    )  # fmt: skip
    return replace(avatar, warnings=(*notes, *avatar.warnings))


@dataclass(frozen=True)
class _Reread:
    """Frames that are read anew whenever they are gone through, so that none has to be kept."""

    read: Callable[[], Iterator[tuple[int, NDArray[np.uint8]]]]

    def __iter__(self) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        return self.read()


def _camera(given: Camera | Path | str | None, width: int, height: int) -> tuple[Camera, tuple[str, ...]]:
    """Return the camera, and what the user should know about it."""
    if isinstance(given, Camera):
        return given, ()
    if given is None:
        return observing.camera_from(width, height)
    return observing.load_camera(Path(given), width, height)


def _in_doubt(avatar: Avatar, progress: Advance | None) -> tuple[str, ...]:
    """Return what is in doubt about a fit to a video; also where it means nothing, since stages may be one's own."""
    tell = None if progress is None else (lambda done, total: progress("agreement", done, total))
    given = (avatar.body, avatar.state, avatar.capture)
    try:
        return diagnose(*given, measure_agreement(*given, tell))
    except NoPersonError as error:
        sentence = str(error)
        return (f"{sentence[0].upper()}{sentence[1:]}.",)


def fit_capture(
    seen: Capture,
    frames: Frames | None = None,
    *,
    height_m: float | None = None,
    body: Body | None = None,
    schedule: Preset | Sequence[AnyStage] | str = "video-avatar",
    terms: Sequence[Term] = (),
    texture_size: int = 2048,
    delight: bool = False,
    device: str | torch.device = "cpu",
    progress: Advance | None = None,
) -> Avatar:
    """Fit an avatar to what was observed, however it was observed.

    Args:
        seen: the observations.
        frames: (frame index, BGR image), undistorted, for the texture and for stages that look at the pictures; None
            leaves these out. They are gone through several times: what an iterator gives is kept in memory.
        height_m: this and the others as for :func:`fit_video`.
        body: the body.
        schedule: preset or stages.
        terms: further terms.
        texture_size: side of the texture; 0 leaves it out.
        delight: take the light out of it.
        device: where to compute.
        progress: called with what is being done, steps done and steps in all.
    """
    body = (body or load_body(progress=progress)).to(device)
    if isinstance(frames, Iterator):
        frames = list(frames)
    fitted = fit(
        body, seen, height_m=height_m, schedule=schedule, terms=terms, device=device, progress=progress,
        find=None if frames is None else SurfaceTracker(body, seen, frames).match,
    )  # fmt: skip
    state, seen = fitted.state.body_state(body), calibrated(seen, fitted.state)
    texture = None
    if frames is not None and texture_size:
        tell = None if progress is None else (lambda done, total: progress("texture", done, total))
        texture = bake(body, state, seen, frames, texture_size, tell, delight)
    return Avatar(body, state, seen, texture, fitted.summaries, seen.warnings)
