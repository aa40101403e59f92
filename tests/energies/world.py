"""A posed body that is known exactly, and what a camera would see of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
import torch
from stick_body import stick_body
from torch import Tensor
from toy_body import toy_body, turning_state

from fit_avatar.body import rotation
from fit_avatar.body.mesh import vertex_normals
from fit_avatar.body.model import Body
from fit_avatar.body.state import BodyState
from fit_avatar.capture import Camera
from fit_avatar.energies import PosedBody, parts_of_vertices
from fit_avatar.energies.landmarks import FACE, HANDS
from fit_avatar.silhouettes import Contours
from fit_avatar.solvers.unknowns import Unknown, Unknowns
from fit_avatar.visibility.raster import rasterize, silhouette

CAMERA = Camera(150.0, 152.0, 80.0, 60.0, 160, 120)
POINTS = 12
"""Outline points of a frame."""
SPACING = 0.25
"""Distance of the vertices that are looked at in masks, in metres."""


@lru_cache
def make_body(kind: str) -> Body:
    """Return a small body in float64: ``egg``, ``expressive`` (an egg with an expression) or ``sticks``."""
    body = stick_body() if kind == "sticks" else toy_body(8, 12)
    generator = torch.Generator().manual_seed(1)
    count, joints = len(body.template), len(body.parents)
    names = (*HANDS, *FACE[17:68])
    picks = torch.randint(count, (len(names),), generator=generator)
    basis = torch.randn(count, 3, 9 * (joints - 1), generator=generator) * 2e-3
    body = replace(
        body,
        pose_basis=basis if kind != "sticks" else None,
        landmark_names=names,
        landmark_regressor=torch.nn.functional.one_hot(picks, count).float(),
        num_expression=1 if kind == "expressive" else 0,
        part_weights=torch.rand(body.part_weights.shape, generator=generator),
    ).double()
    # What was made in single precision: weights that sum to one, and rotations that are orthogonal.
    return replace(
        body,
        lbs_weights=body.lbs_weights / body.lbs_weights.sum(1, keepdim=True),
        bind_rotations=rotation.exp(rotation.log(body.bind_rotations)),
    )


@dataclass(frozen=True)
class World:
    """T frames of one or more clips of the same body."""

    body: Body
    batch: tuple[int, ...]
    frames: int
    bend: float
    free: tuple[str, ...]

    @cached_property
    def truth(self) -> Unknowns:
        """Return the unknowns at their true values; clips of a batch differ a little in translation."""
        state = turning_state(self.body, max(self.frames, 3), bend=self.bend)
        poses = {
            name: getattr(state, name)[: self.frames].double() for name in ("global_orient", "body_pose", "transl")
        }
        betas = state.betas.double()
        if self.batch:
            shift = 0.1 * torch.arange(self.batch[0], dtype=torch.float64)[:, None, None]
            poses = {n: v.expand(*self.batch, *v.shape).clone() for n, v in poses.items()}
            poses["transl"] += shift
            betas = betas.expand(*self.batch, -1).clone()
        expression = torch.full((*self.batch, self.frames, 1), 0.3).double() if self.body.num_expression else None
        whole = BodyState(betas=betas, offsets=state.offsets.double(), expression=expression, **poses)
        depth = len(self.batch)

        def shared(value: Tensor, rotation: bool = False) -> Unknown:
            value = value.expand(*self.batch, 1, *value.shape).clone()
            return Unknown(value, shared=True, rotation=rotation, batch=depth)

        more = {
            "mean_pose": shared(torch.eye(3).double().repeat(len(self.body.parents) - 1, 1, 1), rotation=True),
            "keypoint_bias": shared(torch.zeros(25, 3).double()),
            "surface_shift": shared(torch.zeros(len(self.body.parents), 6).double()),
            "plane": shared(torch.tensor([0.1, -2.0, 0.05, 1.2]).double()),
        }
        return Unknowns.of(self.body, whole, self.free, **more)

    @cached_property
    def posed_body(self) -> PosedBody:
        """Return the posed body at the truth."""
        return self.truth.posed_body()

    def away(self, size: float) -> Unknowns:
        """Return the unknowns after a random step of this size in all that is free."""
        generator = torch.Generator().manual_seed(3)
        steps = {n: u.zero_step() for n, u in self.truth.free.items()}
        return self.truth.after({n: size * torch.randn(s.shape, generator=generator).to(s) for n, s in steps.items()})

    # -- what is seen -----------------------------------------------------------------------------------------

    @cached_property
    def frame_intervals_s(self) -> Tensor:
        """Return uneven frame intervals. [T−1]"""
        return torch.tensor([1.0, 2.0, 1.5, 1.0, 0.5]).double()[: self.frames - 1] * 1.3 / 30

    def detected(self, points: Tensor) -> Tensor:
        """Return points as a detector sees them, with confidences. [..., 3] → [..., 3]"""
        confidence = torch.linspace(0.3, 1.0, points.shape[-2]).double().expand(points.shape[:-1])
        return torch.cat([CAMERA.project(points), confidence[..., None]], -1)

    @cached_property
    def contours(self) -> Contours:
        """Return rim vertices as the outline, so that every outline point has a vertex that makes it."""
        x = self.posed_body
        vertices = x.vertices
        normals = torch.stack([vertex_normals(v, self.body.faces) for v in x.surface.flatten(0, -3)])
        normals = normals.unflatten(0, x.surface.shape[:-2])
        linear = (self.body.lbs_weights @ x.skeleton.skin_rotations.flatten(-2)).unflatten(-1, (3, 3))
        turned = torch.nn.functional.normalize((linear @ normals[..., None])[..., 0], dim=-1)
        edge_on = (turned * torch.nn.functional.normalize(vertices, dim=-1)).sum(-1).abs()
        edge_on = edge_on + 10.0 * ~self.body.skin
        rim = edge_on.topk(POINTS, dim=-1, largest=False).indices[..., None]
        pixels = CAMERA.project(vertices).gather(-2, rim.expand(*rim.shape[:-1], 2))
        outward = torch.nn.functional.normalize(turned[..., :2].gather(-2, rim.expand(*rim.shape[:-1], 2)), dim=-1)
        return Contours(pixels, outward, torch.linspace(0.5, 1.0, POINTS).double().expand(outward.shape[:-1]))

    @cached_property
    def masks(self) -> np.ndarray:
        """Return the drawn masks. [..., T, H, W]"""
        drawn = [silhouette(v, self.body.faces, CAMERA) for v in self.posed_body.vertices.flatten(0, -3)]
        return torch.stack(drawn).unflatten(0, self.posed_body.vertices.shape[:-2]).numpy()

    @cached_property
    def part_masks(self) -> np.ndarray:
        """Return the drawn masks of the parts. [..., T, 12, H, W]"""
        part = parts_of_vertices(self.body)[self.body.faces].mode(1).values
        masks = []
        for vertices in self.posed_body.vertices.flatten(0, -3):
            seen = rasterize(vertices, self.body.faces, CAMERA).face_index
            label = torch.where(seen >= 0, part[seen.clamp_min(0)], -1)
            masks.append(torch.stack([label == k for k in range(12)]))
        return torch.stack(masks).unflatten(0, self.posed_body.vertices.shape[:-2]).numpy()
