"""Confidence as colour, from orange (a guess) to blue (measured), which colour-blind people can distinguish."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fit_avatar.appearance.push_pull import push_pull
from fit_avatar.body.model import Body
from fit_avatar.visibility.raster import rasterize_uv

SCALE = ((202, 76, 12), (243, 190, 110), (222, 226, 220), (112, 168, 205), (16, 88, 158))
"""RGB at confidence 0, ¼, ½, ¾ and 1. Chosen by hand."""


def confidence_colours(confidence: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return RGB for confidences in [0, 1]. [...] → [..., 3]"""
    stops = np.linspace(0, 1, len(SCALE))
    channels = [np.interp(confidence, stops, [colour[k] for colour in SCALE]) for k in range(3)]
    return np.stack(channels, -1).round().astype(np.uint8)


def confidence_texture(body: Body, confidence: NDArray[np.float32], size: int = 512) -> NDArray[np.uint8]:
    """Return a texture that shows the confidence of every vertex. confidence [V] → [size, size, 3] RGB"""
    raster = rasterize_uv(body.uvs, body.uv_faces, size)
    values = body.uvs.new_tensor(confidence)[:, None]
    painted = confidence_colours(raster.interpolate(values, body.faces).cpu().numpy()[..., 0])
    grown = push_pull(painted.astype(np.float32), raster.mask.cpu().numpy())
    return np.asarray(grown.clip(0, 255).round(), np.uint8)


def css_scale() -> str:
    """Return the scale as a CSS gradient from 0 to 1."""
    stops = (f"rgb{colour}" for colour in SCALE)
    return f"linear-gradient(90deg, {', '.join(stops)})"
