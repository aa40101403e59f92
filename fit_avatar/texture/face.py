"""The face, painted from a few frames that show it well, each aligned by the points that were found on it.

A face that is a few millimetres off has its mouth and eyes beside those of the picture. The points of the face tell how
far, so that every frame's eyes come to lie on the body's eyes before frames are merged.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fit_avatar.appearance.atlas import Atlas
from fit_avatar.appearance.mean_texture import view_texels
from fit_avatar.appearance.person_crop import PersonCrop, scaled
from fit_avatar.body.face_points import FacePoints
from fit_avatar.body.model import Body
from fit_avatar.capture.types import Camera, Capture
from fit_avatar.texture.clip import ClipGeometry, ClipLighting
from fit_avatar.texture.face_config import FACE, FaceConfig
from fit_avatar.texture.face_frames import select_face_frames
from fit_avatar.texture.face_merge import merge_faces
from fit_avatar.texture.face_misfit import face_misfit
from fit_avatar.texture.face_rims import on_rims
from fit_avatar.texture.face_warp import face_shift, face_weight, with_lids
from fit_avatar.texture.interior import fill_interior, interior
from fit_avatar.visibility.raster import rasterize

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

FACE_468 = "face_468"
"""Name of the set of a capture's points that is used."""


@dataclass(frozen=True)
class _Window:
    """The part of the texture's plane that holds some texels."""

    rows: IntArray  # [n] of the texels in the window
    columns: IntArray  # [n]

    @classmethod
    def of(cls, atlas: Atlas, texels: IntArray) -> _Window:
        rows, columns = np.divmod(atlas.arrays.texel[texels], atlas.size)
        return cls(rows - rows.min(), columns - columns.min())

    def image(self, values: FloatArray) -> FloatArray:
        """Return texels' values [n, ...] as a picture [H, W, ...], 0 between them."""
        image = np.zeros((self.rows.max() + 1, self.columns.max() + 1, *values.shape[1:]), np.float32)
        image[self.rows, self.columns] = values
        return image

    def values(self, image: FloatArray) -> FloatArray:
        """Return a picture's values [H, W, ...] at the texels. [n, ...]"""
        return np.asarray(image[self.rows, self.columns])


