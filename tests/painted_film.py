"""A film of a painted toy body that turns in front of a camera."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from fit_avatar.body.mesh import vertex_normals
from fit_avatar.body.model import Body
from fit_avatar.body.skinning import pose_body
from fit_avatar.body.state import BodyState
from fit_avatar.capture.types import Camera, Capture
from fit_avatar.visibility.raster import rasterize

SIZE, FRAMES = 256, 12
CAMERA = Camera(fx=420.0, fy=420.0, cx=128.0, cy=160.0, width=256, height=320)
BACKGROUND = (0, 255, 0)


@dataclass(frozen=True)
class Film:
    body: Body
    state: BodyState
    capture: Capture
    painted: NDArray[np.uint8]
    frames: list[tuple[int, NDArray[np.uint8]]]


def paint() -> NDArray[np.uint8]:
    """A picture without green, so that background shows, and with detail of a few texels."""
    y, x = np.mgrid[:SIZE, :SIZE]
    red = 128 + 80 * np.sin(x / 21) + 25 * (((x // 8) + (y // 8)) % 2)
    blue = 128 + 80 * np.cos(y / 17)
    return np.stack([red, np.full_like(red, 40), blue], -1).clip(0, 255).astype(np.uint8)


def shoot(body: Body, state: BodyState, painted: NDArray[np.uint8], gain: float = 0.0, light: float = 0.0) -> Film:
    masks, frames = [], []
    for t, vertices in enumerate(pose_body(body, state).vertices):
        raster = rasterize(vertices, body.faces, CAMERA)
        uv = raster.interpolate(body.uvs, body.uv_faces).numpy()
        places = np.stack([uv[..., 0], 1 - uv[..., 1]], -1).astype(np.float32) * SIZE - 0.5
        rgb = cv2.remap(painted, places, None, cv2.INTER_LINEAR).astype(np.float32) * (1 + gain * (-1) ** t)
        normal = raster.interpolate(vertex_normals(vertices, body.faces), body.faces).numpy()
        rgb *= 1 + light * normal[..., :1]
        rgb[~raster.mask.numpy()] = BACKGROUND
        masks.append(raster.mask.numpy())
        frames.append((10 + 2 * t, np.ascontiguousarray(rgb.clip(0, 255).astype(np.uint8)[..., ::-1])))
    capture = Capture(
        frame_indices=np.array([index for index, _ in frames]),
        keypoints=np.zeros((len(frames), 25, 3), np.float32),
        masks=np.stack(masks),
        camera=CAMERA,
        frame_weights=np.ones(len(frames), np.float32),
    )
    return Film(body, state, capture, painted, frames)


def first_frames(film: Film, count: int) -> tuple[BodyState, Capture]:
    state, capture = film.state, film.capture
    poses = {name: getattr(state, name)[:count] for name in ("global_orient", "body_pose", "transl")}
    arrays = {name: getattr(capture, name)[:count] for name in ("frame_indices", "keypoints", "masks", "frame_weights")}
    return replace(state, **poses), replace(capture, **arrays)
