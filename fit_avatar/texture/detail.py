"""Fine detail from the key frames: aligned with the mean texture, lit like it, and painted where they were selected."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from fit_avatar.appearance.atlas import Atlas
from fit_avatar.appearance.mean_texture import view_texels
from fit_avatar.appearance.person_crop import PersonCrop
from fit_avatar.appearance.render import render_textured
from fit_avatar.body.model import Body
from fit_avatar.body.operators import smoothed
from fit_avatar.capture.types import Camera
from fit_avatar.correspondence.optical_flow import OPTICAL_FLOW, OpticalFlowConfig, residual_flow
from fit_avatar.io.threads import in_threads
from fit_avatar.visibility.raster import rasterize
from fit_avatar.visibility.views import View

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class DetailConfig:
    """How key frames are aligned, corrected and blended. All values were chosen by hand."""

    align_px: int = 800
    """Longer side, at most, of the images in which the optical flow is computed."""
    correction_rounds: int = 6
    """Rounds of smoothing over the mesh of the correction that takes a frame's coarse colours to those of all frames;
    more keep more of the frame's own shading."""
    max_correction: float = 60.0
    """Largest correction, in grey levels of 255."""
    mean_weight: float = 0.25
    """Weight of the mean texture beside the selected frames, except on the face: it averages their noise, and decides
    where none of them has any confidence."""
    min_mean_weight: float = 0.05
    """Least part of that weight, on the face: it is painted from one frame alone as far as that sees it."""
    full_confidence: float = 0.3
    """Confidence from which a sample counts fully."""
    optical_flow: OpticalFlowConfig = OPTICAL_FLOW


DETAIL = DetailConfig()


@dataclass(frozen=True)
class KeyFrame:
    """What is needed to paint from one frame."""

    view: View
    crop: PersonCrop
    vertices: FloatArray  # [V, 3] posed
    normals: FloatArray  # [V, 3]
    pixels: FloatArray  # [V, 2] of the vertices
    quality: FloatArray  # [V]
    factor: FloatArray  # [V, 3] takes its colours to the texture's light

    @property
    def coarse(self) -> FloatArray:
        """Return its blurred colours at the vertices, in the texture's light. [V, 3]"""
        return self.factor * self.crop.blurred_at(self.pixels)

    @property
    def appearance(self) -> FloatArray:
        """Return its colours at the vertices, in the texture's light. [V, 3]"""
        return self.factor * self.crop.colours_at(self.pixels)

    def aligned(
        self,
        body: Body,
        camera: Camera,
        mask: NDArray[np.bool_],
        texture: NDArray[np.uint8],
        config: DetailConfig = DETAIL,
    ) -> KeyFrame:
        """Return the same frame, its crop aligned with a texture [S, S, 3] on the body by optical flow."""
        height, width = self.crop.image.shape[:2]
        scale = min(1.0, config.align_px / max(height, width))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        left, top = self.crop.left, self.crop.top
        window = camera.cropped(left, top, width, height).fitted_to(*size)
        raster = rasterize(torch.from_numpy(self.vertices), body.faces.cpu(), window, cull_backfaces=True)
        person = mask[top : top + height, left : left + width].astype(np.uint8)
        flow = residual_flow(
            render_textured(body, raster, texture, np.reciprocal(self.factor)),
            raster.mask.numpy(),
            cv2.resize(self.crop.image, size, interpolation=cv2.INTER_AREA),
            cv2.resize(person, size, interpolation=cv2.INTER_NEAREST) > 0,
            config.optical_flow,
        )
        pixels_per_pixel = np.array([size[0] / width, size[1] / height], np.float32)
        return replace(self, crop=replace(self.crop, flow=flow / pixels_per_pixel))

    def correction(self, coarse: FloatArray, neighbours: csr_matrix, config: DetailConfig = DETAIL) -> FloatArray:
        """Return what takes its coarse colours at the vertices to those of all frames, and changes slowly. [V, 3]

        Its gradients stay as they are, so patches of different frames meet without an edge.

        Args:
            coarse: of all frames. [V, 3]
            neighbours: of each vertex. [V, V]
            config: how slowly, and how much at most.
        """
        weight = (self.quality > 0).astype(np.float32)[:, None]
        difference = weight * (coarse - self.coarse).clip(-config.max_correction, config.max_correction)
        difference, weight = (smoothed(a, neighbours, config.correction_rounds) for a in (difference, weight))
        return np.asarray(difference / np.maximum(weight, 1e-6), dtype=np.float32)


def paint_detail(
    atlas: Atlas,
    frames: list[KeyFrame],
    weights: FloatArray,
    corrections: list[FloatArray],
    camera: Camera,
    mean: FloatArray,
    support: FloatArray,
    face: FloatArray,
    config: DetailConfig = DETAIL,
) -> tuple[FloatArray, FloatArray]:
    """Return the colour [N, 3] of each texel and the support [N] behind it.

    Args:
        atlas: N texels.
        frames: K key frames.
        weights: of the frames at each vertex. [V, K]
        corrections: of each frame's colours at the vertices. K × [V, 3]
        camera: of the frames.
        mean: colours of the mean texture. [N, 3]
        support: quality behind those, 0 = not seen. [N]
        face: 1 where one frame alone is to be seen. [V]
        config: the mean texture's weight.
    """
    off_face = 1 - atlas.interpolate(face[:, None])[:, 0]
    mean_weight = config.mean_weight * off_face.clip(config.min_mean_weight, 1)
    total = np.where(support > 0, mean_weight, 0).astype(np.float32)
    colours = total[:, None] * mean
    support = support.copy()

    def shown_by(k: int) -> tuple[NDArray[np.int64], FloatArray, FloatArray]:
        """Return texels [n] that a frame shows, their weight [n] and colour [n, 3]."""
        frame, faces = frames[k], np.flatnonzero(weights[atlas.faces, k].max(axis=1) > 0)
        texels = atlas.texels_of(faces)[0]
        viewed = view_texels(atlas, texels, frame.view, camera, frame.vertices, frame.normals)
        shown = viewed.confidence > 0
        texels, pixels, confidence = texels[shown], viewed.pixels[shown], viewed.confidence[shown]
        values = atlas.interpolate(
            np.concatenate([frame.factor, corrections[k], weights[:, k : k + 1]], axis=1), texels
        )
        weight = values[:, 6] * np.minimum(confidence / config.full_confidence, 1)
        return texels, weight, (frame.crop.colours_at(pixels) * values[:, :3] + values[:, 3:6]).clip(0, 255)

    for texels, weight, colour in in_threads(shown_by, range(len(frames))):
        colours[texels] += weight[:, None] * colour
        total[texels] += weight
        support[texels] += weight * 1e-3  # seen, if by this frame alone
    return colours / np.maximum(total, 1e-9)[:, None], np.where(total > 0, support, 0).astype(np.float32)
