"""A tiny valid body for tests: an egg with a skeleton inside, two eyes, and a hidden ball for a mouth."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from fit_avatar.body.hanging_hair import HangingHair
from fit_avatar.body.model import SMPL_JOINTS, Body
from fit_avatar.body.state import BodyState

JOINTS = {
    "pelvis": (0.0, 0.0, 0.0), "spine1": (0.0, 0.1, 0.0), "spine2": (0.0, 0.22, 0.0), "spine3": (0.0, 0.34, 0.0),
    "neck": (0.0, 0.48, 0.0), "head": (0.0, 0.58, 0.0), "hip": (0.09, -0.08, 0.0), "knee": (0.09, -0.4, 0.0),
    "ankle": (0.07, -0.68, 0.0), "foot": (0.06, -0.74, 0.04), "collar": (0.06, 0.4, 0.0), "shoulder": (0.14, 0.38, 0.0),
    "elbow": (0.19, 0.18, 0.0), "wrist": (0.22, 0.0, 0.0), "hand": (0.22, -0.06, 0.0),
}  # fmt: skip


def toy_body(rings: int = 24, segments: int = 32, num_betas: int = 3) -> Body:
    """Return an egg, 1.7 m tall and 0.56 m wide, that satisfies everything a :class:`Body` promises."""
    skin, faces, uvs, uv_faces, mirror = _sphere(rings, segments, (0.02, 0.02, 0.96, 0.7))
    skin = skin * torch.tensor([0.28, 0.85, 0.2])
    parts = [(skin, faces, uvs, uv_faces, mirror)]
    for centre, radius, box in (
        ((0.07, 0.55, 0.13), 0.03, (0.02, 0.8, 0.15, 0.15)),
        ((-0.07, 0.55, 0.13), 0.03, (0.25, 0.8, 0.15, 0.15)),
        ((0.0, 0.45, 0.0), 0.02, (0.5, 0.8, 0.15, 0.15)),
    ):
        ball, *rest = _sphere(6, 8, box)
        parts.append((ball * radius + torch.tensor(centre), *rest))
    eye = len(parts[1][0])
    first, second = parts[1][4] + eye, parts[2][4] - eye  # the eyes are each other's mirror image
    parts[1], parts[2] = (*parts[1][:4], first), (*parts[2][:4], second)

    template, all_faces, all_uvs, all_uv_faces, all_mirror = [], [], [], [], []
    vertex, corner = 0, 0
    for points, faces, uvs, uv_faces, mirror in parts:
        template.append(points)
        all_faces.append(faces + vertex)
        all_uvs.append(uvs)
        all_uv_faces.append(uv_faces + corner)
        all_mirror.append(mirror + vertex)
        vertex, corner = vertex + len(points), corner + len(uvs)
    vertices = torch.cat(template)
    joints = torch.tensor([_joint(name) for name in SMPL_JOINTS])
    growth = torch.tensor([[0.02, 0.0, 0.02], [0.0, 0.05, 0.0], [0.01, 0.03, 0.0]])[:num_betas]
    parts_names = ("face", "ears", "hands", "fingers", "feet", "toes")
    return Body(
        template=vertices,
        shape_basis=vertices[:, :, None] * growth.T,
        joint_template=joints,
        joint_basis=joints[:, :, None] * growth.T,
        bind_rotations=_bind_rotations(),
        lbs_weights=_weights(vertices, joints),
        faces=torch.cat(all_faces),
        uvs=torch.cat(all_uvs),
        uv_faces=torch.cat(all_uv_faces),
        mirror=torch.cat(all_mirror),
        keypoint_regressor=torch.nn.functional.one_hot(torch.arange(25) * 7, vertex).float(),
        skin=torch.arange(vertex) < len(skin),
        part_names=parts_names,
        part_weights=torch.zeros(len(parts_names), vertex),
        name="toy",
    )


def turning_state(body: Body, frames: int = 6, distance_m: float = 3.0, bend: float = 0.1) -> BodyState:
    """Return one turn in front of the camera, upright in the image, with a little motion in every joint."""
    generator = torch.Generator().manual_seed(0)
    angle = torch.arange(frames) / frames * 2 * math.pi
    # a half turn about x (y up → y down) after a turn about the body's own y is a half turn about a tilted axis
    global_orient = torch.stack([torch.cos(angle / 2), torch.zeros(frames), torch.sin(angle / 2)], 1) * math.pi
    return BodyState(
        betas=torch.linspace(0.5, -0.5, body.num_betas),
        offsets=0.002 * torch.randn(body.template.shape, generator=generator),
        global_orient=global_orient,
        body_pose=bend * torch.randn(frames, len(body.parents) - 1, 3, generator=generator),
        transl=torch.tensor([0.02, -0.01, distance_m]).repeat(frames, 1),
    )


def _joint(name: str) -> tuple[float, float, float]:
    side, _, base = name.partition("_")
    x, y, z = JOINTS[base or name]
    return (-x, y, z) if side == "right" else (x, y, z)


def _bind_rotations() -> Tensor:
    """The arms hang: from the T-pose they are turned about z, the left one clockwise."""
    rotations = torch.eye(3).repeat(len(SMPL_JOINTS), 1, 1)
    for j, name in enumerate(SMPL_JOINTS):
        if name.endswith(("shoulder", "elbow", "wrist", "hand")):
            angle = -1.3 if name.startswith("left") else 1.3
            c, s = math.cos(angle), math.sin(angle)
            rotations[j] = torch.tensor([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    return rotations


def _weights(vertices: Tensor, joints: Tensor) -> Tensor:
    """Four nearest joints, weighted by inverse squared distance."""
    inverse = 1 / torch.cdist(vertices, joints).clamp_min(1e-3) ** 2
    kept = torch.zeros_like(inverse).scatter(1, inverse.topk(4, dim=1).indices, 1.0) * inverse
    return kept / kept.sum(1, keepdim=True)


def tuft(body: Body) -> HangingHair:
    """Return hair of four vertices behind the head."""
    corners = torch.tensor([[0.0, 0.0, 0.0], [0.1, 0.0, 0.0], [0.0, 0.1, 0.0], [0.0, 0.0, 0.1]])
    place = body.joint_template[body.joint_names.index("head")] - torch.tensor([0.0, 0.0, 0.3])
    faces = torch.tensor([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
    weights = torch.zeros(4, len(body.joint_names))
    weights[:, body.joint_names.index("head")] = 1.0
    uvs = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    return HangingHair(place + corners, faces, weights, uvs, faces, (0.0,) * body.num_betas)


def _sphere(
    rings: int, segments: int, box: tuple[float, float, float, float]
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Return vertices, faces, UVs within ``box`` (u, v, width, height), UV faces and mirror index of a unit sphere."""
    polar = torch.arange(1, rings) / rings * math.pi
    turn = torch.arange(segments) / segments * 2 * math.pi  # 0 at the back (−z), where the UV seam is
    grid = torch.stack(
        [
            torch.sin(polar)[:, None] * -torch.sin(turn),
            torch.cos(polar)[:, None].expand(-1, segments),
            -torch.sin(polar)[:, None] * torch.cos(turn),
        ],
        -1,
    )
    poles = torch.tensor([[0.0, 1.0, 0.0], [0.0, -1.0, 0.0]])
    vertices = torch.cat([grid.reshape(-1, 3), poles])
    u, v = torch.arange(segments + 1) / segments, 1 - torch.arange(rings + 1) / rings
    uvs = torch.stack(torch.meshgrid(u, v, indexing="xy"), -1).reshape(-1, 2)
    uvs = uvs * torch.tensor(box[2:]) + torch.tensor(box[:2])

    def vertex(ring: int, segment: int) -> int:
        if ring in (0, rings):
            return (rings - 1) * segments + (ring == rings)
        return (ring - 1) * segments + segment % segments

    faces, uv_faces = [], []
    for ring in range(rings):
        for segment in range(segments):
            corners = [(ring, segment), (ring + 1, segment), (ring + 1, segment + 1), (ring, segment + 1)]
            for triple in ((0, 1, 2), (0, 2, 3)):
                places = [corners[k] for k in triple]
                ids = [vertex(*place) for place in places]
                if len(set(ids)) == 3:
                    faces.append(ids)
                    uv_faces.append([r * (segments + 1) + s for r, s in places])
    index = torch.arange((rings - 1) * segments).reshape(rings - 1, segments)
    mirrored = index[:, (-torch.arange(segments)) % segments].flatten()
    mirror = torch.cat([mirrored, torch.tensor([len(mirrored), len(mirrored) + 1])])
    return vertices, torch.tensor(faces), uvs, torch.tensor(uv_faces), mirror
