"""What terms in the image share: the size of a pixel, and which pixels are in the image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from fit_avatar.body.constants import numbers
from fit_avatar.capture.types import Camera
from fit_avatar.energies.posed_body import PosedBody


def metres_per_pixel(x: PosedBody, camera: Camera) -> Tensor:
    """Return the size of a pixel at the person's distance. [..., T]"""
    return x.transl[..., 2].detach().clamp_min(0.3) / camera.fx


def pixel_size_in_metres(x: PosedBody, camera: Camera, in_metres: bool = False) -> Mapping[str, Any]:
    """Make ``pixel_size``, with which residuals are in metres instead of pixels (a preparation)."""
    return {"pixel_size": metres_per_pixel(x, camera) if in_metres else None}


def scaled(residual: Tensor, pixel_size: Tensor | None) -> Tensor:
    """Return pixels, or metres where the size of a pixel is given. [..., T, N, C], [..., T] → [..., T, N, C]"""
    return residual if pixel_size is None else residual * pixel_size[..., None, None]


def inside_image(pixels: Tensor, camera: Camera) -> Tensor:
    """Return 1 where a pixel is one of the image, 0 elsewhere. [..., 2] → [...]"""
    size = numbers((camera.width, camera.height), pixels)
    inside: Tensor = ((pixels >= 0) & (pixels < size)).all(-1)
    return inside.to(pixels)
