"""SMPL's rotations on the default body."""

from __future__ import annotations

import torch
from torch import Tensor

from fit_avatar.body import Body, load_body, rotation
from fit_avatar.body.model import SMPL_JOINTS, SMPL_PARENTS
from fit_avatar.body.skinning import pose_skeleton
from fit_avatar.fitting.retarget import LIMBS, SMPL_REST_M, retarget

JOINTS = [k for k, name in enumerate(SMPL_JOINTS) if name in LIMBS or name in LIMBS.values()]


def test_limbs_point_where_theirs_do() -> None:
    body, turns = load_body(), random_poses(20)
    posed, truth = on_body(body, retarget(body, torch.zeros(body.num_betas), turns)), theirs(turns)
    for start, end in LIMBS.items():
        a, b = SMPL_JOINTS.index(start), SMPL_JOINTS.index(end)
        cosine = torch.cosine_similarity(posed[:, b] - posed[:, a], truth[:, b] - truth[:, a], dim=-1)
        assert cosine.min() > 0.99999


def test_copied_angles_are_worse() -> None:
    body, turns = load_body(), random_poses(20)
    fitted = on_body(body, retarget(body, torch.zeros(body.num_betas), turns))
    copied = on_body(body, {k: turns[:, k] for k in range(24)})
    assert procrustes_mm(copied, theirs(turns)) > 1.05 * procrustes_mm(fitted, theirs(turns))


def test_another_rest_pose_with_the_same_bones() -> None:
    body, turns = load_body(), random_poses(20)
    own = pose_skeleton(body, torch.zeros(body.num_betas), torch.eye(3).expand(1, 24, 3, 3), torch.zeros(1, 3)).joints[
        0
    ]
    lowered = torch.eye(3).repeat(24, 1, 1)  # their rest pose: arms down and legs apart
    for name, angle in (("left_shoulder", -0.5), ("right_shoulder", 0.5), ("left_hip", 0.3), ("right_hip", -0.3)):
        lowered[SMPL_JOINTS.index(name)] = rotation.exp(torch.tensor([0.0, 0.0, angle]))
    rest = chain(own, lowered[None])[0]
    posed = on_body(body, retarget(body, torch.zeros(body.num_betas), turns, rest))
    joints = torch.tensor(JOINTS)
    assert procrustes_mm(posed, chain(rest, turns), joints) < 0.1


def random_poses(count: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return rotation.exp(0.3 * torch.randn(count, 24, 3, generator=generator))


def on_body(body: Body, turns: dict[int, Tensor]) -> Tensor:
    count = len(turns[0])
    rotations = torch.stack([turns[k] for k in range(24)], 1)
    return pose_skeleton(body, torch.zeros(body.num_betas), rotations, torch.zeros(count, 3)).joints


def theirs(turns: Tensor) -> Tensor:
    return chain(torch.tensor(SMPL_REST_M), turns)


def chain(rest: Tensor, turns: Tensor) -> Tensor:
    whole, places = [turns[:, 0]], [rest[0].expand(len(turns), 3)]
    for k, parent in enumerate(SMPL_PARENTS[1:], 1):
        places.append(places[parent] + whole[parent] @ (rest[k] - rest[parent]))
        whole.append(whole[parent] @ turns[:, k])
    return torch.stack(places, 1)


def procrustes_mm(found: Tensor, truth: Tensor, joints: Tensor | None = None) -> float:
    """Return the mean error of limb joints after the best similarity of each frame."""
    chosen = torch.tensor(JOINTS) if joints is None else joints
    a, b = (x[:, chosen] - x[:, chosen].mean(1, keepdim=True) for x in (found, truth))
    left, sizes, right = torch.linalg.svd(a.mT @ b)
    scale = sizes.sum(-1) / a.square().sum((1, 2))
    return float((scale[:, None, None] * a @ left @ right - b).norm(dim=-1).mean()) * 1000
