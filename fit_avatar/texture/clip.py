"""What a texture is made from: how the frames see the surface, their colours there, and the light of the clip."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fit_avatar.appearance.atlas import Atlas
from fit_avatar.appearance.light import Light, LightConfig, estimate_light, lighting_normals, mean_shading
from fit_avatar.appearance.mean_texture import MeanTexture
from fit_avatar.appearance.person_crop import PersonCrop, as_bytes, captured_frames
from fit_avatar.body.averaging import Averaging
from fit_avatar.body.mesh import vertex_normals
from fit_avatar.body.model import Body
from fit_avatar.capture.types import Capture
from fit_avatar.io.threads import in_threads
from fit_avatar.texture.config import TextureConfig
from fit_avatar.visibility.frame_views import FrameViews
from fit_avatar.visibility.views import View, sample_quality

Tick = Callable[[], None]


@dataclass(frozen=True)
class ClipGeometry:
    """What the fit alone says about each frame, on the body's device."""

    views: list[View]
    vertices: Tensor  # [T, V, 3]
    normals: Tensor  # [T, V, 3]
    pixels: Tensor  # [T, V, 2]
    cosine: Tensor  # [T, V]
    quality: Tensor  # [T, V]

    @classmethod
    def of(cls, frame_views: FrameViews, tick: Tick) -> ClipGeometry:
        """Find how every frame sees every vertex; ``tick`` is called after each frame."""
        capture, vertices = frame_views.capture, frame_views.vertices
        normals = vertex_normals(vertices, frame_views.body.faces)
        pixels = vertices.new_zeros(*vertices.shape[:2], 2)
        cosine, quality = (vertices.new_zeros(vertices.shape[:2]) for _ in range(2))
        reference = vertices[..., 2].median()
        views: list[View] = []
        for t, view in enumerate(frame_views.views()):
            views.append(view)
            viewed = view.at(vertices[t], normals[t], capture.camera)
            pixels[t], cosine[t] = viewed.pixels, viewed.cosine
            quality[t] = sample_quality(view, viewed, reference)
            tick()
        quality *= torch.tensor(capture.frame_weights).to(quality)[:, None]
        return cls(views, vertices, normals, pixels, cosine, quality)


@dataclass(frozen=True)
class ClipSamples:
    """What was read from the frames, on the body's device."""

    coarse: Tensor  # uint8 [T, V, 3] RGB, blurred
    weight: Tensor  # [T, V] of the coarse colours; 0 where hidden, and in frames that did not come
    mean: MeanTexture
    crops: dict[int, PersonCrop]  # of the selected frames that came, in the order of their selection

    @classmethod
    def of(
        cls,
        body: Body,
        geometry: ClipGeometry,
        capture: Capture,
        frames: Iterable[tuple[int, NDArray[np.uint8]]],
        size: int,
        selected: list[int],
        config: TextureConfig,
        tick: Tick,
    ) -> ClipSamples:
        """Read the frames (index, BGR) once; ``tick`` is called after each."""
        mean = MeanTexture(Atlas.of(body, min(size, config.mean_texture.size)), config.mean_texture)
        averaged = set(config.mean_texture.chosen(len(geometry.views)))
        device = geometry.pixels.device
        coarse = torch.zeros((*geometry.pixels.shape[:2], 3), dtype=torch.uint8, device=device)
        crops: dict[int, PersonCrop] = {}
        came = torch.zeros(len(coarse), dtype=torch.bool)

        def read(item: tuple[int, NDArray[np.uint8]]) -> tuple[int, PersonCrop]:
            t, bgr = item
            crop = PersonCrop.of(bgr, capture.masks[t], device, config.crop)
            coarse[t] = as_bytes(crop.blurred_at(geometry.pixels[t]))
            if t in averaged:
                mean.add(t, geometry.views[t], crop, capture.camera, geometry.vertices[t], geometry.normals[t])
            return t, crop

        for t, crop in in_threads(read, captured_frames(capture, frames)):
            came[t] = True
            if t in selected:
                crops[t] = crop
            tick()
        # coarse colours should look right from everywhere: angles count less than in the detail, where sharpness does
        weight = geometry.quality / geometry.cosine.clamp_min(0.1) ** 2 * came.to(device)[:, None]
        return cls(coarse, weight, mean, {t: crops[t] for t in selected if t in crops})


@dataclass(frozen=True)
class ClipLighting:
    """The light of the clip, and what takes the frames' colours to the texture's light, on the body's device."""

    light: Light
    gains: Tensor  # [T, 3]
    shading: Tensor  # [V, 3] that the texture keeps
    factors: Tensor  # [T, V, 3] on the frames' colours

    @classmethod
    def of(
        cls,
        geometry: ClipGeometry,
        samples: ClipSamples,
        averaging: Averaging,
        delight_area: Tensor | None,
        config: LightConfig,
    ) -> ClipLighting:
        """Estimate the light; with the vertices' areas [V] the texture keeps only the mean light of the surface."""
        normals = lighting_normals(geometry.normals, averaging, config)
        light, gains = estimate_light(samples.coarse, normals, samples.weight, config)
        shading = mean_shading(light, normals, geometry.cosine, config)
        if delight_area is not None:
            shading[:] = (delight_area @ shading) / delight_area.sum()
        lit = zip(gains, light.over_frames(normals), strict=True)
        return cls(light, gains, shading, torch.stack([gain * shading / there for gain, there in lit]))
