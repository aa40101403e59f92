"""Which ways limbs can point, given where their ends are in the picture: each to the camera or away from it.

A segment of known length that begins at a known point and ends on a known viewing ray has two places for its end, one
nearer than the other. So an arm or a leg of two segments has four poses in every frame, all of which the 2D points
agree with.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

import torch
from torch import Tensor
from torch.nn.functional import normalize

from fit_avatar.body import rotation
from fit_avatar.body.keypoint_sets import BODY_25
from fit_avatar.body.model import Body
from fit_avatar.body.skinning import pose_skeleton
from fit_avatar.capture.types import Camera
from fit_avatar.energies.limits import BENDING
from fit_avatar.solvers import ClipState

CHAINS = tuple(
    tuple(f"{side}_{joint}" for joint in joints)
    for side in ("left", "right")
    for joints in (("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle"))
)
"""The joints of arms and legs, from the trunk outwards."""
SIDES = tuple(product((False, True), repeat=2))
"""Whether upper and lower segment end at the farther place, for each of the four poses of a chain."""
LEAST_CONFIDENCE = 0.2
"""A point of less confidence says nothing: its segment stays as it is against the one above it."""
BENT = 0.3
"""Sine of the angle between two segments from which the plane of both says how the upper one is turned about itself;
nearer to straight, it says so in proportion. Both chosen by hand."""


@dataclass(frozen=True)
class LimbSides:
    """The four poses of each of the C = 4 chains in T frames."""

    rotations: Tensor  # [T, C, 4, 2, 3, 3] local, of the two joints that a chain begins with
    directions: Tensor  # [T, C, 4, 2, 3] of its segments, unit vectors in the camera's axes
    missed_m: Tensor  # [T, C, 4, 2] by how much each segment is too short for its ray

    def chosen(self, clip: ClipState, body: Body, poses: Tensor) -> ClipState:
        """Return a clip with one of the poses of each chain in each frame. poses: int64 [T, C]"""
        frames, chains = torch.arange(len(poses), device=poses.device)[:, None], torch.arange(len(CHAINS))
        picked = self.rotations[frames, chains.to(poses.device), poses]  # [T, C, 2, 3, 3]
        rotations = clip.rotations.clone()
        rotations[:, [j for chain in _joints(body) for j in chain[:2]]] = picked.flatten(1, 2)
        return replace(clip, rotations=rotations)


def limb_sides(body: Body, clip: ClipState, keypoints: Tensor, camera: Camera) -> LimbSides:
    """Return the poses of arms and legs that a clip's trunk, its shape and the 2D points leave open.

    Args:
        body: the body.
        clip: gives the trunk, and the shape.
        keypoints: BODY_25, (u, v, confidence). [T, 25, 3]
        camera: of the keypoints.

    Source: Taylor 2000 (Reconstruction of articulated objects from point correspondences), with perspective.
    """
    skeleton = pose_skeleton(body, clip.betas, clip.rotations, clip.transl)
    places, turns = skeleton.joints, skeleton.global_rotations
    rotations, directions, missed = [], [], []
    for names, (a, b, c) in zip(CHAINS, _joints(body), strict=True):
        seen = keypoints[:, [BODY_25.index(name) for name in names[1:]]]
        known = seen[..., 2] > LEAST_CONFIDENCE
        rays = _rays(seen, camera)
        first, second = places[:, b] - places[:, a], places[:, c] - places[:, b]
        above, hinge = turns[:, body.parents[a]], _hinge(names[1], first)
        for upper_far, lower_far in SIDES:
            elbow, short = _end(places[:, a], first, rays[:, 0], known[:, 0], upper_far)
            wrist, shorter = _end(elbow, second, rays[:, 1], known[:, 1], lower_far)
            upper, lower = normalize(elbow - places[:, a], dim=-1), normalize(wrist - elbow, dim=-1)
            turned = _turned_about(rotation.between(first, upper) @ turns[:, a], hinge, upper, lower)
            carried = turned @ turns[:, a].mT
            end = rotation.between((carried @ second[..., None])[..., 0], lower) @ carried @ turns[:, b]
            rotations.append(torch.stack([above.mT @ turned, turned.mT @ end], 1))
            directions.append(torch.stack([upper, lower], 1))
            missed.append(torch.stack([short, shorter], 1))
    shape = (len(CHAINS), len(SIDES))
    return LimbSides(*(torch.stack(each, 1).unflatten(1, shape) for each in (rotations, directions, missed)))


def mirrored_trunk(body: Body, clip: ClipState, ends: tuple[str, str]) -> tuple[ClipState, Tensor]:
    """Return a clip that is turned so that a line of its trunk points away from the camera as far as it points to it.

    Args:
        body: the body.
        clip: to be turned about the pelvis.
        ends: the joints at both ends of the line, such as those of the hips.

    Returns:
        The clip, and by how much it is turned. [T] radians
    """
    places = pose_skeleton(body, clip.betas, clip.rotations, clip.transl).joints
    first, second = (places[:, body.joint_names.index(name)] for name in ends)
    line, ray = normalize(second - first, dim=-1), normalize(places[:, 0], dim=-1)
    other = line - 2 * (line * ray).sum(-1, keepdim=True) * ray
    rotations = clip.rotations.clone()
    rotations[:, 0] = rotation.between(line, other) @ rotations[:, 0]
    turned = torch.atan2(torch.linalg.cross(line, other).norm(dim=-1), (line * other).sum(-1))
    return replace(clip, rotations=rotations), turned


def _joints(body: Body) -> list[tuple[int, ...]]:
    return [tuple(body.joint_names.index(name) for name in names) for names in CHAINS]


def _rays(seen: Tensor, camera: Camera) -> Tensor:
    """Return unit vectors towards points of the picture. [..., 3] → [..., 3]"""
    x, y = (seen[..., 0] - camera.cx) / camera.fx, (seen[..., 1] - camera.cy) / camera.fy
    return normalize(torch.stack([x, y, torch.ones_like(x)], -1), dim=-1)


def _end(start: Tensor, segment: Tensor, ray: Tensor, known: Tensor, far: bool) -> tuple[Tensor, Tensor]:
    """Return the nearer or farther end of a segment on a ray, and by how much it is too short to reach the ray.

    start, segment as it is now, ray [T, 3]; known bool [T] → [T, 3], [T]
    """
    length = segment.norm(dim=-1)
    along = (start * ray).sum(-1)
    left = length.square() - (start.square().sum(-1) - along.square())
    half = left.clamp_min(0).sqrt()
    aim = ray * (along + (half if far else -half))[:, None]
    end = start + normalize(aim - start, dim=-1) * length[:, None]
    missed = torch.where(known, (-left).clamp_min(0).sqrt(), 0.0)
    return torch.where(known[:, None], end, start + segment), missed


def _hinge(name: str, like: Tensor) -> Tensor:
    """Return the axis about which an elbow or a knee bends, in the T-pose. [3]"""
    axis, wrong = BENDING[name]
    return like.new_tensor([-wrong if i == axis else 0.0 for i in range(3)])


def _turned_about(turn: Tensor, hinge: Tensor, upper: Tensor, lower: Tensor) -> Tensor:
    """Turn the upper segment about itself so that the joint below it bends about its hinge. turn [T, 3, 3]"""
    bend = torch.linalg.cross(upper, lower)
    own, wanted = turn @ hinge, normalize(bend, dim=-1)
    own = normalize(own - (own * upper).sum(-1, keepdim=True) * upper, dim=-1)
    sine = (torch.linalg.cross(own, wanted) * upper).sum(-1, keepdim=True)
    angle = torch.atan2(sine, (own * wanted).sum(-1, keepdim=True))
    sure = (bend.norm(dim=-1, keepdim=True) / BENT).clamp_max(1.0)
    return rotation.exp(upper * angle * sure) @ turn
