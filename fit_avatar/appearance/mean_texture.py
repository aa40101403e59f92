"""The first texture: the mean of what all frames show, at a low resolution, to compare single frames with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from fit_avatar.appearance.atlas import Atlas
from fit_avatar.appearance.picture import Picture
from fit_avatar.appearance.push_pull import push_pull
from fit_avatar.appearance.robust_mean import robust_mean
from fit_avatar.capture.types import Camera
from fit_avatar.visibility.views import View, facing, project

FloatArray = NDArray[np.float32]

SIZE, FRAMES = 512, 40
"""Its side, and how many frames are averaged at most."""
_CHUNK = 1 << 15


@dataclass(frozen=True)
class MeanTexture:
    """Samples of the texels of a small atlas, and their mean once the light is known."""

    atlas: Atlas
    colours: dict[int, NDArray[np.uint8]] = field(default_factory=dict)  # frame → [n, 3]
    weights: dict[int, NDArray[np.float16]] = field(default_factory=dict)

    def add(
        self, t: int, view: View, picture: Picture, camera: Camera, vertices: FloatArray, normals: FloatArray
    ) -> None:
        """Take samples from frame t. vertices and normals [V, 3]"""
        place, _, trust, cosine = see(self.atlas, slice(None), view, camera, vertices, normals)
        weight = trust * cosine.clip(0, 1) ** 2
        colours = np.zeros((len(weight), 3), np.uint8)
        seen = weight > 0
        colours[seen] = picture.sharp_at(place[seen])
        self.colours[t], self.weights[t] = colours, weight.astype(np.float16)

    def merge(self, factors: FloatArray | Mapping[int, FloatArray]) -> tuple[FloatArray, FloatArray]:
        """Return image [s, s, 3] and support [s, s], given the factors on each frame's colours. [V, 3] each"""
        frames = sorted(self.colours)
        mean = np.zeros((len(self.atlas.texel), 3), np.float32)
        support = np.zeros((len(mean), 1), np.float32)
        for start in range(0, len(mean), _CHUNK):
            part = slice(start, start + _CHUNK)
            if not frames:
                break
            weight = np.stack([self.weights[t][part].astype(np.float32) for t in frames])
            factor = np.stack([self.atlas.interpolate(factors[t], part) for t in frames])
            mean[part] = robust_mean(factor * np.stack([self.colours[t][part] for t in frames]), weight)
            support[part, 0] = weight.sum(axis=0)
        known = self.atlas.paint(support)[..., 0]
        return push_pull(self.atlas.paint(mean), known > 0), known


def see(
    atlas: Atlas,
    texels: NDArray[np.int64] | slice,
    view: View,
    camera: Camera,
    vertices: FloatArray,
    normals: FloatArray,
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return pixel [n, 2], depth, trust and cosine [n] of texels in one frame. vertices and normals [V, 3]"""
    values = atlas.interpolate(np.concatenate([vertices, normals], axis=1), texels)
    pixels, depth = project(values[:, :3], camera)
    length = np.sqrt(np.einsum("nc,nc->n", values[:, 3:], values[:, 3:]))
    cosine = facing(values[:, :3], values[:, 3:]) / np.maximum(length, 1e-9)
    return pixels, depth, view.trust_at(pixels, depth, cosine), cosine


def enlarge(image: FloatArray, size: int, interpolation: int = cv2.INTER_LINEAR) -> FloatArray:
    """Return an image at another size. [size, size, ...]"""
    if len(image) == size:
        return image
    return np.asarray(cv2.resize(image, (size, size), interpolation=interpolation), dtype=np.float32)
