"""Points of the surface found in the pictures by their texture: evidence for poses that outlines do not give.

An outline hardly changes when the trunk turns or an arm twists, but the pattern of clothes and skin moves. So the mean
texture of many frames is rendered over each frame, and optical flow from there to the frame says where every point is.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fit_avatar.appearance.atlas import Atlas
from fit_avatar.appearance.light import LIGHT, LightConfig, estimate_light, lighting_normals, mean_shading
from fit_avatar.appearance.mean_texture import MEAN_TEXTURE, MeanTexture, MeanTextureConfig
from fit_avatar.appearance.person_crop import PersonCrop, as_bytes, captured_frames, sample, scaled
from fit_avatar.appearance.render import render_textured
from fit_avatar.body.averaging import Averaging
from fit_avatar.body.mesh import vertex_normals
from fit_avatar.body.model import Body
from fit_avatar.body.operators import adjacency
from fit_avatar.body.skinning import pose_body, shaped
from fit_avatar.body.state import BodyState
from fit_avatar.capture.types import Camera, Capture
from fit_avatar.correspondence.matches import SurfaceMatches
from fit_avatar.correspondence.optical_flow import OPTICAL_FLOW, OpticalFlowConfig, dense_matches
from fit_avatar.io.threads import in_threads, workers
from fit_avatar.visibility.raster import Raster, rasterize
from fit_avatar.visibility.views import VISIBILITY, View, VisibilityConfig, view_from_raster, viewing_cosine

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class SurfaceTrackerConfig:
    """How points of the surface are found in the pictures. All values were chosen by hand."""

    person_px: int = 500
    """Size of the person in the images that are compared: a pixel is then 3 to 4 mm."""
    margin: float = 0.03
    """Margin of these images around the mask, in person heights: the body may be a little outside the mask."""
    frames: int = 120
    """Frames in which points are found, at most, spread evenly: those in between move as their neighbours do."""
    points: int = 400
    """Points that are kept in each frame: those with the highest confidence."""
    spacing_m: float = 0.03
    """Distance between the points: the flow of nearer ones is nearly the same."""
    min_visibility: float = 0.3
    """Confidence of a point's visibility from which it is far enough from outlines and occlusion edges."""
    mean_texture: MeanTextureConfig = field(default_factory=lambda: replace(MEAN_TEXTURE, frames=30))
    """Of fewer frames than for the final texture: it only has to be recognised."""
    light: LightConfig = LIGHT
    optical_flow: OpticalFlowConfig = OPTICAL_FLOW
    visibility: VisibilityConfig = VISIBILITY


SURFACE_TRACKER = SurfaceTrackerConfig()


class SurfaceTracker:
    """Finds points of a fitted body in the pictures of a clip."""

    def __init__(
        self,
        body: Body,
        capture: Capture,
        frames: Iterable[tuple[int, NDArray[np.uint8]]],
        config: SurfaceTrackerConfig = SURFACE_TRACKER,
    ) -> None:
        """Take the body, masks and weights of T frames, and the frames (index, BGR), undistorted, in any order.

        The frames are read when they are first needed; reduced images of the person are kept.
        """
        self.body, self.capture, self.frames, self.config = body, capture, frames, config

    def match(
        self, state: BodyState, camera: Camera, progress: Progress | None = None, body: Body | None = None
    ) -> SurfaceMatches:
        """Return where the pictures show points of the surface; confidence 0 where they do not.

        Args:
            state: shape and poses of the T frames as far as they are known.
            camera: of the frames.
            progress: called with (frames done, frames in all).
            body: that is looked for, if it has changed since, as by a garment.

        Raises:
            BadInputError: a frame's size differs from that of the capture's camera.
        """
        count, kept = len(self.capture.frame_indices), self.config.points
        points = self.body.template.new_zeros(count, kept, 3)
        vertices = torch.zeros((count, kept), dtype=torch.int64, device=points.device)
        if len(self._crops) >= 2:  # the mean texture of one frame is that frame, wherever the body is
            worn = self.body if body is None else body
            clip = _PosedClip.of(worn, state, camera, self._crops, self.config)
            candidates = worn.spread_vertices(self.config.spacing_m)
            with workers(min(4, os.cpu_count() or 1)) as pool:
                texture, shading = clip.mean_texture(pool)
                matched = pool.map(lambda t: clip.match(t, texture, shading[t], candidates), self._crops)
                for done, (t, (found, index)) in enumerate(zip(self._crops, matched, strict=True)):
                    points[t, : len(found)], vertices[t, : len(index)] = found, index
                    if progress:
                        progress(done + 1, len(self._crops))
        return SurfaceMatches(points, vertices)

    @cached_property
    def _crops(self) -> dict[int, _ReducedCrop]:
        """Some frames around the person, by their position among the T."""
        count = len(self.capture.frame_indices)
        chosen = set(np.linspace(0, count - 1, min(self.config.frames, count)).round().astype(int).tolist())

        def reduced(item: tuple[int, NDArray[np.uint8]]) -> tuple[int, _ReducedCrop | None]:
            t, bgr = item
            return t, _ReducedCrop.of(bgr, self.capture.masks[t], float(self.capture.frame_weights[t]), self.config)

        wanted = (frame for frame in captured_frames(self.capture, self.frames) if frame[0] in chosen)
        found = dict(in_threads(reduced, wanted))
        return {t: crop for t, crop in sorted(found.items()) if crop is not None}


