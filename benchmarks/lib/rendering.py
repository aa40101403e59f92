"""Pictures of a synthetic person: painted clothes and skin, a lit body, its shadow on the floor, a room."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fit_avatar.body import Body
from fit_avatar.body.keypoint_sets import BODY_25
from fit_avatar.body.mesh import vertex_normals
from fit_avatar.body.skinning import shaped
from fit_avatar.capture import Camera
from fit_avatar.visibility import rasterize
from lib.dressed_person import BOTTOM, EYES, HAIR, SHOES, SKIN, TOP, Person, natural, noise

LIGHT = (-0.35, -0.75, -0.55)
"""Towards the light, in camera coordinates."""
FLOOR_ROW = 0.8
"""Where the floor meets the wall, of the picture's height."""


class Paint:
    """Colours of a person as a function of the place in the bind pose: patterns, grain, sharp hems, and a face."""

    def __init__(self, body: Body, person: Person, seed: int) -> None:
        rng = np.random.default_rng([17, seed])
        colours = natural(rng, 6)
        colours[SKIN] = np.array([0.55, 0.68, 0.92]) * rng.uniform(0.3, 1.0)
        colours[HAIR] = np.array([0.15, 0.22, 0.3]) * rng.uniform(0.3, 2.2)
        colours[EYES] = 0.85
        self.seed, self.labels = seed, person.labels
        self.places = shaped(body, person.betas, person.offsets)
        self.base, self.other = (torch.tensor(c, dtype=torch.float32) for c in (colours, natural(rng, 6)))
        self.kinds = torch.tensor([*rng.permutation([0, 1, 2, 3, 3, 3]), 3])
        hat = torch.tensor(natural(np.random.default_rng([37, seed]), 2), dtype=torch.float32)
        self.base, self.other = (torch.cat([c, hat[k : k + 1]]) for k, c in enumerate((self.base, self.other)))
        eyes = [BODY_25.index(name) for name in ("right_eye", "left_eye")]
        self.eyes = (body.keypoint_regressor @ self.places)[eyes]

    def __call__(self, corners: Tensor, weights: Tensor) -> Tensor:
        """Return BGR in 0 … 1 of N places, given by their triangles' corners [N, 3] and their weights [N, 3, 1]."""
        points = (self.places[corners] * weights).sum(1)
        label = (self.labels[corners] * weights).sum(1).argmax(-1)
        coarse = noise(np.random.default_rng([19, self.seed]), points, 40.0, 12)
        fine = noise(np.random.default_rng([29, self.seed]), points, 350.0, 12)
        stripes = torch.sin(points[:, 1] * 95) > 0.3
        checks = (torch.sin(points[:, 0] * 80) > 0) ^ (torch.sin(points[:, 1] * 80) > 0)
        pattern = torch.stack([stripes, checks, coarse > 0.25, torch.zeros_like(stripes)])
        pattern = pattern[self.kinds[label], torch.arange(len(label))]
        pattern = 0.8 * (pattern & ((label == TOP) | (label == BOTTOM) | (label == SHOES)))
        colour = self.base[label] + pattern[:, None] * (self.other[label] - self.base[label])
        colour = self._face(points, label, colour)
        grain = 1 + 0.07 * coarse + 0.12 * fine * torch.where(label == SKIN, 0.3, 1.0)
        return colour * grain[:, None]

    def _face(self, points: Tensor, label: Tensor, colour: Tensor) -> Tensor:
        """Draw irises, brows and lips, without which detectors doubt a face."""
        away = (points[:, None] - self.eyes).abs()  # [N, 2, 3]
        flat = away[..., :2].norm(dim=-1).amin(1)
        colour = torch.where(((label == EYES) & (flat < 0.006))[:, None], torch.tensor([0.08, 0.12, 0.2]), colour)
        near = away[..., 2].amin(1) < 0.035
        above = points[:, 1] - self.eyes[:, 1].mean()
        brow = near & (away[..., 0].amin(1) < 0.02) & ((above - 0.022).abs() < 0.004)
        colour = torch.where(((label == SKIN) & brow)[:, None], self.base[HAIR], colour)
        mouth = near & ((points[:, 0] - self.eyes[:, 0].mean()).abs() < 0.024) & ((above + 0.069).abs() < 0.008)
        return torch.where(((label == SKIN) & mouth)[:, None], colour * torch.tensor([0.75, 0.65, 0.95]), colour)


