"""How well each frame sees each part of the body, from geometry and masks alone: no picture is needed yet."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from fit_avatar.body.operators import dilated
from fit_avatar.capture.types import Camera
from fit_avatar.visibility.raster import Raster, rasterize

FloatArray = NDArray[np.float32]

VIEW_PX = 720
"""Visibility is decided in images of at most this size; sampling uses the full resolution."""
MIN_EROSION_PX = 2.5
"""The same in pixels, for small pictures: as far as bicubic sampling reaches."""
JUMP_M = 0.05
"""Neighbouring pixels whose surface points are further apart in the bind pose lie on an occlusion edge."""
EROSION, RAMP = 0.004, 0.012
"""Distance to the outline or an occlusion edge, in person heights: below the first nothing is trusted, and full
trust takes the second more. A body that is a few pixels off would take the colours of what is beside it there."""
SHARPNESS = 4
"""Power of the cosine between surface normal and line of sight in a view's quality."""
TOLERANCE_M = 0.008
NEARBY_RINGS = 2
"""Triangles smaller than a pixel may not show; they count if this near to some that do."""


@dataclass(frozen=True)
class View:
    """One frame's visibility, in a window of a reduced image."""

    depth: FloatArray  # [h, w] metres of the visible surface; 0 where no sample may be taken
    trust: FloatArray  # [h, w] in [0, 1]
    seen: NDArray[np.bool_]  # [V] vertices of triangles that show, and those close by on the surface
    left: int
    top: int
    scale: tuple[float, float]  # reduced pixels per full pixel, along x and y
    pixel_angle: float  # metres per reduced pixel at 1 m distance

    def trust_at(self, pixels: FloatArray, depth: FloatArray, cosine: FloatArray) -> FloatArray:
        """Return the trust in surface points; 0 where hidden, facing away or outside.

        Args:
            pixels: where the points fall in the full image. [N, 2]
            depth: metres. [N]
            cosine: between the surface normal and the line of sight. [N]
        """
        column = np.floor(pixels[:, 0] * self.scale[0]).astype(np.int64) - self.left
        row = np.floor(pixels[:, 1] * self.scale[1]).astype(np.int64) - self.top
        inside = (column >= 0) & (column < self.depth.shape[1]) & (row >= 0) & (row < self.depth.shape[0])
        at = np.where(inside, row * self.depth.shape[1] + column, 0)
        # a pixel on a slanted surface spans a range of depths
        slope = np.sqrt(np.maximum(1 - cosine**2, 0)) / np.maximum(cosine, 0.1)
        tolerance = TOLERANCE_M + 1.5 * self.pixel_angle * depth * slope
        visible = inside & (cosine > 0) & (np.abs(depth - self.depth.ravel()[at]) < tolerance)
        return np.where(visible, self.trust.ravel()[at], np.float32(0))


def look(
    vertices: torch.Tensor,
    faces: torch.Tensor,
    neighbours: csr_matrix,
    bind_vertices: FloatArray,
    camera: Camera,
    mask: NDArray[np.bool_],
) -> View:
    """Find what one frame shows of the body.

    Args:
        vertices: posed, in camera coordinates. [V, 3]
        faces: [F, 3]
        neighbours: of each vertex. [V, V]
        bind_vertices: the same in the bind pose: parts that only meet in the image are far apart there. [V, 3]
        camera: of the full image.
        mask: True on the person. [H, W]
    """
    reduced = _reduce(camera)
    raster = rasterize(vertices, faces, reduced, cull_backfaces=True)
    size = (reduced.width, reduced.height)
    small_mask = cv2.resize(mask.astype(np.uint8) * 255, size, interpolation=cv2.INTER_AREA)
    scale = (reduced.width / camera.width, reduced.height / camera.height)
    corners = faces.cpu().numpy()
    return view_of(raster, corners, neighbours, bind_vertices, reduced, np.asarray(small_mask, np.uint8), scale)


