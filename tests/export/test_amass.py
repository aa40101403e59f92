"""avatar_amass.npz, posed by the package smplx, and read as Blender's add-ons read it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation, Slerp

from fit_avatar.body import load_body, pose_body
from fit_avatar.body.joints import SMPLX_JOINTS
from fit_avatar.body.model import Body
from fit_avatar.body.state import BodyState
from fit_avatar.export import write_amass
from fit_avatar.export.axes import Z_UP
from fit_avatar.export.motion import root_motion
from tests.body.smpl_files import model_arrays, write_npz

FRAMES = 4


def moving(body: Body, frames: int = FRAMES) -> BodyState:
    """Return a motion without the hand joints of SMPL, which AMASS does not have, and without clothes."""
    generator = torch.Generator().manual_seed(3)
    pose = 0.4 * torch.randn(frames, len(body.parents) - 1, 3, generator=generator)
    for joint, name in enumerate(body.joint_names[1:]):
        if name in ("left_hand", "right_hand"):
            pose[:, joint] = 0
    return BodyState(
        betas=torch.randn(body.num_betas, generator=generator),
        offsets=torch.zeros_like(body.template),
        global_orient=torch.tensor([[np.pi, 0.0, 0.0]]) + 0.2 * torch.randn(frames, 3, generator=generator),
        body_pose=pose,
        transl=torch.tensor([0.0, 0.1, 3.0]) + 0.1 * torch.randn(frames, 3, generator=generator),
        expression=torch.zeros(frames, body.num_expression) if body.num_expression else None,
    )


def by_smplx(kind: str, model: Path, motion: Path) -> np.ndarray:
    """Return the vertices as a program that reads AMASS computes them. [T, V, 3]"""
    smplx = pytest.importorskip("smplx")
    from smplx.utils import Struct

    with np.load(motion) as z:
        poses, trans, betas = (torch.from_numpy(z[name]).float() for name in ("poses", "trans", "betas"))
    options = {"model_path": str(model), "ext": "npz", "batch_size": len(poses), "num_betas": 10}
    pose = {"betas": betas[:10].expand(len(poses), -1), "global_orient": poses[:, :3], "transl": trans}
    if kind != "smplx":
        with np.load(model) as z:
            options["data_struct"] = Struct(**{key: z[key] for key in z if key != "joint2num"})
    if kind == "smpl":
        pose["body_pose"] = torch.cat([poses[:, 3:66], torch.zeros(len(poses), 6)], 1)
    else:
        options |= {"use_pca": False, "flat_hand_mean": True}
        pose |= {"body_pose": poses[:, 3:66], "left_hand_pose": poses[:, -90:-45], "right_hand_pose": poses[:, -45:]}
    if kind == "smplx":
        pose |= {"jaw_pose": poses[:, 66:69], "leye_pose": poses[:, 69:72], "reye_pose": poses[:, 72:75]}
        pose["expression"] = torch.zeros(len(poses), 10)
    with torch.no_grad():
        model_ = {"smpl": smplx.SMPL, "smplh": smplx.SMPLH, "smplx": smplx.SMPLX}[kind](**options)
        return model_(**pose).vertices.numpy()


@pytest.mark.parametrize("kind", ["smpl", "smplh", "smplx"])
def test_smplx_poses_it_to_the_captured_surface(kind: str, tmp_path: Path) -> None:
    file = write_npz(tmp_path / f"{kind}.npz", model_arrays(kind))
    body = load_body(10, None, str(file))
    state = moving(body)
    motion = write_amass(tmp_path / "motion.npz", body, state, np.arange(FRAMES) / 30)
    to_world = root_motion(body, state).world_from_camera
    expected = pose_body(body, state).vertices.double().numpy() @ to_world[:3, :3].T + to_world[:3, 3]
    np.testing.assert_allclose(by_smplx(kind, file, motion), expected @ Z_UP.T, atol=3e-5)


def as_the_add_on(path: Path, joints: int, target: int = 30) -> tuple[np.ndarray, np.ndarray, str]:
    """Return rotations [N, J, 3], translations and gender as the add-ons for Blender key them, one a frame at 30."""
    with np.load(path) as data:
        key = "mocap_frame_rate" if "mocap_frame_rate" in data else "mocap_framerate"
        rate = int(data[key])
        if rate < target:
            raise ValueError(f"Mocap framerate ({rate}) below target framerate ({target})")
        step = int(rate / target)
        rows = range(0, len(data["trans"]), step)
        rotations = [[data["poses"][row].reshape(-1, 3)[joint] for joint in range(joints)] for row in rows]
        return np.array(rotations), data["trans"][::step], str(data["gender"])


@pytest.mark.parametrize("fps", [4.0, 23.976, 25.0, 29.97, 30.0, 59.94, 50.0, 120.0])
def test_blender_plays_it_at_the_right_speed(tmp_path: Path, body: Body, state: BodyState, fps: float) -> None:
    times = np.arange(6) / fps
    path = write_amass(tmp_path / "a.npz", body, state, times)
    rotations, trans, gender = as_the_add_on(path, 55)
    assert gender == "neutral"
    assert abs((len(trans) - 1) / 30 - times[-1]) < 1 / 30
    elbow = SMPLX_JOINTS.index("left_elbow")
    fitted = Rotation.from_rotvec(state.body_pose[:, body.joint_names.index("left_elbow") - 1].numpy())
    expected = Slerp(times, fitted)(np.minimum(np.arange(len(trans)) / 30, times[-1]))
    assert (expected.inv() * Rotation.from_rotvec(rotations[:, elbow])).magnitude().max() < 1e-5
    with np.load(path) as z:
        rate = float(z["mocap_frame_rate"])
        assert rate == float(z["mocap_framerate"]) and rate % 30 == 0 and rate >= 0.95 * fps
        assert len(z["poses"]) == round(rate * float(z["mocap_time_length"]))


def test_true_times_are_kept(tmp_path: Path, body: Body, state: BodyState) -> None:
    times = np.array([0.0, 0.1, 0.2, 1.2, 1.3, 2.0])  # a pause in a clip of variable rate
    with np.load(write_amass(tmp_path / "a.npz", body, state, times + 7)) as z:
        assert len(z["poses"]) == 61 and float(z["mocap_frame_rate"]) == 30
        knees = z["poses"].reshape(61, 55, 3)[:, SMPLX_JOINTS.index("left_knee")]
    knee = body.joint_names.index("left_knee") - 1
    for row, fitted in ((0, 0), (3, 1), (6, 2), (36, 3), (39, 4), (60, 5)):
        np.testing.assert_allclose(knees[row], state.body_pose[fitted, knee], atol=1e-6)


def test_one_pose(tmp_path: Path, body: Body, state: BodyState) -> None:
    one = replace(state, global_orient=state.global_orient[:1], body_pose=state.body_pose[:1], transl=state.transl[:1])
    with np.load(write_amass(tmp_path / "a.npz", body, one, np.array([0.4]))) as z:
        assert z["poses"].shape == (1, 165) and float(z["mocap_frame_rate"]) == 30


@pytest.mark.parametrize(
    ("name", "kind", "joints"),
    [("smpl", "smplh", 52), ("smplh", "smplh", 52), ("smplx", "smplx", 55), ("toy", "smplx", 55)],
)
def test_layout(tmp_path: Path, body: Body, state: BodyState, name: str, kind: str, joints: int) -> None:
    model = replace(body, name=name, gender="female")
    with np.load(write_amass(tmp_path / "a.npz", model, state, np.arange(6) / 30)) as z:
        assert z["poses"].shape == (6, 3 * joints) and z["trans"].shape == (6, 3) and z["betas"].shape == (16,)
        assert int(z["num_betas"]) == 16 and str(z["surface_model_type"]) == kind and str(z["gender"]) == "female"
        assert not z["poses"][:, 66:].any()  # no fingers
        assert z["poses"][:, 3:66].any(axis=0).all()
        assert z["betas"].any() == (name != "toy")  # another body's would mean nothing
        parts = ["root_orient", "pose_body", "pose_jaw", "pose_eye", "pose_hand"]
        given = [z[part] for part in parts if part in z]
        assert len(given) == (5 if joints == 55 else 3)
        np.testing.assert_array_equal(np.concatenate(given, 1), z["poses"])
