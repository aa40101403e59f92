"""An avatar: a person's body, shape, clothes and motion, to pose, show and save."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fit_avatar.body import Body, BodyState, Motion, Posed, pose_body
from fit_avatar.capture import Capture, read_image
from fit_avatar.errors import BadInputError
from fit_avatar.export import (
    Style,
    append_animation,
    avatar_files,
    extra_files,
    read_blendshape_weights,
    read_npz,
    to_open3d,
    to_trimesh,
    write_avatar,
    write_extra,
    write_frames,
    write_people_snapshot,
)
from fit_avatar.io.outputs import Outputs
from fit_avatar.report import Agreement, LimbTrust, Quality, Region, write_preview
from fit_avatar.solvers import SolveSummary
from fit_avatar.texture import Texture, find_displacement

if TYPE_CHECKING:
    from trimesh import Trimesh


@dataclass(frozen=True)
class Avatar:
    """A person's body, shape, clothes and motion, and what they were fitted to."""

    body: Body
    state: BodyState
    capture: Capture
    """Its camera is the fit's."""
    texture: Texture | None = None
    solves: tuple[tuple[str, SolveSummary], ...] = ()
    """The name of every solve, and what it did: its text is a table."""
    warnings: tuple[str, ...] = ()
    """What is uncertain about camera, observations and fit: one sentence each."""
    agreement: Agreement | None = None
    """How well the avatar agrees with what was observed."""
    quality: Quality | None = None
    """The confidence of each vertex."""
    regions: tuple[Region, ...] = ()
    """The same by parts of the body."""
    limbs: tuple[LimbTrust, ...] = ()
    """How far each limb can be trusted over the clip."""
    keypoint_bias: Tensor | None = None
    """From the body's keypoints to what the detector means by them, in the bind pose. [K, 3] metres"""
    painted: NDArray[np.uint8] | None = None
    """The texture's picture where that alone is known, as of an avatar that was loaded."""
    every_frame: Motion | None = None
    """The poses of every frame of the clip, where they were solved for; :attr:`motion` is there in any case."""
    blendshape_weights: NDArray[np.float32] | None = None
    """What the face does in the fitted frames: weights in [0, 1] of the default body's 52 shapes, in the order of
    :func:`fit_avatar.body.default_body.face_shapes`. None: no frame shows the face well enough. [T, 52]"""

    @property
    def motion(self) -> Motion:
        """Return the poses with their times: of every frame of the clip, or (of photographs) of the fitted ones."""
        fitted = Motion(self.capture.frame_indices, self.capture.times_s, self.state, self.blendshape_weights)
        return self.every_frame or fitted

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
        body, state, capture, every_frame = read_npz(folder / "avatar.npz")
        picture = folder / "avatar.png"
        painted = np.ascontiguousarray(read_image(picture)[..., ::-1]) if picture.is_file() else None
        expressions = read_blendshape_weights(folder / "avatar.npz")
        return cls(body, state, capture, painted=painted, every_frame=every_frame, blendshape_weights=expressions)

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

    def to_trimesh(self, frame: int | None = None) -> Trimesh:
        """Return the avatar as a textured ``trimesh.Trimesh``, see :func:`fit_avatar.export.to_trimesh`.

        Args:
            frame: 0 to T − 1, for the posed mesh in camera coordinates; None for the bind pose on the floor.
        """
        return to_trimesh(self.body, self.state, self.image, frame)

    def to_open3d(self, frame: int | None = None) -> Any:
        """Return the avatar as a textured ``open3d.geometry.TriangleMesh``, see :func:`fit_avatar.export.to_open3d`.

        Args:
            frame: as for :meth:`to_trimesh`.
        """
        return to_open3d(self.body, self.state, self.image, frame)

    def append_to(self, glb: Path | str, name: str, force: bool = False) -> Path:
        """Add the motion to the GLB of the same avatar, as a further animation.

        Args:
            glb: as :meth:`save` or the command line has written it.
            name: of the animation.
            force: also replace one of this name.

        Raises:
            BadInputError: the file is not of this avatar, or has an animation of this name.
        """
        return append_animation(Path(glb), self.body, self.motion, self.capture.fps, name, force=force)

    def save(
        self,
        folder: Path | str,
        frames: bool = False,
        people_snapshot: bool = False,
        extras: Sequence[str] = (),
        style: Style | None = None,
        normal_map: bool = False,
        force: bool = False,
    ) -> tuple[Path, ...]:
        """Write the avatar: OBJ, MTL and PNG, skinned and animated GLB, NPZ, what was observed, and a picture of it.

        GLB, BVH and USD hold :attr:`motion`, the NPZ that and the fitted frames.

        Args:
            folder: where; it is made if it is not there.
            frames: also write the posed mesh of every frame, and its joints.
            people_snapshot: also write the files that projects on top of People-Snapshot ask for, without their video
                (with it: :func:`fit_avatar.export.write_people_snapshot`, which takes pictures).
            extras: of "bvh", "usd", "amass", "vrm" and "lods", see :func:`fit_avatar.export.write_extra`.
            style: names of joints, bind pose, axis that is up and unit.
            normal_map: also write folds finer than the mesh; the avatar must have been fitted with ``normal_map``.
            force: also write over files of the folder that this package did not write.

        Raises:
            BadInputError: a file is there already and is not this package's, the disk is full, the folder cannot be
                written to, or a normal map is wanted of an avatar without folds.
            MissingDependencyError: an optional package that an extra needs is not installed.
        """
        folder = Path(folder)
        painted = self.image if self.image is not None else np.full((64, 64, 3), 180, np.uint8)
        displacement = None
        if normal_map:
            if self.texture is None or self.texture.relief is None:
                raise BadInputError("a normal map needs folds read from the pictures: fit with normal_map=True")
            displacement = find_displacement(self.texture.relief, self.body, self.state)
        avatar = (
            folder, self.body, self.state, self.capture, painted, style, displacement, self.every_frame,
            self.blendshape_weights,
        )  # fmt: skip
        names = (*extras, *(["frames"] if frames else []), *(["people-snapshot"] if people_snapshot else []))
        targets = [*avatar_files(folder, displacement is not None), folder / "preview.png"]
        targets += [file for name in names for file in extra_files(folder, name)]
        with Outputs(folder, force).writing(targets):
            files = [*write_avatar(*avatar), write_preview(folder / "preview.png", self.body, self.state, painted)]
            for extra in extras:
                files += write_extra(extra, *avatar)
            if frames:
                files.append(write_frames(folder, self.body, self.state, self.capture.frame_indices))
            if people_snapshot:
                files += write_people_snapshot(folder / "people_snapshot", self.body, self.state, self.capture)
        return tuple(files)