@dataclass(frozen=True)
class FacePainter:
    """What is known of the face before the frames are read."""

    body: Body
    points: FacePoints
    inside: BoolArray  # [F] triangles inside the face: eyes, mouth
    weight: FloatArray  # [V] how far each vertex belongs to the face
    rating: Mapping[int, float]
    """The frames to paint from, the best one first, and how good each is."""
    misfit_m: float
    """How far the fitted face has its features beside those of the person."""
    config: FaceConfig

    @classmethod
    def of(
        cls, body: Body, points: FacePoints | None, geometry: ClipGeometry, capture: Capture, config: FaceConfig = FACE
    ) -> FacePainter | None:
        """Choose the frames; None if nobody has found points of the face, or on this body, or no frame shows it."""
        found = capture.point_sets.get(FACE_468)
        if points is None or found is None:
            return None
        weight = face_weight(body, points, config.warp)
        share = weight / weight.sum()
        of_face = torch.from_numpy(share).to(geometry.vertices)
        centre = torch.einsum("v,tvc->tc", of_face, geometry.vertices).cpu().numpy()
        forward = torch.einsum("v,tvc->tc", of_face * body.skin, geometry.normals).cpu().numpy()
        forward /= np.maximum(np.linalg.norm(forward, axis=1, keepdims=True), 1e-9)
        rating = select_face_frames(centre, forward, found, capture.frame_weights, config.frames)
        if not rating:
            return None
        inside = interior(body, points)
        chosen = list(rating)
        surface = geometry.vertices[chosen].cpu().numpy(), body.faces.cpu().numpy(), capture.camera
        misfit = face_misfit(points, found[chosen], *surface, config.misfit)
        return cls(body, on_rims(body, points, inside), inside, weight, rating, misfit, config)

    @property
    def aligns(self) -> bool:
        """Return whether the fitted face is so near to the person's that the features go onto those of the body."""
        return self.misfit_m <= self.config.most_misfit_m

    def paint(
        self,
        atlas: Atlas,
        geometry: ClipGeometry,
        capture: Capture,
        crops: Mapping[int, PersonCrop],
        lighting: ClipLighting,
        colours: FloatArray,
        support: FloatArray,
    ) -> tuple[FloatArray, FloatArray]:
        """Return colours [N, 3] and support [N] of a texture with the face painted into them.

        The exposure of the face is that of its frames, while the rest of the body has the mean one of the clip.

        Args:
            atlas: N texels.
            geometry: how the frames see the body.
            capture: their points of the face, and the camera.
            crops: of the frames that came, by their position in the clip.
            lighting: takes the frames' colours to the texture's light.
            colours: of the whole body. [N, 3]
            support: behind those; 0 = not seen. [N]
        """
        near = np.flatnonzero(self.weight[atlas.arrays.faces].max(axis=1) > 0)
        there = atlas.texels_of(torch.from_numpy(near).to(atlas.texel.device))
        samples = list(self._samples(atlas, there, geometry, capture, crops, self._factors(lighting)))
        texels = there.cpu().numpy()
        if not samples:
            return colours, support
        inside = self.inside[atlas.arrays.face[texels]]
        window = _Window.of(atlas, texels[~inside])
        patches, weights = zip(*((window.image(c[~inside]), window.image(w[~inside])) for c, w in samples), strict=True)
        picture, known = merge_faces(patches, weights, self.config.merge)
        merged, total = np.zeros((len(texels), 3), np.float32), np.zeros(len(texels), np.float32)
        merged[~inside], total[~inside] = window.values(picture), window.values(known)
        merged[inside], total[inside] = first_of([(c[inside], w[inside]) for c, w in samples])
        return self._put(atlas, texels, merged, total, colours, support)

    def fill(self, atlas: Atlas, colours: FloatArray, painted: FloatArray, seen: BoolArray) -> FloatArray:
        """Return colours [N, 3] with the inside of the face: as it was painted where it is seen [N], else plausible."""
        inner = seen & self.inside[atlas.arrays.face]
        colours = np.where(inner[:, None], painted, colours)
        return fill_interior(self.body, self.inside, atlas, colours, seen, self.config.interior)

    def _factors(self, lighting: ClipLighting) -> Tensor:
        """Return what takes the frames' colours to the texture's light and the face's frames' exposure. [T, V, 3]"""
        rating = torch.tensor(list(self.rating.values())).to(lighting.gains)
        logs = lighting.gains[list(self.rating)].log()
        gain = ((rating[:, None] * logs).sum(0) / rating.sum()).exp()
        most = self.config.max_exposure
        return lighting.factors / gain.clamp(1 / most, most)

    def _samples(
        self,
        atlas: Atlas,
        texels: Tensor,
        geometry: ClipGeometry,
        capture: Capture,
        crops: Mapping[int, PersonCrop],
        factors: Tensor,
    ) -> Iterator[tuple[FloatArray, FloatArray]]:
        """Yield what every frame shows of texels, the best frame first: colours [n, 3] and their weight [n]."""
        sharpness = {t: self._sharpness(crops[t], geometry.pixels[t]) for t in self.rating if t in crops}
        for t, sharp in sharpness.items():
            shift = self._shift(capture, geometry, t)
            if shift is None:
                continue
            weight, pixels = self._seen(atlas, texels, geometry, capture.camera, t)
            shown = (weight > 0).nonzero()[:, 0]
            factor, moved = (atlas.interpolate(values, texels[shown]) for values in (factors[t], shift))
            colour = weight.new_zeros(len(texels), 3)
            colour[shown] = crops[t].colours_at(pixels[shown] + moved) * factor
            relative = (sharp / max(sharpness.values())) ** self.config.sharpness_power
            yield colour.cpu().numpy(), (weight * (relative * self.rating[t])).cpu().numpy()

    def _put(
        self,
        atlas: Atlas,
        texels: IntArray,
        merged: FloatArray,
        total: FloatArray,
        colours: FloatArray,
        support: FloatArray,
    ) -> tuple[FloatArray, FloatArray]:
        """Return colours and support with those of the face. merged [n, 3], total weight [n]"""
        colours, support = colours.copy(), support.copy()
        behind = support[texels]
        usual = np.median(behind[behind > 0]) if behind.any() else 1
        share = (total / (self.config.full_weight * max(self.rating.values()))).clip(0, 1)
        share *= atlas.interpolate(self.weight[:, None], texels)[:, 0]
        inside = self.inside[atlas.arrays.face[texels]]
        share[inside] = 1  # never the colours of the lids or lips in front of it
        share[(behind == 0) & (total > 0)] = 1
        support[texels] = np.where(inside, 0, behind)
        support[texels[(total > 0) & (inside | (behind == 0))]] = usual
        colours[texels] += share[:, None] * (merged - colours[texels])
        return colours, support

    def _shift(self, capture: Capture, geometry: ClipGeometry, t: int) -> Tensor | None:
        """Return how far a frame shows the vertices from where they are projected; 0 off the face. [V, 2]"""
        on = np.flatnonzero(self.weight > 0)
        vertices, pixels = geometry.vertices[t].cpu().numpy(), geometry.pixels[t].cpu().numpy()
        found = face_shift(
            self.points.features(), with_lids(capture.point_sets[FACE_468][t], self.config.warp), vertices,
            self.body.faces.cpu().numpy(), capture.camera, pixels[on], self.config.warp,
        )  # fmt: skip
        if found is None:
            return None
        shift = np.zeros((len(self.weight), 2), np.float32)
        shift[on] = found * self.weight[on, None]
        return torch.from_numpy(shift).to(geometry.pixels.device)

    @cached_property
    def _weight(self) -> Tensor:
        return torch.from_numpy(self.weight).to(self.body.template.device)

    def _sharpness(self, crop: PersonCrop, pixels: Tensor) -> float:
        """Return how sharp a frame is on the face. pixels of the vertices [V, 2]"""
        return float(crop.sharpness_at(pixels[self._weight > 0.5]).mean())

    def _seen(
        self, atlas: Atlas, texels: Tensor, geometry: ClipGeometry, camera: Camera, t: int
    ) -> tuple[Tensor, Tensor]:
        """Return how well a frame sees texels [n], and their pixels [n, 2]."""
        vertices, faces = geometry.vertices[t], self.body.faces
        viewed = view_texels(atlas, texels, geometry.views[t], camera, vertices, geometry.normals[t])
        cosine = viewed.cosine.clamp(0, 1)
        box = geometry.pixels[t][self._weight > 0]
        low, high = torch.stack([box.amin(0), box.amax(0)]).tolist()
        left, top = (math.floor(x) - 1 for x in low)
        width, height = (math.ceil(b - a) + 3 for a, b in zip(low, high, strict=True))
        scale = self.config.window_px / height
        window = camera.cropped(left, top, width, height).fitted_to(round(width * scale), self.config.window_px)
        near = faces[(self._weight > 0)[faces].any(1)]
        depth = rasterize(vertices, near, window).depth
        column, row = scaled(viewed.pixels, (scale, scale), (-left * scale, -top * scale)).long().unbind(1)
        front = depth[row.clamp(0, depth.shape[0] - 1), column.clamp(0, depth.shape[1] - 1)]
        slope = (1 - cosine**2).sqrt() / viewed.cosine.clamp_min(0.1)
        tolerance = self.config.hidden_m + 1.5 * slope * viewed.depth / window.fx
        visible = (front <= 0) | (viewed.depth <= front + tolerance)
        return viewed.confidence * cosine**self.config.cosine_power * visible, viewed.pixels


def first_of(samples: Sequence[tuple[FloatArray, FloatArray]]) -> tuple[FloatArray, FloatArray]:
    """Return each texel's colour [n, 3] in the first frame that shows it, and its weight there [n].

    Nearly all of them come from the best frame: eyes that are made of several frames look several ways.
    """
    colours, weights = (np.stack(each) for each in zip(*samples, strict=True))
    first = (weights > 0).argmax(axis=0)
    at = np.arange(len(first))
    return colours[first, at], weights[first, at]
