"""The mean texture: what all frames show of the surface, averaged at low resolution, to compare frames with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from fit_avatar.appearance.atlas import Atlas
from fit_avatar.appearance.person_crop import PersonCrop
from fit_avatar.appearance.push_pull import push_pull
from fit_avatar.appearance.robust_mean import SIGMAS, robust_mean
from fit_avatar.capture.types import Camera
from fit_avatar.io.threads import in_threads
from fit_avatar.visibility.views import View, ViewedPoints

FloatArray = NDArray[np.float32]

_CHUNK = 1 << 15


@dataclass(frozen=True)
class MeanTextureConfig:
    """How large the mean texture is, and what it is made of. All values were chosen by hand."""

    size: int = 512
    """Texels along each side, at most; more show finer detail, but also the noise of fewer samples each."""
    frames: int = 40
    """Frames that are averaged, at most, spread evenly over the clip."""
    cosine_power: float = 2.0
    """Power of the cosine between surface normal and line of sight in a sample's weight."""
    sigmas: tuple[float, ...] = SIGMAS
    """Scales of the robust kernel, in grey levels of 255; see :data:`~fit_avatar.appearance.robust_mean.SIGMAS`."""

    def chosen(self, count: int) -> list[int]:
        """Return which of ``count`` frames are averaged."""
        return [int(t) for t in np.linspace(0, count - 1, min(count, self.frames)).round()]


MEAN_TEXTURE = MeanTextureConfig()


@dataclass(frozen=True)
class MeanTexture:
    """Samples of the texels of a small atlas, and their mean once the light is known."""

    atlas: Atlas
    config: MeanTextureConfig = MEAN_TEXTURE
    colours: dict[int, NDArray[np.uint8]] = field(default_factory=dict)  # frame → [N, 3] RGB
    weights: dict[int, NDArray[np.float16]] = field(default_factory=dict)  # frame → [N]

    def add(
        self, t: int, view: View, crop: PersonCrop, camera: Camera, vertices: FloatArray, normals: FloatArray
    ) -> None:
        """Take samples from frame t. vertices and normals [V, 3]"""
        texels = view_texels(self.atlas, slice(None), view, camera, vertices, normals)
        weight = texels.confidence * texels.cosine.clip(0, 1) ** self.config.cosine_power
        colours = np.zeros((len(weight), 3), np.uint8)
        seen = weight > 0
        colours[seen] = crop.colours_at(texels.pixels[seen])
        self.colours[t], self.weights[t] = colours, weight.astype(np.float16)

    def merge(self, factors: FloatArray | Mapping[int, FloatArray]) -> tuple[FloatArray, FloatArray]:
        """Return image [s, s, 3] and support [s, s], given the factors on each frame's colours. [V, 3] each"""
        frames = sorted(self.colours)
        mean = np.zeros((len(self.atlas.texel), 3), np.float32)
        support = np.zeros((len(mean), 1), np.float32)

        def merge_part(part: slice) -> None:
            weight = np.stack([self.weights[t][part].astype(np.float32) for t in frames])
            factor = np.stack([self.atlas.interpolate(factors[t], part) for t in frames])
            colours = factor * np.stack([self.colours[t][part] for t in frames])
            mean[part] = robust_mean(colours, weight, self.config.sigmas)
            support[part, 0] = weight.sum(axis=0)

        if frames:
            for _ in in_threads(merge_part, (slice(at, at + _CHUNK) for at in range(0, len(mean), _CHUNK))):
                pass
        known = self.atlas.to_image(support)[..., 0]
        return push_pull(self.atlas.to_image(mean), known > 0), known


def view_texels(
    atlas: Atlas,
    texels: NDArray[np.int64] | slice,
    view: View,
    camera: Camera,
    vertices: FloatArray,
    normals: FloatArray,
) -> ViewedPoints:
    """Return how one frame sees n of the atlas's texels. vertices and normals of the frame [V, 3]"""
    values = atlas.interpolate(np.concatenate([vertices, normals], axis=1), texels)
    length = np.sqrt(np.einsum("nc,nc->n", values[:, 3:], values[:, 3:]))
    return view.at(values[:, :3], values[:, 3:] / np.maximum(length, 1e-9)[:, None], camera)


def resize_square(image: FloatArray, size: int, interpolation: int = cv2.INTER_LINEAR) -> FloatArray:
    """Return a square image at another size. [size, size, ...]"""
    if len(image) == size:
        return image
    return np.asarray(cv2.resize(image, (size, size), interpolation=interpolation), dtype=np.float32)