@dataclass(frozen=True)
class _ReducedCrop:
    """One frame around the person, reduced."""

    image: NDArray[np.uint8]  # [h, w, 3] BGR
    mask: NDArray[np.uint8]  # [h, w] 0 to 255
    box: tuple[int, int, int, int]  # left, top, width, height in the frame, pixels
    weight: float

    @classmethod
    def of(
        cls, bgr: NDArray[np.uint8], mask: NDArray[np.bool_], weight: float, config: SurfaceTrackerConfig
    ) -> _ReducedCrop | None:
        """Cut out the person; None if nobody is there. bgr [H, W, 3], mask [H, W]"""
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if not len(rows) or weight <= 0:
            return None
        margin = round(config.margin * len(rows)) + 1
        top, left = max(int(rows[0]) - margin, 0), max(int(columns[0]) - margin, 0)
        box = (slice(top, rows[-1] + margin + 1), slice(left, columns[-1] + margin + 1))
        image, inside = bgr[box], mask[box].astype(np.uint8) * np.uint8(255)
        height, width = inside.shape
        factor = min(1.0, config.person_px / max(len(rows), len(columns)))
        size = (max(1, round(width * factor)), max(1, round(height * factor)))
        reduced, person = (
            np.asarray(cv2.resize(a, size, interpolation=cv2.INTER_AREA), dtype=np.uint8) for a in (image, inside)
        )
        return cls(reduced, person, (left, top, width, height), weight)

    def camera(self, whole: Camera) -> Camera:
        """Return the camera of this image, given that of the whole frame."""
        height, width = self.mask.shape
        return whole.cropped(*self.box).fitted_to(width, height)

    def in_frame(self, pixels: Tensor) -> Tensor:
        """Return pixels of this image as pixels of the whole frame. [N, 2]"""
        left, top, width, height = self.box
        return scaled(pixels, (width / self.mask.shape[1], height / self.mask.shape[0]), (left, top))


