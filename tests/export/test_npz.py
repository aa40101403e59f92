"""avatar.npz is sufficient to pose the avatar with NumPy and SciPy alone."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from fit_avatar.body.default_body import face_shapes
from fit_avatar.body.model import Body
from fit_avatar.body.motion import Motion
from fit_avatar.body.skinning import pose_body
from fit_avatar.body.state import BodyState
from fit_avatar.capture.types import Camera, Capture
from fit_avatar.errors import BadInputError
from fit_avatar.export import read_blendshape_weights, read_npz, write_npz
from fit_avatar.export.mesh import rest_mesh
from fit_avatar.export.npz import SHAPES
from fit_avatar.io import arrays


def repose(z: dict[str, np.ndarray], t: int) -> np.ndarray:
    """What a user's script would do, by the formula in write_npz's docstring."""
    local = Rotation.from_rotvec(np.concatenate([z["global_orient"][t][None], z["body_pose"][t]])).as_matrix()
    turn, place, rest = np.zeros_like(local), np.zeros((len(local), 3)), z["joints_bind"]
    for k, parent in enumerate(z["parents"]):
        if parent < 0:
            turn[k], place[k] = local[k], rest[k] + z["transl"][t]
        else:
            skin = turn[parent] @ z["bind_rotations"][parent].T
            turn[k], place[k] = turn[parent] @ local[k], place[parent] + skin @ (rest[k] - rest[parent])
    skin = turn @ z["bind_rotations"].transpose(0, 2, 1)
    moved = np.einsum("kab,vkb->vka", skin, z["vertices_bind"][:, None] - rest) + place
    return np.einsum("vk,vka->va", z["lbs_weights"], moved)


@pytest.fixture
def capture() -> Capture:
    return Capture(
        frame_indices=np.array([0, 2, 4, 6, 8, 11]),
        keypoints=np.zeros((6, 25, 3), np.float32),
        masks=np.zeros((6, 4, 4), bool),
        camera=Camera(100, 101, 2, 3, 4, 5),
        frame_weights=np.ones(6, np.float32),
        fps=25.0,
    )


def test_every_frame_can_be_reposed_without_this_package(
    tmp_path: Path, body: Body, state: BodyState, capture: Capture
) -> None:
    path = write_npz(tmp_path / "avatar.npz", body, state, capture)
    with np.load(path, allow_pickle=False) as file:
        z = dict(file)
    posed = pose_body(body, state)
    for t in (0, 3):
        np.testing.assert_allclose(repose(z, t), posed.vertices[t].numpy(), atol=1e-5)
    np.testing.assert_allclose(z["joints"], posed.joints.numpy())
    np.testing.assert_allclose(
        z["vertices_bind"], z["template"] + z["shape_basis"] @ z["betas"] + z["offsets"], atol=1e-6
    )
    np.testing.assert_array_equal(z["frame_indices"], [0, 2, 4, 6, 8, 11])
    np.testing.assert_array_equal(z["image_size"], [4, 5])
    assert z["fps"] == 25 and z["uv"].shape == body.uvs.shape and z["uv_faces"].shape == body.faces.shape


def test_a_body_with_expression_is_written(tmp_path: Path, body: Body, state: BodyState, capture: Capture) -> None:
    smile = torch.zeros(*body.shape_basis.shape[:2], 2)
    smiling = replace(
        body,
        shape_basis=torch.cat([body.shape_basis, smile + 0.01], -1),
        joint_basis=torch.cat([body.joint_basis, torch.zeros(len(body.parents), 3, 2)], -1),
        num_expression=2,
    )
    moved = replace(state, expression=torch.ones(len(state.transl), 2))
    write_npz(tmp_path / "avatar.npz", smiling, moved, capture)
    rest = rest_mesh(smiling, moved)
    with np.load(tmp_path / "avatar.npz") as z:
        np.testing.assert_allclose(z["joints_bind"] + rest.floor_shift, rest.joints, atol=1e-5)
        np.testing.assert_allclose(z["expression"], 1.0)


@pytest.fixture
def saved(tmp_path: Path, body: Body, state: BodyState, capture: Capture) -> dict[str, np.ndarray]:
    return arrays.read_npz(write_npz(tmp_path / "avatar.npz", body, state, capture))


def test_what_was_written_is_read(tmp_path: Path, saved: dict[str, np.ndarray], state: BodyState) -> None:
    _, again, capture, _ = read_npz(tmp_path / "avatar.npz")
    texts = {"part_names", "joint_names", "body_name", "body_licence", "body_gender", "landmark_names"}
    assert set(saved) == (set(SHAPES) & set(saved)) | {"joints"} | texts
    torch.testing.assert_close(again.transl, state.transl)
    assert capture.camera.width == 4 and capture.fps == 25


def every_frame(state: BodyState, count: int = 12) -> Motion:
    """Return poses of more frames than are fitted, at times that are not even."""
    chosen = torch.arange(count) % len(state.transl)
    poses = {name: getattr(state, name)[chosen] for name in ("global_orient", "body_pose", "transl")}
    return Motion(np.arange(count), np.arange(count) ** 1.1 / 25, replace(state, **poses))


def test_what_the_face_does_is_kept_with_the_names_of_its_shapes(
    tmp_path: Path, body: Body, state: BodyState, capture: Capture
) -> None:
    weights = np.random.default_rng(0).random((18, 52)).astype(np.float32)
    motion = replace(every_frame(state), blendshape_weights=weights[:12])
    path = write_npz(tmp_path / "avatar.npz", body, state, capture, motion, weights[12:])
    np.testing.assert_array_equal(read_npz(path)[3].blendshape_weights, weights[:12])
    np.testing.assert_array_equal(read_blendshape_weights(path), weights[12:])
    assert arrays.read_npz(path)["blendshape_names"].tolist() == list(face_shapes().names)
    without = write_npz(tmp_path / "without.npz", body, state, capture, every_frame(state))
    assert read_blendshape_weights(without) is None and read_npz(without)[3].blendshape_weights is None


def test_the_motion_of_every_frame_is_kept_beside_the_fitted_frames(
    tmp_path: Path, body: Body, state: BodyState, capture: Capture
) -> None:
    motion = every_frame(state)
    path = write_npz(tmp_path / "avatar.npz", body, state, capture, motion)
    _, again, _, read = read_npz(path)
    assert torch.equal(again.transl, state.transl) and read is not None
    for name, value in vars(motion.state).items():
        assert value is None or torch.equal(value, getattr(read.state, name)), name
    np.testing.assert_array_equal(read.times_s, motion.times_s)
    np.testing.assert_array_equal(read.frame_indices, motion.frame_indices)
    saved = arrays.read_npz(path)
    assert set(saved) - set(SHAPES) == {
        "joints", "part_names", "joint_names", "body_name", "body_licence", "body_gender", "landmark_names"
    }  # fmt: skip
    arrays.write_npz(path, {**saved, "motion_times_s": saved["motion_times_s"][::-1].copy()})
    with pytest.raises(BadInputError, match="times that do not ascend"):
        read_npz(path)
    for name in [name for name in saved if name.startswith("motion_")]:
        arrays.write_npz(path, {**saved, name: saved[name][:-1]})
        with pytest.raises(BadInputError, match="is not what this version of fit-avatar writes"):
            read_npz(path)


def variants(array: np.ndarray) -> list[np.ndarray]:
    """Return arrays that cannot stand for this one."""
    wrong = [np.full(array.shape, "x"), np.zeros((*array.shape, 2)), np.full(array.shape, np.nan)]
    if array.ndim:
        wrong += [array[..., :0], array[:0], np.zeros(())]
    return wrong + ([array[:-1]] if array.ndim and len(array) > 1 else [])


def test_arrays_that_do_not_fit_together_are_told(tmp_path: Path, saved: dict[str, np.ndarray]) -> None:
    tried = 0
    for name, array in saved.items():
        for wrong in variants(array):
            if name not in SHAPES or (name == "distortion" and wrong.ndim == 1 and wrong.dtype == array.dtype):
                continue  # any number of coefficients will do
            arrays.write_npz(tmp_path / "avatar.npz", {**saved, name: wrong})
            with pytest.raises(BadInputError, match="is not what this version of fit-avatar writes") as caught:
                read_npz(tmp_path / "avatar.npz")
            assert "\n" not in str(caught.value)
            tried += 1
    assert tried > 150


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("faces", 10**6), ("uv_faces", -2), ("parents", 99), ("mirror", 10**6), ("image_size", 10**9),
        ("image_size", 0), ("fps", 0), ("fps", np.inf), ("faces", -1), ("mirror", -1), ("parents", -1), ("parents", 0),
        ("lbs_weights", 1e30), ("template", -1e30),
    ],
)  # fmt: skip
def test_values_that_are_impossible_are_told(
    tmp_path: Path, saved: dict[str, np.ndarray], name: str, value: float
) -> None:
    wrong = np.full(saved[name].shape, value, saved[name].dtype)
    arrays.write_npz(tmp_path / "avatar.npz", {**saved, name: wrong})
    with pytest.raises(BadInputError, match="is not what this version of fit-avatar writes"):
        read_npz(tmp_path / "avatar.npz")


@pytest.mark.parametrize("content", [b"", b"PK", bytes(1000)])
def test_a_damaged_file_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "avatar.npz").write_bytes(content)
    with pytest.raises(BadInputError, match="is not what this version of fit-avatar writes"):
        read_npz(tmp_path / "avatar.npz")