def view_of(
    raster: Raster,
    faces: NDArray[np.int64],
    neighbours: csr_matrix,
    bind_vertices: FloatArray,
    camera: Camera,
    mask: NDArray[np.uint8],
    scale: tuple[float, float] = (1.0, 1.0),
) -> View:
    """Return what a drawn frame shows of the body.

    Args:
        raster: the body as the camera sees it. [h, w]
        faces: [F, 3]
        neighbours: of each vertex. [V, V]
        bind_vertices: the surface in the bind pose. [V, 3]
        camera: with which it was drawn.
        mask: how much of each pixel is the person, 0 to 255. [h, w]
        scale: drawn pixels per pixel of the full image, along x and y.
    """
    face_index, depth = raster.face_index.cpu().numpy(), raster.depth.cpu().numpy()
    seen = face_index >= 0
    pixel_angle = 1 / min(camera.fx, camera.fy)
    if not seen.any():
        empty = np.zeros((1, 1), np.float32)
        return View(empty, empty, np.zeros(len(bind_vertices), bool), 0, 0, scale, pixel_angle)
    rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    seen, depth, face_index = seen[box], depth[box], face_index[box]

    # what lies just behind the surface (gums behind lips) passes the depth test, but is far along the surface
    shown = np.zeros(len(bind_vertices), bool)
    shown[faces[np.unique(face_index[seen])]] = True
    shown = dilated(shown, neighbours, NEARBY_RINGS)

    points = np.zeros((*seen.shape, 3), np.float32)
    weights = raster.barycentric.cpu().numpy()[box][seen]
    points[seen] = np.einsum("nk,nkc->nc", weights, bind_vertices[faces[face_index[seen]]])
    jump = max(JUMP_M, 6 * pixel_angle * float(np.median(depth[seen])))
    usable = seen & (mask[box] > 250) & ~_edges(points, jump)
    inside = cv2.distanceTransform(np.pad(usable.astype(np.uint8), 1), cv2.DIST_L2, 5)[1:-1, 1:-1]
    height = len(rows)
    trust = np.clip((inside - max(EROSION * height, MIN_EROSION_PX)) / (RAMP * height), 0, 1).astype(np.float32)
    return View(np.where(trust > 0, depth, 0), trust, shown, int(columns[0]), int(rows[0]), scale, pixel_angle)


def quality(
    view: View, pixels: FloatArray, depth: FloatArray, cosine: FloatArray, reference_depth_m: float
) -> FloatArray:
    """Return how good a frame's samples at the vertices are: trust × cosine^4 × relative resolution. [V]

    Args:
        view: of the frame.
        pixels: where the vertices fall in the full image. [V, 2]
        depth: metres. [V]
        cosine: between the surface normal and the line of sight. [V]
        reference_depth_m: the depth at which the resolution counts as 1.
    """
    resolution = np.clip(reference_depth_m / np.maximum(depth, 1e-3), 0.25, 4)
    weight = np.clip(cosine, 0, 1) ** SHARPNESS * resolution
    return np.asarray(view.seen * view.trust_at(pixels, depth, cosine) * weight, dtype=np.float32)


def project(points: FloatArray, camera: Camera) -> tuple[FloatArray, FloatArray]:
    """Return pixels [N, 2] and depths [N] of points in camera coordinates. [N, 3]"""
    depth = np.maximum(points[:, 2], 1e-6)
    u = camera.fx * points[:, 0] / depth + camera.cx
    v = camera.fy * points[:, 1] / depth + camera.cy
    return np.stack([u, v], axis=1).astype(np.float32), depth


def facing(points: FloatArray, normals: FloatArray) -> FloatArray:
    """Return the cosine between unit normals and the lines of sight. points and normals [N, 3] → [N]"""
    along = np.einsum("...c,...c->...", points, normals)
    cosine = -along / np.maximum(np.sqrt(np.einsum("...c,...c->...", points, points)), 1e-9)
    return np.asarray(cosine, dtype=np.float32)


def _reduce(camera: Camera) -> Camera:
    return camera.resized(min(1.0, VIEW_PX / max(camera.width, camera.height)))


def _edges(points: FloatArray, jump: float) -> NDArray[np.bool_]:
    """Mark pixels on either side of a jump in the surface. points [h, w, 3] → [h, w]"""
    edges = np.zeros(points.shape[:2], bool)
    across, down = np.diff(points, axis=1), np.diff(points, axis=0)
    across, down = (np.einsum("hwc,hwc->hw", step, step) > jump**2 for step in (across, down))
    edges[:, 1:] |= across
    edges[:, :-1] |= across
    edges[1:] |= down
    edges[:-1] |= down
    return edges