@dataclass(frozen=True)
class _PosedClip:
    """The posed body in every frame on its device, and the frames' crops."""

    body: Body
    vertices: Tensor  # [T, V, 3]
    normals: Tensor  # [T, V, 3]
    bind: Tensor  # [V, 3]
    averaging: Averaging
    camera: Camera
    crops: dict[int, _ReducedCrop]
    config: SurfaceTrackerConfig
    drawn: dict[int, tuple[Raster, View]] = field(default_factory=dict)
    """Frames of the mean texture, until they are matched."""

    @classmethod
    def of(
        cls,
        body: Body,
        state: BodyState,
        camera: Camera,
        crops: dict[int, _ReducedCrop],
        config: SurfaceTrackerConfig,
    ) -> _PosedClip:
        with torch.no_grad():
            vertices = pose_body(body, state).vertices
            bind = shaped(body, state.betas, state.offsets)
        averaging = Averaging.of(adjacency(body.faces.cpu().numpy(), len(bind)), bind.device)
        return cls(body, vertices, vertex_normals(vertices, body.faces), bind, averaging, camera, crops, config)

    def mean_texture(self, pool: ThreadPoolExecutor) -> tuple[Tensor, Tensor]:
        """Return the mean of some frames over the body's UVs, and the light that it lacks in each frame.

        Without the light, shading that changes as the body turns would seem to move.

        Returns:
            uint8 [S, S, 3] RGB, and the factor on it at each vertex [T, V, 3] RGB.
        """
        cropped = list(self.crops)
        averaged = [cropped[i] for i in self.config.mean_texture.chosen(len(cropped))]
        mean = MeanTexture(Atlas.of(self.body, self.config.mean_texture.size), self.config.mean_texture)
        device = self.vertices.device

        def add(t: int) -> tuple[Tensor, Tensor]:
            """Return the coarse colours of the vertices [V, 3], and their weights [V]."""
            reduced, camera = self.crops[t], self.crops[t].camera(self.camera)
            self.drawn[t] = self._view(t)
            crop, view = PersonCrop.of(reduced.image, reduced.mask > 127, device), self.drawn[t][1]
            mean.add(t, view, crop, camera, self.vertices[t], self.normals[t])
            viewed = view.at(self.vertices[t], self.normals[t], camera)
            weight = view.seen * viewed.confidence * viewed.cosine.clamp(0, 1) ** mean.config.cosine_power
            return as_bytes(crop.blurred_at(viewed.pixels)), weight

        colours, weight = (torch.stack(each) for each in zip(*pool.map(add, averaged), strict=True))
        normals = lighting_normals(self.normals, self.averaging, self.config.light)
        light, gains = estimate_light(colours, normals[averaged], weight, self.config.light)
        usual = mean_shading(light, normals, viewing_cosine(self.vertices, self.normals), self.config.light)
        shading = torch.stack([there / usual for there in light.over_frames(normals)])
        factors = dict(zip(averaged, gains[:, None] / shading[averaged], strict=True))
        return as_bytes(torch.from_numpy(mean.merge(factors)[0]).to(device)), shading

    def match(self, t: int, texture: Tensor, shading: Tensor, candidates: Tensor) -> tuple[Tensor, Tensor]:
        """Return (u, v, confidence) [N, 3] of the most certain candidate vertices in one frame, and which [N]."""
        crop, config = self.crops[t], self.config
        raster, view = self.drawn.pop(t) if t in self.drawn else self._view(t)
        rendered = render_textured(self.body, raster, texture, shading)
        pictures = rendered.cpu().numpy(), raster.mask.cpu().numpy(), crop.image, crop.mask > 127
        flow, certainty = dense_matches(*pictures, config.optical_flow)  # by OpenCV, on the CPU
        found = torch.from_numpy(np.dstack([flow, certainty])).to(rendered.device)
        camera = crop.camera(self.camera)
        viewed = view.at(self.vertices[t, candidates], self.normals[t, candidates], camera)
        moved = sample(found, viewed.pixels)
        visible = view.seen[candidates] & (viewed.confidence > config.min_visibility)
        confidence = crop.weight * visible * viewed.cosine.clamp(0, 1) * moved[:, 2]
        best = confidence.argsort(descending=True, stable=True)[: config.points]
        places = crop.in_frame(viewed.pixels[best] + moved[best, :2])
        return torch.cat([places, confidence[best, None]], 1), candidates[best]

    def _view(self, t: int) -> tuple[Raster, View]:
        """Rasterise one frame."""
        crop, camera, faces = self.crops[t], self.crops[t].camera(self.camera), self.body.faces
        raster = rasterize(self.vertices[t], faces, camera, cull_backfaces=True)
        surface = raster, faces, self.averaging, self.bind
        return raster, view_from_raster(*surface, camera, crop.mask, config=self.config.visibility)
