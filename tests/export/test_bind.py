"""The same person and motion in another bind pose."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from fit_avatar.body.model import Body
from fit_avatar.body.skinning import pose_body, shaped
from fit_avatar.body.state import BodyState
from fit_avatar.export.bind import ARMS_DOWN_RAD, in_bind_pose


def local_of(bind: torch.Tensor, parents: tuple[int, ...]) -> torch.Tensor:
    return torch.stack([turn if p < 0 else bind[p].T @ turn for turn, p in zip(bind, parents, strict=True)])


def held_in_its_old_pose(body: Body, state: BodyState) -> BodyState:
    """Return one frame in which the body stands in the pose it was modelled in."""
    from fit_avatar.body.rotation import log

    locals_ = log(local_of(body.bind_rotations, body.parents))
    return replace(state, global_orient=locals_[:1], body_pose=locals_[None, 1:], transl=torch.zeros(1, 3))


@pytest.mark.parametrize("bind", ["t", "a", "model"])
def test_joints_move_as_before(body: Body, state: BodyState, bind: str) -> None:
    expected = pose_body(body, state).joints
    np.testing.assert_allclose(pose_body(*in_bind_pose(body, state, bind)).joints, expected, atol=1e-5)


def test_in_the_old_bind_pose_the_surface_is_the_fitted_one(body: Body, state: BodyState) -> None:
    held, poses = in_bind_pose(body, state, "t")
    expected = shaped(body, state.betas, state.offsets)
    found = pose_body(held, held_in_its_old_pose(body, poses)).vertices[0]
    assert float((held.template - expected).norm(dim=-1).max()) > 0.05  # the arms have moved
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_t_pose_has_all_axes_in_the_worlds_direction(body: Body, state: BodyState) -> None:
    held, _ = in_bind_pose(body, state, "t")
    np.testing.assert_allclose(held.bind_rotations, torch.eye(3).expand(24, 3, 3))
    again = in_bind_pose(held, replace(state, betas=torch.zeros(0)), "t")
    assert again[0] is held


def test_a_body_modelled_with_hanging_arms_is_in_an_a_pose_already(body: Body, state: BodyState) -> None:
    assert in_bind_pose(body, state, "a")[0] is body and in_bind_pose(body, state, "model")[0] is body


def test_a_body_modelled_in_the_t_pose_lowers_its_arms(body: Body, state: BodyState) -> None:
    straight, poses = in_bind_pose(body, state, "t")
    lowered, _ = in_bind_pose(straight, poses, "a")
    names = body.joint_names
    for side, sign in (("left", -1), ("right", 1)):
        shoulder, elbow, wrist = (names.index(f"{side}_{name}") for name in ("shoulder", "elbow", "wrist"))
        for a, b in ((shoulder, elbow), (elbow, wrist)):
            before, after = (m.joint_template[b] - m.joint_template[a] for m in (straight, lowered))
            turned = torch.atan2(after[1], after[0]) - torch.atan2(before[1], before[0])
            assert float(turned) == pytest.approx(sign * ARMS_DOWN_RAD, abs=1e-5)
    still = [names.index(name) for name in ("left_knee", "head", "spine3", "right_collar")]
    np.testing.assert_allclose(lowered.joint_template[still], straight.joint_template[still], atol=1e-6)
