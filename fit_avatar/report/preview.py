"""Pictures of the textured avatar from the front, both sides and the back."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from fit_avatar.body import rotation
from fit_avatar.body.mesh import vertex_normals
from fit_avatar.body.model import Body
from fit_avatar.body.skinning import shaped
from fit_avatar.body.state import BodyState
from fit_avatar.capture.types import Camera
from fit_avatar.export.image import image_bytes
from fit_avatar.io.atomic import write_bytes
from fit_avatar.visibility.raster import rasterize


@dataclass(frozen=True)
class PreviewConfig:
    """Appearance of the preview. All values are chosen by hand."""

    yaws_deg: tuple[float, ...] = (0.0, 90.0, 180.0, 270.0)
    """Turn of the person in each view."""
    size_px: tuple[int, int] = (560, 900)
    """Width and height of one view."""
    oversampling: int = 2
    """Pictures are rendered this many times larger, against jagged edges."""
    distance_m: float = 6.0
    """From the camera to the person."""
    filling: float = 0.92
    """The person fills this fraction of the picture's height."""
    background: int = 236
    """Grey level, 0 to 255."""
    ambient: float = 0.75
    """Brightness of what faces sideways, in [0, 1]: the texture holds the light of the clip, a little shading shows
    the shape."""


PREVIEW = PreviewConfig()


def render_view(
    body: Body,
    state: BodyState,
    texture: NDArray[np.uint8],
    yaw_deg: float,
    size_px: tuple[int, int] | None = None,
    config: PreviewConfig = PREVIEW,
) -> NDArray[np.uint8]:
    """Return the avatar in its bind pose, turned by ``yaw_deg``, as RGB [H, W, 3].

    Args:
        body: the body.
        state: its shape and offsets.
        texture: [S, S, 3] RGB, first row v = 1.
        yaw_deg: 0 shows the front, 90 the person's left side turned to the camera.
        size_px: width and height of the picture; by default those of ``config``.
        config: appearance.
    """
    size_px = size_px or config.size_px
    width, height = (side * config.oversampling for side in size_px)
    surface = shaped(body, state.betas, state.offsets).detach()
    middle = (surface.amax(0) + surface.amin(0)) / 2
    extent = surface.amax(0) - surface.amin(0)
    body_height = max(float(extent[1]), float(extent[0]) * height / width)  # a T-pose is wider than tall
    turn = rotation.exp(surface.new_tensor([0.0, math.radians(-yaw_deg), 0.0]))
    upright = rotation.exp(surface.new_tensor([math.pi, 0.0, 0.0]))
    vertices = (surface - middle) @ (upright @ turn).T + surface.new_tensor([0.0, 0.0, config.distance_m])
    focal = config.filling * height * config.distance_m / body_height
    camera = Camera(focal, focal, width / 2, height / 2, width, height)
    raster = rasterize(vertices, body.faces, camera, cull_backfaces=True)
    seen = raster.mask.cpu().numpy()

    uvs = raster.interpolate(body.uvs, body.uv_faces).cpu().numpy()
    texels = np.stack([uvs[..., 0], 1 - uvs[..., 1]], -1).astype(np.float32) * len(texture) - 0.5
    colours = cv2.remap(texture, texels, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    facing = (-vertex_normals(vertices, body.faces)[:, 2:]).clamp(0, 1)
    light = config.ambient + (1 - config.ambient) * raster.interpolate(facing, body.faces).cpu().numpy()
    picture = np.where(seen[..., None], colours * light, config.background).astype(np.uint8)
    return np.asarray(cv2.resize(picture, size_px, interpolation=cv2.INTER_AREA))


def write_preview(
    path: Path, body: Body, state: BodyState, texture: NDArray[np.uint8], config: PreviewConfig = PREVIEW
) -> Path:
    """Write front, left side, back and right side next to each other, as a PNG or JPEG (by the path's suffix).

    Raises:
        BadInputError: the disk is full or the folder cannot be written to.
    """
    with torch.no_grad():
        views = [render_view(body, state, texture, yaw, config=config) for yaw in config.yaws_deg]
    write_bytes(path, image_bytes(np.concatenate(views, axis=1), path.suffix))
    return path
