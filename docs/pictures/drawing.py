"""Bodies, lines and discs on pictures."""

from dataclasses import replace

import cv2
import numpy as np
import torch

from fit_avatar.body import Body, BodyState, rotation
from fit_avatar.body.mesh import vertex_normals
from fit_avatar.capture import Camera
from fit_avatar.visibility import rasterize

STUDIO = Camera(1500.0, 1500.0, 350.0, 450.0, 700, 900)
BACKGROUND = 244


def draw(body: Body, vertices: torch.Tensor, colours: torch.Tensor | None = None) -> np.ndarray:
    """Return a shaded picture of the surface in the studio. BGR"""
    raster = rasterize(vertices, body.faces, STUDIO, cull_backfaces=True)
    light = torch.nn.functional.normalize(torch.tensor([-0.4, -0.6, -0.7]), dim=0)
    shade = 0.45 + 0.55 * (vertex_normals(vertices, body.faces) @ light).clamp_min(0)[:, None]
    colours = torch.full((len(vertices), 3), 0.8) if colours is None else colours
    lit = raster.interpolate(colours * shade, body.faces).numpy()[..., ::-1] * 255
    return np.where(raster.mask.numpy()[..., None], lit, BACKGROUND).astype(np.uint8)


def upright(surface: torch.Tensor) -> torch.Tensor:
    """Return a surface of the bind pose in front of the studio's camera."""
    middle = (surface.amax(0) + surface.amin(0)) / 2
    return (surface - middle) * surface.new_tensor([1.0, -1.0, -1.0]) + surface.new_tensor([0.0, 0.0, 3.6])


def standing(state: BodyState, poses: torch.Tensor, yaw: float) -> BodyState:
    """Return the same person upright in front of the studio's camera, in other poses."""
    root = rotation.exp(torch.tensor([np.pi, 0.0, 0.0])) @ rotation.exp(torch.tensor([0.0, yaw, 0.0]))
    count = len(poses)
    place = torch.tensor([0.0, -0.05, 3.6])
    return replace(
        state,
        body_pose=poses,
        global_orient=rotation.log(root).expand(count, -1),
        transl=place.expand(count, -1),
    )


def part_of(body: Body, bases: tuple[str, ...]) -> torch.Tensor:
    """Return which vertices belong mostly to some joints. [V] bool"""
    chosen = [j for j, name in enumerate(body.joint_names) if name.endswith(bases)]
    return body.lbs_weights[:, chosen].sum(1) > 0.3


def section(body: Body, surface: torch.Tensor, level: float) -> list[np.ndarray]:
    """Return the segments (x, z) in which the skin without the arms meets the plane y = level."""
    keep = body.skin & ~part_of(body, ("shoulder", "elbow", "wrist", "hand"))
    triangles = surface[body.faces[keep[body.faces].all(1)]].numpy()
    segments = []
    for triangle in triangles[(triangles[..., 1].min(1) < level) & (triangles[..., 1].max(1) > level)]:
        ends = []
        for a, b in ((0, 1), (1, 2), (2, 0)):
            p, q = triangle[a], triangle[b]
            if (p[1] - level) * (q[1] - level) < 0:
                ends.append(p + (q - p) * (level - p[1]) / (q[1] - p[1]))
        segments.append(np.array(ends)[:, [0, 2]])
    return segments


def skeleton(canvas: np.ndarray, body: Body, joints: np.ndarray, colour: tuple[int, int, int], width: int) -> None:
    """Draw lines from every joint to its parent."""
    for joint, parent in enumerate(body.parents):
        if parent >= 0:
            line(canvas, joints[parent], joints[joint], colour, width)


def whole(*points: np.ndarray) -> list[tuple[int, int]]:
    """Return points as pairs of whole pixels."""
    return [(round(float(x)), round(float(y))) for x, y in points]


def line(canvas: np.ndarray, start: np.ndarray, end: np.ndarray, colour: tuple[int, int, int], width: int) -> None:
    """Draw a line."""
    cv2.line(canvas, *whole(start, end), colour, width, cv2.LINE_AA)


def disc(canvas: np.ndarray, centre: np.ndarray, radius: int, colour: tuple[int, int, int], width: int) -> None:
    """Draw a circle, filled where the width is −1."""
    cv2.circle(canvas, *whole(centre), radius, colour, width, cv2.LINE_AA)


def shrink(picture: np.ndarray, width: int) -> np.ndarray:
    """Return a picture of this width."""
    height = round(picture.shape[0] * width / picture.shape[1])
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
