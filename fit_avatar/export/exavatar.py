"""exavatar/: the result in the layout of ExAvatar's custom videos, after its own fit of SMPL-X.

Moon et al., "Expressive Whole-Body 3D Gaussian Avatar", ECCV 2024.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fit_avatar.body.garment import own_vertices
from fit_avatar.body.joints import BODY_JOINTS, SMPLX_JOINTS
from fit_avatar.body.keypoint_sets import COCO_WHOLEBODY_133, OPENPOSE_137
from fit_avatar.body.model import Body
from fit_avatar.body.state import BodyState
from fit_avatar.capture.types import Camera, Capture, Image, Mask
from fit_avatar.export.pictures import Pictures, Step, check_masks, paired, shown_rows, write_png, written_files
from fit_avatar.export.smpl_family import Float32, as_array, check_body, first_betas, joint_poses
from fit_avatar.io.atomic import atomic_folder

NUM_BETAS, NUM_EXPRESSION, TEXTURE_SIDE = 100, 50, 512
"""As its configuration has them."""
BACKGROUND_M = 1.0
"""How far the background is behind the farthest pelvis. Any distance looks the same to a camera that stands still.
Chosen by hand."""
MAX_POINTS = 400_000
"""Of the background; a fifth of them is used. Chosen by hand."""


def write_exavatar(
    folder: Path, body: Body, state: BodyState, capture: Capture, pictures: Pictures, on_step: Step | None = None
) -> list[Path]:
    """Write all that its ``train.py`` reads, in place of the steps of its ``fitting/``.

    ``frames/``, ``masks/``, ``cam_params/``, ``keypoints_whole_body/`` (COCO-WholeBody) and
    ``smplx_optimized/smplx_params_smoothed/`` have one file for each fitted frame, called after its index in the clip.
    ``frame_list_train.txt`` lists all, ``frame_list_test.txt`` every eighth. ``trans`` is SMPL-X's own; hands are
    relative to the model's mean hand, and expressions zero, since its layer has FLAME's. What only its own fit finds is
    there and says nothing: offsets of joints and face are zero, and the face's texture is masked out everywhere.
    ``bkg_point_cloud.txt`` is the background of the frames on a plane behind the person.

    Its renderer has the principal point in the picture's middle. Where that is not so, frames and masks are continued
    at the border until it is, and keypoints move along.

    Args:
        folder: where to write; it is replaced.
        body: SMPL-X.
        state: shape and T poses.
        capture: of the same T frames.
        pictures: of these frames, undistorted.
        on_step: is told how many frames are done.

    Returns:
        The files.

    Raises:
        BadInputError: the body is another one, a mask is empty, a picture is missing, the disk is full, or the folder
            cannot be written to.
    """
    check_body(["exavatar"], body)
    check_masks(capture, "exavatar")
    border = _Border.around(capture.camera)
    parameters, points = _parameters(body, state), _whole_body(capture)
    points[..., :2] += [border.left, border.top]
    scene = _Background(border.camera)
    with atomic_folder(folder) as temporary:
        for name in ("frames", "masks", "cam_params", "keypoints_whole_body", "smplx_optimized/smplx_params_smoothed"):
            (temporary / name).mkdir(parents=True)
        for row, index, picture in paired(capture, pictures, on_step):
            frame, mask = border.picture(picture), border.mask(capture.masks[row])
            write_png(temporary / f"frames/{index}.png", frame)
            write_png(temporary / f"masks/{index}.png", mask)
            scene.add(frame, mask)
            _write_json(temporary / f"cam_params/{index}.json", _camera(border.camera))
            _write_json(temporary / f"keypoints_whole_body/{index}.json", points[row].round(3).tolist())
            pose = {name: values[row].tolist() for name, values in parameters.items()}
            _write_json(temporary / f"smplx_optimized/smplx_params_smoothed/{index}.json", pose)
        _write_person(temporary / "smplx_optimized", body, state)
        _write_lists(temporary, capture.frame_indices.tolist())
        depth = float(state.transl[:, 2].max()) + BACKGROUND_M
        np.savetxt(temporary / "bkg_point_cloud.txt", scene.points(depth), fmt="%.4f")
    return written_files(folder)


def _parameters(body: Body, state: BodyState) -> dict[str, Float32]:
    """Return what a file of parameters holds, for all frames. [T, …] each"""
    joints = joint_poses(body, state, SMPLX_JOINTS)
    first = SMPLX_JOINTS.index("jaw")
    hands = joints[:, first + 3 :]
    if body.hand_mean is not None:
        hands = hands - as_array(body.hand_mean).reshape(30, 3)
    return {
        "root_pose": joints[:, 0],
        "body_pose": joints[:, 1 : len(BODY_JOINTS)],
        "jaw_pose": joints[:, first],
        "leye_pose": joints[:, first + 1],
        "reye_pose": joints[:, first + 2],
        "lhand_pose": hands[:, :15],
        "rhand_pose": hands[:, 15:],
        "expr": np.zeros((len(joints), NUM_EXPRESSION), np.float32),
        "trans": as_array(state.transl),
    }


def _whole_body(capture: Capture) -> Float32:
    """Return COCO-WholeBody's points; those that were not observed have confidence 0. [T, 133, 3]"""
    count = len(capture.keypoints)
    face = np.zeros((count, 70, 3), np.float32) if capture.face is None else capture.face
    hands = np.zeros((count, 2, 21, 3), np.float32) if capture.hands is None else capture.hands
    points = np.concatenate([capture.keypoints, face, hands.reshape(count, 42, 3)], axis=1)
    return points[:, [OPENPOSE_137.index(name) for name in COCO_WHOLEBODY_133]].astype(np.float32)


