"""avatar_amass.npz, posed by the package smplx."""

from pathlib import Path

import numpy as np
import pytest
import torch

from fit_avatar.body import load_body, pose_body
from fit_avatar.body.model import Body
from fit_avatar.body.state import BodyState
from fit_avatar.export import write_amass
from fit_avatar.export.axes import Z_UP
from fit_avatar.export.motion import root_motion
from tests.body.smpl_files import model_arrays, write_npz

FRAMES = 4


def moving(body: Body) -> BodyState:
    """Return a motion without the hand joints of SMPL, which AMASS does not have, and without clothes."""
    generator = torch.Generator().manual_seed(3)
    pose = 0.4 * torch.randn(FRAMES, len(body.parents) - 1, 3, generator=generator)
    for joint, name in enumerate(body.joint_names[1:]):
        if name in ("left_hand", "right_hand"):
            pose[:, joint] = 0
    return BodyState(
        betas=torch.randn(body.num_betas, generator=generator),
        offsets=torch.zeros_like(body.template),
        global_orient=torch.tensor([[np.pi, 0.0, 0.0]]) + 0.2 * torch.randn(FRAMES, 3, generator=generator),
        body_pose=pose,
        transl=torch.tensor([0.0, 0.1, 3.0]) + 0.1 * torch.randn(FRAMES, 3, generator=generator),
        expression=torch.zeros(FRAMES, body.num_expression) if body.num_expression else None,
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
    motion = write_amass(tmp_path / "motion.npz", body, state, 30.0)
    to_world = root_motion(body, state).world_from_camera
    expected = pose_body(body, state).vertices.double().numpy() @ to_world[:3, :3].T + to_world[:3, 3]
    np.testing.assert_allclose(by_smplx(kind, file, motion), expected @ Z_UP.T, atol=3e-5)


def test_layout(tmp_path: Path, body: Body, state: BodyState) -> None:
    with np.load(write_amass(tmp_path / "a.npz", body, state, 30.0, np.array([0, 6, 12, 18, 24, 30]))) as z:
        assert z["poses"].shape == (6, 156) and z["trans"].shape == (6, 3) and z["betas"].shape == (16,)
        assert str(z["gender"]) == "neutral" and float(z["mocap_framerate"]) == pytest.approx(5)
        assert not z["poses"][:, 66:].any()  # no fingers
        assert not z["betas"].any()  # another body's would mean nothing
        assert z["poses"][:, 3:66].any(axis=0).all()
