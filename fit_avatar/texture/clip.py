"""What a texture is made from: how the frames see the surface, their colours there, and the light of the clip."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from fit_avatar.appearance.atlas import Atlas
from fit_avatar.appearance.light import Light, LightConfig, estimate_light, lighting_normals, mean_shading
from fit_avatar.appearance.mean_texture import MeanTexture
from fit_avatar.appearance.person_crop import PersonCrop, captured_frames
from fit_avatar.body.mesh import vertex_normals
from fit_avatar.body.model import Body
from fit_avatar.capture.types import Capture
from fit_avatar.io.threads import in_threads
from fit_avatar.texture.config import TextureConfig
from fit_avatar.visibility.frame_views import FrameViews
from fit_avatar.visibility.views import View, sample_quality

FloatArray = NDArray[np.float32]
Tick = Callable[[], None]


@dataclass(frozen=True)
class ClipGeometry:
    """What the fit alone says about each frame."""

    views: list[View]
    vertices: FloatArray  # [T, V, 3]
    normals: FloatArray  # [T, V, 3]
    pixels: FloatArray  # [T, V, 2]
    cosine: FloatArray  # [T, V]
    quality: FloatArray  # [T, V]

    @classmethod
    def of(cls, frame_views: FrameViews, tick: Tick) -> ClipGeometry:
        """Find how every frame sees every vertex; ``tick`` is called after each frame."""
        capture = frame_views.capture
        vertices = frame_views.vertices.cpu().numpy()
        normals = vertex_normals(vertices, frame_views.body.faces.cpu().numpy())
        pixels = np.zeros((*vertices.shape[:2], 2), np.float32)
        cosine, quality = (np.zeros(vertices.shape[:2], np.float32) for _ in range(2))
        reference = float(np.median(vertices[..., 2]))
        views: list[View] = []
        for t, view in enumerate(frame_views.views()):
            views.append(view)
            viewed = view.at(vertices[t], normals[t], capture.camera)
            pixels[t], cosine[t] = viewed.pixels, viewed.cosine
            quality[t] = sample_quality(view, viewed, reference) * capture.frame_weights[t]
            tick()
        return cls(views, vertices, normals, pixels, cosine, quality)


@dataclass(frozen=True)
class ClipSamples:
    """What was read from the frames."""

    coarse: NDArray[np.uint8]  # [T, V, 3] RGB, blurred
    weight: FloatArray  # [T, V] of the coarse colours; 0 where hidden, and in frames that did not come
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
        coarse = np.zeros((*geometry.pixels.shape[:2], 3), np.uint8)
        crops: dict[int, PersonCrop] = {}
        came = np.zeros(len(coarse), bool)

        def read(item: tuple[int, NDArray[np.uint8]]) -> tuple[int, PersonCrop]:
            t, bgr = item
            crop = PersonCrop.of(bgr, capture.masks[t], config.crop)
            coarse[t], came[t] = crop.blurred_at(geometry.pixels[t]), True
            if t in averaged:
                mean.add(t, geometry.views[t], crop, capture.camera, geometry.vertices[t], geometry.normals[t])
            return t, crop

        for t, crop in in_threads(read, captured_frames(capture, frames)):
            if t in selected:
                crops[t] = crop
            tick()
        # coarse colours should look right from everywhere: angles count less than in the detail, where sharpness does
        weight = geometry.quality / np.maximum(geometry.cosine, 0.1) ** 2 * came[:, None]
        return cls(coarse, weight.astype(np.float32), mean, {t: crops[t] for t in selected if t in crops})


@dataclass(frozen=True)
class ClipLighting:
    """The light of the clip, and what takes the frames' colours to the texture's light."""

    light: Light
    gains: FloatArray  # [T, 3]
    shading: FloatArray  # [V, 3] that the texture keeps
    factors: FloatArray  # [T, V, 3] on the frames' colours

    @classmethod
    def of(
        cls,
        geometry: ClipGeometry,
        samples: ClipSamples,
        neighbours: csr_matrix,
        delight_area: FloatArray | None,
        config: LightConfig,
    ) -> ClipLighting:
        """Estimate the light; with the vertices' areas [V] the texture keeps only the mean light of the surface."""
        normals = lighting_normals(geometry.normals, neighbours, config)
        light, gains = estimate_light(samples.coarse, normals, samples.weight, config)
        shading = mean_shading(light, normals, geometry.cosine, config)
        if delight_area is not None:
            shading[:] = (delight_area @ shading) / delight_area.sum()
        factors = np.stack([gain * shading / light.shading(lit) for gain, lit in zip(gains, normals, strict=True)])
        return cls(light, gains, shading, factors)
