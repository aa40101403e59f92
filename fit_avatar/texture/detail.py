"""Fine detail from the key frames: aligned with the mean texture, lit like it, and painted where they were selected."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fit_avatar.appearance.atlas import Atlas
from fit_avatar.appearance.mean_texture import view_texels
from fit_avatar.appearance.person_crop import PersonCrop
from fit_avatar.appearance.render import render_textured
from fit_avatar.body.averaging import Averaging
from fit_avatar.body.model import Body
from fit_avatar.capture.types import Camera
from fit_avatar.correspondence.optical_flow import OPTICAL_FLOW, OpticalFlowConfig, residual_flow
from fit_avatar.io.threads import in_threads
from fit_avatar.visibility.raster import rasterize
from fit_avatar.visibility.views import View


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
    vertices: Tensor  # [V, 3] posed
    normals: Tensor  # [V, 3]
    pixels: Tensor  # [V, 2] of the vertices
    quality: Tensor  # [V]
    factor: Tensor  # [V, 3] takes its colours to the texture's light

    @property
    def coarse(self) -> Tensor:
        """Return its blurred colours at the vertices, in the texture's light. [V, 3]"""
        return self.factor * self.crop.blurred_at(self.pixels)

    @property
    def appearance(self) -> Tensor:
        """Return its colours at the vertices, in the texture's light. [V, 3]"""
        return self.factor * self.crop.colours_at(self.pixels)

    def aligned(
        self,
        body: Body,
        camera: Camera,
        mask: NDArray[np.bool_],
        texture: Tensor,
        config: DetailConfig = DETAIL,
    ) -> KeyFrame:
        """Return the same frame, its crop aligned with a texture [S, S, 3] on the body by optical flow."""
        height, width = self.crop.image.shape[:2]
        scale = min(1.0, config.align_px / max(height, width))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        left, top = self.crop.left, self.crop.top
        window = camera.cropped(left, top, width, height).fitted_to(*size)
        raster = rasterize(self.vertices, body.faces, window, cull_backfaces=True)
        person = mask[top : top + height, left : left + width].astype(np.uint8)
        flow = residual_flow(
            render_textured(body, raster, texture, self.factor.reciprocal()).cpu().numpy(),
            raster.mask.cpu().numpy(),
            cv2.resize(self.crop.image.cpu().numpy(), size, interpolation=cv2.INTER_AREA),
            cv2.resize(person, size, interpolation=cv2.INTER_NEAREST) > 0,
            config.optical_flow,
        )
        pixels_per_pixel = np.array([size[0] / width, size[1] / height], np.float32)
        moved = torch.from_numpy(flow / pixels_per_pixel).to(self.pixels.device)
        return replace(self, crop=replace(self.crop, flow=moved))

    def correction(self, coarse: Tensor, averaging: Averaging, config: DetailConfig = DETAIL) -> Tensor:
        """Return what takes its coarse colours at the vertices to those of all frames, and changes slowly. [V, 3]

        Its gradients stay as they are, so patches of different frames meet without an edge.

        Args:
            coarse: of all frames. [V, 3]
            averaging: over the neighbours of each vertex.
            config: how slowly, and how much at most.
        """
        weight = (self.quality > 0).to(coarse)[:, None]
        difference = weight * (coarse - self.coarse).clamp(-config.max_correction, config.max_correction)
        smooth = averaging.smoothed(torch.cat([difference, weight], 1), config.correction_rounds)
        return smooth[:, :3] / smooth[:, 3:].clamp_min(1e-6)


def paint_detail(
    atlas: Atlas,
    frames: list[KeyFrame],
    weights: Tensor,
    corrections: list[Tensor],
    camera: Camera,
    mean: Tensor,
    support: Tensor,
    face: Tensor,
    config: DetailConfig = DETAIL,
) -> tuple[Tensor, Tensor]:
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
    total = torch.where(support > 0, config.mean_weight * off_face.clamp(config.min_mean_weight, 1), 0.0)
    colours, support = total[:, None] * mean, support.clone()

    def shown_by(k: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return texels [n] that a frame shows, their weight [n] and colour [n, 3]."""
        frame, faces = frames[k], (weights[:, k][atlas.faces].amax(1) > 0).nonzero()[:, 0]
        texels = atlas.texels_of(faces)
        viewed = view_texels(atlas, texels, frame.view, camera, frame.vertices, frame.normals)
        shown = (viewed.confidence > 0).nonzero()[:, 0]
        texels, pixels, confidence = (a.index_select(0, shown) for a in (texels, viewed.pixels, viewed.confidence))
        factor, correction, weight = (
            atlas.interpolate(values, texels) for values in (frame.factor, corrections[k], weights[:, k : k + 1])
        )
        colour = (frame.crop.colours_at(pixels) * factor + correction).clamp_(0, 255)
        return texels, weight[:, 0] * (confidence / config.full_confidence).clamp_max(1), colour

    for texels, weight, colour in in_threads(shown_by, range(len(frames))):
        colours[texels] += weight[:, None] * colour
        total[texels] += weight
        support[texels] += weight * 1e-3  # seen, if by this frame alone
    return colours / total.clamp_min(1e-9)[:, None], torch.where(total > 0, support, 0.0)