def background(seed: int, camera: Camera, floor_row: float = FLOOR_ROW) -> NDArray[np.float32]:
    """Return a softly structured room: a wall, a floor, uneven light. BGR in 0 … 1. [H, W, 3]"""
    rng = np.random.default_rng([23, seed])
    height, width = camera.height, camera.width
    wall, floor = rng.uniform(0.35, 0.8, (2, 1)) * rng.uniform(0.85, 1.1, (2, 3))
    row = np.linspace(0, 1, height)[:, None, None]
    picture = np.where(row < floor_row, wall, floor) * np.ones((1, width, 1))
    if seed % 3:  # every third wall is plain
        for cells, strength in ((5, 0.05), (14, 0.03), (60, 0.02)):
            coarse = (rng.normal(size=(cells, cells, 1)) + 0.3 * rng.normal(size=(cells, cells, 3))).astype(np.float32)
            picture = picture + strength * cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    column = np.linspace(-1, 1, width)[None, :, None]
    return np.clip(picture * (1 - 0.15 * column**2 - 0.1 * row), 0, 1).astype(np.float32)


def shadow(
    body: Body, vertices: Tensor, up: Tensor, floor: float, camera: Camera, floor_row: float = FLOOR_ROW
) -> NDArray[np.float32]:
    """Return how much of the light reaches each pixel of the floor: 1 outside the person's shadow. [H, W, 1]

    Args:
        body: the body.
        vertices: posed. [V, 3]
        up: [3]
        floor: the floor's place along it, metres.
        camera: the camera.
        floor_row: where the floor meets the wall, of the picture's height.
    """
    light = torch.nn.functional.normalize(torch.tensor(LIGHT), dim=0)
    fallen = vertices - ((vertices @ up - floor) / (light @ up))[:, None] * light
    dark = rasterize(fallen, body.faces, camera).mask.numpy().astype(np.float32)
    soft = cv2.GaussianBlur(dark, (0, 0), camera.height / 150)
    soft[: round(floor_row * camera.height)] = 0
    return 1 - 0.4 * soft[..., None]


def render(
    body: Body,
    vertices: Tensor,
    camera: Camera,
    paint: Paint,
    scene: NDArray[np.float32],
    faces: Tensor | None = None,
) -> tuple[NDArray[np.uint8], NDArray[np.bool_], Tensor]:
    """Return image, mask and depth of one frame; ``faces``: the other way round for a body in a mirror. [F, 3]"""
    faces = body.faces if faces is None else faces
    raster = rasterize(vertices, faces, camera, cull_backfaces=True)
    seen = raster.mask
    corners, weights = faces[raster.face_index[seen]], raster.barycentric[seen][..., None]
    colour = paint(corners, weights)
    normals = torch.nn.functional.normalize((vertex_normals(vertices, faces)[corners] * weights).sum(1), dim=-1)
    light = torch.nn.functional.normalize(torch.tensor(LIGHT), dim=0)
    shade = 0.55 + 0.3 * (normals @ light).clamp_min(0) + 0.2 * (-normals[:, 2]).clamp_min(0)
    image, mask = scene.copy(), seen.numpy()
    image[mask] = (colour * shade[:, None]).clamp(0, 1).numpy()
    image = cv2.GaussianBlur(image, (0, 0), 0.7)  # a lens, and no jagged edges
    return (image * 255).round().astype(np.uint8), mask, raster.depth
