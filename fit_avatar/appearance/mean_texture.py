"""The mean texture: what all frames show of the surface, averaged at low resolution, to compare frames with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fit_avatar.appearance.atlas import Atlas
from fit_avatar.appearance.person_crop import PersonCrop, as_bytes
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
    colours: dict[int, Tensor] = field(default_factory=dict)  # frame → uint8 [N, 3] RGB
    weights: dict[int, Tensor] = field(default_factory=dict)  # frame → float16 [N]

    def add(self, t: int, view: View, crop: PersonCrop, camera: Camera, vertices: Tensor, normals: Tensor) -> None:
        """Take samples from frame t. vertices and normals [V, 3]"""
        texels = view_texels(self.atlas, slice(None), view, camera, vertices, normals)
        weight = texels.confidence * texels.cosine.clamp(0, 1) ** self.config.cosine_power
        seen = (weight > 0).nonzero()[:, 0]
        colours = torch.zeros((len(weight), 3), dtype=torch.uint8, device=weight.device)
        colours[seen] = as_bytes(crop.colours_at(texels.pixels[seen]))
        self.colours[t], self.weights[t] = colours, weight.half()

    def merge(self, factors: Tensor | Mapping[int, Tensor]) -> tuple[FloatArray, FloatArray]:
        """Return image [s, s, 3] and support [s, s], given the factors on each frame's colours. [V, 3] each"""
        frames, texel = sorted(self.colours), self.atlas.texel
        mean = torch.zeros((len(texel), 3), device=texel.device)
        support = torch.zeros((len(texel), 1), device=texel.device)

        def merge_part(part: slice) -> None:
            weight = torch.stack([self.weights[t][part] for t in frames]).float()
            colours = torch.stack(
                [(self.atlas.interpolate(factors[t], part) * self.colours[t][part]).T for t in frames]
            )
            mean[part] = robust_mean(colours, weight, self.config.sigmas).T
            support[part, 0] = weight.sum(0)

        if frames:
            for _ in in_threads(merge_part, (slice(at, at + _CHUNK) for at in range(0, len(mean), _CHUNK))):
                pass
        merged = self.atlas.to_image(torch.cat([mean, support], 1)).cpu().numpy()
        known = np.ascontiguousarray(merged[..., 3])
        return push_pull(np.ascontiguousarray(merged[..., :3]), known > 0), known


def view_texels(
    atlas: Atlas, texels: Tensor | slice, view: View, camera: Camera, vertices: Tensor, normals: Tensor
) -> ViewedPoints:
    """Return how one frame sees n of the atlas's texels. vertices and normals of the frame [V, 3]"""
    points, outwards = (atlas.interpolate(values, texels) for values in (vertices, normals))
    return view.at(points, outwards / outwards.norm(dim=1, keepdim=True).clamp_min(1e-9), camera)
