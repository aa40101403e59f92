"""A body of sticks: a tube of skin around every bone, for terms that look at limbs."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor
from toy_body import toy_body

from fit_avatar.body.model import Body

RADII = {"hip": 0.05, "knee": 0.04, "shoulder": 0.035, "elbow": 0.03, "neck": 0.04, "head": 0.08, "pelvis": 0.06}
TRUNK = 0.09
RINGS, SEGMENTS = 4, 8


def stick_body() -> Body:
    """Return a body with the toy's skeleton, whose skin follows the nearest joints of its own bone."""
    toy = toy_body(8, 12)
    joints, names = toy.joint_template, toy.joint_names
    vertices, weights, faces = [], [], []
    for j, name in enumerate(names):
        base = name.split("_")[-1]
        children = [c for c, parent in enumerate(toy.parents) if parent == j]
        if base in ("spine1", "spine2", "spine3", "pelvis"):
            start, end = joints[j] - torch.tensor([0.08, 0, 0]), joints[j] + torch.tensor([0.08, 0, 0])
            radius = TRUNK if base != "pelvis" else RADII[base]
        elif base == "head" or not children:
            start, end = joints[j], joints[j] + (joints[j] - joints[toy.parents[j]])
            radius = RADII.get(base, 0.025)
        else:
            start, end, radius = joints[j], joints[children[0]], RADII.get(base, 0.025)
        tube, quads = _tube(start, end, radius)
        faces.append(quads + sum(len(v) for v in vertices))
        vertices.append(tube)
        own = torch.zeros(len(tube), len(names))
        own[:, j] = 0.8
        own[:, max(toy.parents[j], 0)] += 0.2
        weights.append(own)
    template = torch.cat(vertices)
    count = len(template)
    growth = torch.tensor([[0.02, 0.0, 0.02], [0.0, 0.05, 0.0], [0.01, 0.03, 0.0]])
    return replace(
        toy,
        template=template,
        shape_basis=template[:, :, None] * growth.T,
        lbs_weights=torch.cat(weights),
        faces=torch.cat(faces),
        mirror=torch.cdist(template, template * torch.tensor([-1.0, 1.0, 1.0])).argmin(1),
        keypoint_regressor=torch.nn.functional.one_hot(torch.arange(25) * (count // 25), count).float(),
        skin=torch.ones(count, dtype=torch.bool),
        part_weights=torch.zeros(len(toy.part_names), count),
        name="sticks",
    )


def _tube(start: Tensor, end: Tensor, radius: float) -> tuple[Tensor, Tensor]:
    """Return a closed tube: rings of points and a point at either end."""
    axis = torch.nn.functional.normalize(end - start, dim=0)
    side = torch.linalg.cross(axis, torch.tensor([0.3, 0.5, 0.8]))
    side = side / side.norm()
    up = torch.linalg.cross(axis, side)
    turn = torch.arange(SEGMENTS) / SEGMENTS * 2 * math.pi
    ring = radius * (turn.cos()[:, None] * side + turn.sin()[:, None] * up)
    along = torch.linspace(0, 1, RINGS)[:, None, None] * (end - start) + start
    points = torch.cat([(along + ring).reshape(-1, 3), (start - radius * axis)[None], (end + radius * axis)[None]])
    faces = []
    for s in range(SEGMENTS):
        t = (s + 1) % SEGMENTS
        for r in range(RINGS - 1):
            a, b, c, d = r * SEGMENTS + s, r * SEGMENTS + t, (r + 1) * SEGMENTS + s, (r + 1) * SEGMENTS + t
            faces += [[a, b, d], [a, d, c]]
        faces.append([RINGS * SEGMENTS, t, s])
        faces.append([RINGS * SEGMENTS + 1, (RINGS - 1) * SEGMENTS + s, (RINGS - 1) * SEGMENTS + t])
    return points, torch.tensor(faces)
