"""SMPL's rotations on the default body."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from fit_avatar.body import Body, load_body, rotation
from fit_avatar.body.model import SMPL_JOINTS, SMPL_PARENTS
from fit_avatar.body.skinning import pose_skeleton
from fit_avatar.fitting.retarget import LIMBS, own_limbs, rest_limbs, retarget

JOINTS = [k for k, name in enumerate(SMPL_JOINTS) if name in LIMBS or name in LIMBS.values()]


@pytest.fixture(scope="module")
def body() -> Body:
    return load_body()


def test_joints_tell_where_limbs_point_at_rest(body: Body) -> None:
    rest, turns = another_skeleton(body), random_poses(20)
    found = rest_limbs(turns, chain(rest, turns))
    assert set(found) == set(LIMBS)
    for start, end in LIMBS.items():
        bone = rest[SMPL_JOINTS.index(end)] - rest[SMPL_JOINTS.index(start)]
        assert torch.allclose(found[start], normalize(bone, dim=0), atol=1e-4)


def test_joints_of_another_body_tell_nothing(body: Body) -> None:
    turns = random_poses(20)
    assert rest_limbs(turns, torch.rand(20, 24, 3)) == {}
    assert rest_limbs(turns, torch.full((20, 24, 3), torch.nan)) == {}
    assert rest_limbs(turns, None) == {}


def test_limbs_point_where_theirs_do(body: Body) -> None:
    rest, turns = another_skeleton(body), random_poses(20)
    truth = chain(rest, turns)
    posed = on_body(body, retarget(body, torch.zeros(body.num_betas), turns, rest_limbs(turns, truth)))
    for start, end in LIMBS.items():
        a, b = SMPL_JOINTS.index(start), SMPL_JOINTS.index(end)
        cosine = torch.cosine_similarity(posed[:, b] - posed[:, a], truth[:, b] - truth[:, a], dim=-1)
        assert cosine.min() > 0.99999


def test_copied_angles_are_worse(body: Body) -> None:
    rest, turns = another_skeleton(body), random_poses(20)
    truth = chain(rest, turns)
    fitted = on_body(body, retarget(body, torch.zeros(body.num_betas), turns, rest_limbs(turns, truth)))
    copied = on_body(body, dict(enumerate(turns.unbind(1))))
    assert procrustes_mm(fitted, truth) < 0.1
    assert procrustes_mm(copied, truth) > 40


def test_a_limb_far_from_a_t_pose_is_not_believed(body: Body) -> None:
    turns, betas = random_poses(3), torch.zeros(body.num_betas)
    upwards = {"left_hip": torch.tensor([0.0, 1.0, 0.0])}
    for joint, turn in retarget(body, betas, turns, upwards).items():
        assert torch.allclose(turn, turns[:, joint], atol=1e-5)


def another_skeleton(body: Body) -> Tensor:
    """Return joints of a T-pose with other directions of arms and legs, and the body's bones. [24, 3]"""
    unmoved = torch.eye(3).expand(1, 24, 3, 3)
    own = pose_skeleton(body, torch.zeros(body.num_betas), unmoved, torch.zeros(1, 3)).joints[0]
    lowered = torch.eye(3).repeat(24, 1, 1)
    for name, angle in (("left_shoulder", -0.15), ("right_shoulder", 0.15), ("left_hip", 0.1), ("right_hip", -0.1)):
        lowered[SMPL_JOINTS.index(name)] = rotation.exp(torch.tensor([0.1, 0.0, angle]))
    assert set(own_limbs(body, torch.zeros(body.num_betas))) == set(LIMBS)
    return chain(own, lowered[None])[0]


def random_poses(count: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return rotation.exp(0.3 * torch.randn(count, 24, 3, generator=generator))


def on_body(body: Body, turns: dict[int, Tensor]) -> Tensor:
    count = len(turns[0])
    rotations = torch.stack([turns[k] for k in range(24)], 1)
    return pose_skeleton(body, torch.zeros(body.num_betas), rotations, torch.zeros(count, 3)).joints


def chain(rest: Tensor, turns: Tensor) -> Tensor:
    """Return joints of a skeleton with these at rest [24, 3], in poses [N, 24, 3, 3]. [N, 24, 3]"""
    whole, places = [turns[:, 0]], [rest[0].expand(len(turns), 3)]
    for k, parent in enumerate(SMPL_PARENTS[1:], 1):
        places.append(places[parent] + (whole[parent] @ (rest[k] - rest[parent])))
        whole.append(whole[parent] @ turns[:, k])
    return torch.stack(places, 1)


def procrustes_mm(found: Tensor, truth: Tensor) -> float:
    """Return the mean error of limb joints after the best similarity of each frame."""
    a, b = (x[:, JOINTS] - x[:, JOINTS].mean(1, keepdim=True) for x in (found, truth))
    left, sizes, right = torch.linalg.svd(a.mT @ b)
    scale = sizes.sum(-1) / a.square().sum((1, 2))
    return float((scale[:, None, None] * a @ left @ right - b).norm(dim=-1).mean()) * 1000
