"""Drawing the textured body as a frame would show it."""

from __future__ import annotations

import torch
from torch import Tensor

from fit_avatar.appearance.person_crop import as_bytes, sample, scaled
from fit_avatar.body.model import Body
from fit_avatar.visibility.raster import Raster


def render_textured(body: Body, raster: Raster, texture: Tensor, factors: Tensor) -> Tensor:
    """Return the image of a rasterised body. uint8 [H, W, 3] BGR

    Args:
        body: gives the texture coordinates.
        raster: which triangle each pixel shows. [H, W]
        texture: uint8 [S, S, 3] RGB
        factors: on the texture's colours at each vertex (light, exposure). [V, 3] RGB
    """
    uv, size = raster.interpolate(body.uvs, body.uv_faces), len(texture)
    albedo = as_bytes(sample(texture, scaled(uv.view(-1, 2), (size, -size), (0, size))))
    light = raster.interpolate(factors, body.faces)
    return (albedo.view_as(light) * light).clamp_(0, 255).to(torch.uint8).flip(2)
