"""Drawing the textured body as a frame would show it."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from fit_avatar.body.model import Body
from fit_avatar.visibility.raster import Raster


def render_textured(
    body: Body, raster: Raster, texture: NDArray[np.uint8], factors: NDArray[np.float32]
) -> NDArray[np.uint8]:
    """Return the image of a rasterised body. [H, W, 3] BGR

    Args:
        body: gives the texture coordinates.
        raster: which triangle each pixel shows. [H, W]
        texture: [S, S, 3] RGB
        factors: on the texture's colours at each vertex (light, exposure). [V, 3] RGB
    """
    uv = raster.interpolate(body.uvs.cpu(), body.uv_faces.cpu()).numpy()
    texels = np.stack([uv[..., 0], 1 - uv[..., 1]], axis=-1).astype(np.float32) * len(texture) - 0.5
    albedo = cv2.remap(texture, texels, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    light = raster.interpolate(torch.from_numpy(factors), body.faces.cpu()).numpy()
    return np.ascontiguousarray(np.clip(albedo * light, 0, 255).astype(np.uint8)[..., ::-1])
