"""Fine detail from the key frames: moved onto the first texture, lit like it, and painted where it was chosen."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from fit_avatar.appearance.atlas import Atlas
from fit_avatar.appearance.mean_texture import see
from fit_avatar.appearance.picture import Picture
from fit_avatar.body.model import Body
from fit_avatar.body.operators import smoothed
from fit_avatar.capture.types import Camera
from fit_avatar.correspondence.optical_flow import displacement
from fit_avatar.visibility.raster import rasterize
from fit_avatar.visibility.views import View

FloatArray = NDArray[np.float32]

ALIGN_PX = 800
"""Shifts are searched in pictures of at most this size."""
CORRECTION_ROUNDS = 6
"""Rounds of smoothing over the mesh of what takes a frame's coarse colours to those of all frames."""
MAX_CORRECTION = 60.0
FALLBACK = 0.25
"""Weight of the first texture beside the chosen frames, except on the face: it averages their noise, and decides where
none of them is to be trusted."""
FULL_TRUST = 0.3
"""Trust from which a sample counts fully."""


@dataclass(frozen=True)
class KeyFrame:
    """What is needed to paint from one frame."""

    view: View
    picture: Picture
    vertices: FloatArray  # [V, 3] posed
    normals: FloatArray  # [V, 3]
    pixels: FloatArray  # [V, 2] of the vertices
    quality: FloatArray  # [V]
    factor: FloatArray  # [V, 3] takes its colours to those of the texture

    @property
    def smooth(self) -> FloatArray:
        """Return its coarse colours at the vertices, in the texture's light. [V, 3]"""
        return self.factor * self.picture.smooth_at(self.pixels)

    @property
    def appearance(self) -> FloatArray:
        """Return its colours at the vertices, in the texture's light. [V, 3]"""
        return self.factor * self.picture.sharp_at(self.pixels)

    def aligned(self, body: Body, camera: Camera, mask: NDArray[np.bool_], texture: NDArray[np.uint8]) -> KeyFrame:
        """Return the same frame, its picture shifted onto the body as far as a texture [S, S, 3] tells."""
        height, width = self.picture.sharp.shape[:2]
        scale = min(1.0, ALIGN_PX / max(height, width))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        x, y = size[0] / width, size[1] / height
        left, top = self.picture.left, self.picture.top
        window = Camera(camera.fx * x, camera.fy * y, (camera.cx - left) * x, (camera.cy - top) * y, *size)
        raster = rasterize(torch.from_numpy(self.vertices), body.faces.cpu(), window, cull_backfaces=True)
        uv = raster.interpolate(body.uvs.cpu(), body.uv_faces.cpu()).numpy()
        places = np.stack([uv[..., 0], 1 - uv[..., 1]], -1).astype(np.float32) * len(texture) - 0.5
        rendered = cv2.remap(texture, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        light = raster.interpolate(torch.from_numpy(1 / self.factor), body.faces.cpu()).numpy()
        rendered = np.clip(rendered * light, 0, 255).astype(np.uint8)[..., ::-1]
        person = mask[top : top + height, left : left + width].astype(np.uint8)
        shift = displacement(
            np.ascontiguousarray(rendered),
            raster.mask.numpy(),
            cv2.resize(self.picture.sharp, size, interpolation=cv2.INTER_AREA),
            cv2.resize(person, size, interpolation=cv2.INTER_NEAREST) > 0,
        )
        return replace(self, picture=replace(self.picture, shift=shift / np.array([x, y], np.float32)))

    def correction(self, coarse: FloatArray, neighbours: csr_matrix) -> FloatArray:
        """Return what takes its coarse colours at the vertices to those of all frames, and changes slowly. [V, 3]

        Its gradients stay as they are, so patches of different frames meet without an edge.

        Args:
            coarse: of all frames. [V, 3]
            neighbours: of each vertex. [V, V]
        """
        weight = (self.quality > 0).astype(np.float32)[:, None]
        difference = weight * (coarse - self.smooth).clip(-MAX_CORRECTION, MAX_CORRECTION)
        difference, weight = (smoothed(values, neighbours, CORRECTION_ROUNDS) for values in (difference, weight))
        return np.asarray(difference / np.maximum(weight, 1e-6), dtype=np.float32)


def paint_detail(
    atlas: Atlas,
    frames: list[KeyFrame],
    shares: FloatArray,
    corrections: list[FloatArray],
    camera: Camera,
    first: FloatArray,
    support: FloatArray,
    face: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Return the colour [N, 3] of each texel and the support [N] behind it.

    Args:
        atlas: N texels.
        frames: K key frames.
        shares: of the frames at each vertex. [V, K]
        corrections: of each frame's colours at the vertices. K × [V, 3]
        camera: of the pictures.
        first: colours where no key frame helps. [N, 3]
        support: quality behind those, 0 = not seen. [N]
        face: 1 where one frame alone is to be seen. [V]
    """
    share = FALLBACK * (1 - atlas.interpolate(face[:, None])[:, 0]).clip(0.05, 1)
    total = np.where(support > 0, share, 0).astype(np.float32)
    colours = total[:, None] * first
    support = support.copy()
    for k, frame in enumerate(frames):
        faces = np.flatnonzero(shares[atlas.faces, k].max(axis=1) > 0)
        texels = atlas.texels_of(faces)[0]
        if not len(texels):
            continue
        pixels, _, trust, _ = see(atlas, texels, frame.view, camera, frame.vertices, frame.normals)
        texels, pixels, trust = texels[trust > 0], pixels[trust > 0], trust[trust > 0]
        carried = np.concatenate([frame.factor, corrections[k], shares[:, k : k + 1]], axis=1)
        values = atlas.interpolate(carried, texels)
        weight = values[:, 6] * np.minimum(trust / FULL_TRUST, 1)
        shown = (frame.picture.sharp_at(pixels) * values[:, :3] + values[:, 3:6]).clip(0, 255)
        colours[texels] += weight[:, None] * shown
        total[texels] += weight
        support[texels] += weight * 1e-3  # seen, if by this frame alone
    return colours / np.maximum(total, 1e-9)[:, None], np.where(total > 0, support, 0).astype(np.float32)
