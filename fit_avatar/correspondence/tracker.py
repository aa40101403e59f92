"""Where points of the surface are in the pictures, as their colours tell: evidence for poses that outlines lack.

An outline hardly changes when the trunk turns or an arm twists, but the pattern of clothes and skin moves. So a first
texture, in which many frames are averaged, is drawn over every frame and moved onto it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from torch import Tensor

from fit_avatar.appearance.atlas import Atlas
from fit_avatar.appearance.light import NORMAL_ROUNDS, solve_light, usual_shading
from fit_avatar.appearance.mean_texture import MeanTexture
from fit_avatar.appearance.picture import Picture, read
from fit_avatar.body.mesh import vertex_normals
from fit_avatar.body.model import Body
from fit_avatar.body.operators import adjacency, smoothed
from fit_avatar.body.skinning import pose_body, shaped
from fit_avatar.body.state import BodyState
from fit_avatar.capture.types import Camera, Capture
from fit_avatar.correspondence.optical_flow import search
from fit_avatar.visibility.raster import Raster, rasterize
from fit_avatar.visibility.views import View, facing, project, view_of

FloatArray = NDArray[np.float32]
Progress = Callable[[int, int], None]

PERSON_PX = 500
"""Pictures are compared at this size of the person: a pixel is 3 to 4 mm."""
MARGIN = 0.03
"""Of the pictures around the person, in person heights: the body may be a little beside it."""
TEXELS, AVERAGED = 512, 30
"""Side of the first texture, and of how many frames it is made."""
FRAMES = 120
"""Points are found in at most so many frames: those in between move as their neighbours do."""
SPACING_M = 0.03
"""Distance of the points: shifts of nearer ones are nearly the same."""
POINTS = 400
"""How many points a frame tells of: the most certain ones."""
INSIDE = 0.3
"""Trust from which a point is far enough from outlines and from what hides it."""


@dataclass(frozen=True)
class _Cutout:
    """One frame around the person, reduced."""

    image: NDArray[np.uint8]  # [h, w, 3] BGR
    mask: NDArray[np.uint8]  # [h, w] 0 to 255
    corner: FloatArray  # [2] its upper left corner in the frame, pixels
    scale: FloatArray  # [2] its pixels per pixel of the frame
    weight: float

    @classmethod
    def of(cls, bgr: NDArray[np.uint8], mask: NDArray[np.bool_], weight: float) -> _Cutout | None:
        """Cut out the person; None if nobody is there. bgr [H, W, 3], mask [H, W]"""
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if not len(rows) or weight <= 0:
            return None
        margin = round(MARGIN * len(rows)) + 1
        top, left = max(rows[0] - margin, 0), max(columns[0] - margin, 0)
        box = (slice(top, rows[-1] + margin + 1), slice(left, columns[-1] + margin + 1))
        image, inside = bgr[box], mask[box].astype(np.uint8) * 255
        factor = min(1.0, PERSON_PX / max(len(rows), len(columns)))
        size = (max(1, round(image.shape[1] * factor)), max(1, round(image.shape[0] * factor)))
        scale = np.array(size, np.float32) / np.array(image.shape[1::-1], np.float32)
        return cls(
            np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8),
            np.asarray(cv2.resize(inside, size, interpolation=cv2.INTER_AREA), dtype=np.uint8),
            np.array([left, top], np.float32),
            scale,
            weight,
        )

    def camera(self, whole: Camera) -> Camera:
        """Return the camera that takes this picture, given that of the whole frame."""
        (x, y), (left, top) = self.scale.tolist(), self.corner.tolist()
        height, width = self.mask.shape
        return Camera(whole.fx * x, whole.fy * y, (whole.cx - left) * x, (whole.cy - top) * y, width, height)


class Tracker:
    """Finds points of a fitted body in the pictures of a clip."""

    def __init__(self, body: Body, capture: Capture, frames: Iterable[tuple[int, NDArray[np.uint8]]]) -> None:
        """Take the body, masks and weights of T frames, and the frames (index, BGR), undistorted, in any order.

        The frames are read when they are first needed; reduced pictures of the person are kept.
        """
        self.body, self.capture, self.frames = body, capture, frames

    @cached_property
    def cutouts(self) -> dict[int, _Cutout]:
        """Return some frames around the person, by their position among the T."""
        count, found = len(self.capture.frame_indices), {}
        some = np.linspace(0, count - 1, min(FRAMES, count)).round().astype(int).tolist()
        position = {int(self.capture.frame_indices[t]): t for t in some}
        for index, bgr in self.frames:
            t = position.get(int(index))
            if t is not None:
                found[t] = _Cutout.of(bgr, self.capture.masks[t], float(self.capture.frame_weights[t]))
        return {t: cutout for t, cutout in sorted(found.items()) if cutout is not None}

    def find(self, state: BodyState, camera: Camera, progress: Progress | None = None) -> tuple[Tensor, Tensor]:
        """Return where points of the surface are: (u, v, confidence) [T, N, 3], and their vertices [T, N] int64.

        Args:
            state: shape and poses of the T frames as far as they are known.
            camera: of the frames.
            progress: called with (frames done, frames in all).
        """
        device, count = self.body.template.device, len(self.capture.frame_indices)
        places, vertices = np.zeros((count, POINTS, 3), np.float32), np.zeros((count, POINTS), np.int64)
        if len(self.cutouts) < 2:  # a frame alone tells nothing of where it should be
            return torch.from_numpy(places).to(device), torch.from_numpy(vertices).to(device)
        drawing = _Drawing.of(self.body, state, camera, self.cutouts)
        chosen = self.body.spread_vertices(SPACING_M).cpu().numpy()
        with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
            texture, shading = drawing.texture(pool)
            found = pool.map(lambda t: drawing.find(t, texture, shading[t], chosen), self.cutouts)
            for done, (t, (seen, which)) in enumerate(zip(self.cutouts, found, strict=True)):
                places[t, : len(seen)], vertices[t, : len(which)] = seen, which
                if progress:
                    progress(done + 1, len(self.cutouts))
        return torch.from_numpy(places).to(device), torch.from_numpy(vertices).to(device)


@dataclass(frozen=True)
class _Drawing:
    """The posed body, as it is drawn over the pictures."""

    body: Body
    vertices: FloatArray  # [T, V, 3]
    normals: FloatArray  # [T, V, 3]
    bind: FloatArray  # [V, 3]
    neighbours: csr_matrix
    camera: Camera
    cutouts: dict[int, _Cutout]

    @classmethod
    def of(cls, body: Body, state: BodyState, camera: Camera, cutouts: dict[int, _Cutout]) -> _Drawing:
        with torch.no_grad():
            vertices = pose_body(body, state).vertices.cpu().numpy()
            bind = shaped(body, state.betas, state.offsets).cpu().numpy()
        faces = body.faces.cpu().numpy()
        normals = vertex_normals(vertices, faces)
        return cls(body, vertices, normals, bind, adjacency(faces, len(bind)), camera, cutouts)

    def texture(self, pool: ThreadPoolExecutor) -> tuple[NDArray[np.uint8], FloatArray]:
        """Return the mean of some frames over the body's UVs, and the light that it lacks in each frame.

        Without the light, what turns into it or out of it would seem to move.

        Returns:
            [S, S, 3] BGR, and the factor on it at each vertex [T, V, 3] BGR.
        """
        known = list(self.cutouts)
        some = [known[i] for i in np.linspace(0, len(known) - 1, min(AVERAGED, len(known))).round().astype(int)]
        first = MeanTexture(Atlas.of(self.body, TEXELS))

        def add(t: int) -> tuple[NDArray[np.uint8], FloatArray]:
            """Return the coarse colours of the vertices [V, 3], and how far they are trusted [V]."""
            cutout, camera = self.cutouts[t], self.cutouts[t].camera(self.camera)
            picture, view = Picture.of(cutout.image, cutout.mask > 127), self._see(t)[1]
            first.add(t, view, picture, camera, self.vertices[t], self.normals[t])
            pixels, depth = project(self.vertices[t], camera)
            cosine = facing(self.vertices[t], self.normals[t])
            return picture.smooth_at(pixels), view.seen * view.trust_at(pixels, depth, cosine) * cosine.clip(0, 1) ** 2

        colours, weight = (np.stack(each) for each in zip(*pool.map(add, some), strict=True))
        lit = smoothed(self.normals.transpose(1, 0, 2), self.neighbours, NORMAL_ROUNDS).transpose(1, 0, 2)
        light, gains = solve_light(colours, lit[some], weight)
        usual = usual_shading(light, lit, facing(self.vertices, self.normals))
        shading = light.shading(lit) / usual
        factors = dict(zip(some, gains[:, None] / shading[some], strict=True))
        image = first.merge(factors)[0]
        return np.ascontiguousarray(np.clip(image[..., ::-1] + 0.5, 0, 255).astype(np.uint8)), shading[..., ::-1]

    def find(
        self, t: int, texture: NDArray[np.uint8], shading: FloatArray, chosen: NDArray[np.int64]
    ) -> tuple[FloatArray, NDArray[np.int64]]:
        """Return (u, v, confidence) [N, 3] of the most certain of the chosen vertices in one frame, and which [N]."""
        cutout, vertices = self.cutouts[t], self.vertices[t]
        raster, view = self._see(t)
        uv = raster.interpolate(self.body.uvs.cpu(), self.body.uv_faces.cpu()).numpy()
        texels = np.stack([uv[..., 0], 1 - uv[..., 1]], axis=-1).astype(np.float32) * len(texture) - 0.5
        drawn = cv2.remap(texture, texels, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        light = raster.interpolate(torch.from_numpy(shading.copy()), self.body.faces.cpu()).numpy()
        lit = np.clip(drawn * light, 0, 255).astype(np.uint8)
        flow, trust = search(lit, raster.mask.numpy(), cutout.image, cutout.mask > 127)
        pixels, depth = project(vertices[chosen], cutout.camera(self.camera))
        cosine = facing(vertices[chosen], self.normals[t, chosen])
        inside = view.seen[chosen] & (view.trust_at(pixels, depth, cosine) > INSIDE)
        confidence = cutout.weight * inside * cosine.clip(0, 1) * read(trust, pixels - 0.5)
        best = np.argsort(-confidence, kind="stable")[:POINTS]
        places = (pixels[best] + read(flow, pixels[best] - 0.5)) / cutout.scale + cutout.corner
        return np.concatenate([places, confidence[best, None]], axis=1).astype(np.float32), chosen[best]

    def _see(self, t: int) -> tuple[Raster, View]:
        """Draw one frame."""
        cutout, camera = self.cutouts[t], self.cutouts[t].camera(self.camera)
        faces = self.body.faces.cpu()
        raster = rasterize(torch.from_numpy(self.vertices[t]), faces, camera, cull_backfaces=True)
        return raster, view_of(raster, faces.numpy(), self.neighbours, self.bind, camera, cutout.mask)