def _camera(camera: Camera) -> dict[str, Any]:
    return {
        "R": np.eye(3).tolist(), "t": [0.0] * 3, "focal": [camera.fx, camera.fy], "princpt": [camera.cx, camera.cy],
    }  # fmt: skip


def _write_person(folder: Path, body: Body, state: BodyState) -> None:
    """Write what is the same in all frames."""
    vertices, joints = own_vertices(body), len(SMPLX_JOINTS)
    _write_json(folder / "shape_param.json", first_betas(state, NUM_BETAS).tolist())
    for name, count in (("face", vertices), ("joint", joints), ("locator", joints)):
        _write_json(folder / f"{name}_offset.json", [[0.0] * 3] * count)
    for name in ("face_texture.png", "face_texture_mask.png"):
        write_png(folder / name, np.zeros((TEXTURE_SIDE, TEXTURE_SIDE, 3), np.uint8))


def _write_lists(folder: Path, indices: list[int]) -> None:
    shown = [indices[row] for row in shown_rows(len(indices))]
    for name, some in (("all", indices), ("train", indices), ("test", shown)):
        (folder / f"frame_list_{name}.txt").write_text("".join(f"{index}\n" for index in some), encoding="ascii")


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content), encoding="ascii")


@dataclass(frozen=True)
class _Border:
    """Pixels that are added on each side so that the principal point is in the middle, to within half a pixel."""

    camera: Camera
    """Of the pictures with the border."""
    left: int
    top: int
    right: int
    bottom: int

    @classmethod
    def around(cls, camera: Camera) -> _Border:
        """Return the smallest border."""
        x, y = round(2 * camera.cx - camera.width), round(2 * camera.cy - camera.height)
        left, top, right, bottom = max(-x, 0), max(-y, 0), max(x, 0), max(y, 0)
        wider = camera.cropped(-left, -top, camera.width + left + right, camera.height + top + bottom)
        return cls(wider, left, top, right, bottom)

    def picture(self, picture: Image) -> Image:
        """Return a picture with its outermost pixels continued."""
        sides = (self.top, self.bottom, self.left, self.right)
        return np.asarray(cv2.copyMakeBorder(picture, *sides, cv2.BORDER_REPLICATE), np.uint8)

    def mask(self, mask: Mask) -> Mask:
        """Return a mask with nobody in the border."""
        return np.pad(mask, ((self.top, self.bottom), (self.left, self.right)))


@dataclass
class _Background:
    """The mean colour of every pixel where the person is not."""

    camera: Camera
    total: Float32 = field(init=False)
    seen: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        self.seen = np.zeros((self.camera.height, self.camera.width), np.int64)
        self.total = np.zeros((*self.seen.shape, 3), np.float32)

    def add(self, picture: Image, mask: Mask) -> None:
        """Take in a frame: BGR [H, W, 3], and its mask [H, W]."""
        self.total += picture * ~mask[..., None]
        self.seen += ~mask

    def points(self, depth_m: float) -> NDArray[np.float64]:
        """Return (x, y, z, r, g, b) of pixels on a plane: camera coordinates in metres, colours 0 to 255. [N, 6]"""
        step = int(np.ceil(np.sqrt(self.seen.size / MAX_POINTS)))
        y, x = (where * step for where in np.nonzero(self.seen[::step, ::step]))
        camera = self.camera
        places = [(x + 0.5 - camera.cx) / camera.fx * depth_m, (y + 0.5 - camera.cy) / camera.fy * depth_m]
        colours = self.total[y, x, ::-1] / self.seen[y, x, None]
        return np.column_stack([*places, np.full(len(x), depth_m), colours])
