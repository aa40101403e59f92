"""Which parts of the body each frame shows, from geometry and masks alone: no picture is needed yet."""

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


@dataclass(frozen=True)
class VisibilityConfig:
    """How visibility is decided, and how a frame's samples are rated. All values were chosen by hand."""

    image_px: int = 720
    """Longer side, at most, of the images in which visibility is decided; colours are sampled at full resolution."""
    border: float = 0.004
    """Samples nearer than this to the outline or to an occlusion edge, in person heights, have confidence 0: a body
    that is a few pixels off would take the colours of what is beside it there."""
    min_border_px: float = 2.5
    """The least such distance in pixels, for small pictures: as far as bicubic sampling reaches."""
    ramp: float = 0.012
    """Distance over which the confidence rises from 0 to 1, in person heights; a wider one is more cautious."""
    jump_m: float = 0.05
    """Neighbouring pixels whose surface points are further apart in the bind pose lie on an occlusion edge."""
    min_jump_px: float = 6.0
    """The least such distance in pixels, for small pictures."""
    min_mask: int = 250
    """Pixels of the reduced mask (0 to 255) above this are wholly on the person."""
    depth_tolerance_m: float = 0.008
    """A point so far behind the surface that is drawn counts as visible."""
    depth_tolerance_px: float = 1.5
    """The same for slanted surfaces, of which a pixel spans a range of depths: times the pixel's size and slope."""
    rings: int = 2
    """Triangles smaller than a pixel may not be drawn; they count as visible within so many edges of some that are."""
    cosine_power: float = 4.0
    """Power of the cosine between surface normal and line of sight in a sample's quality; a higher one prefers frames
    that see a place frontally."""
    max_resolution_ratio: float = 4.0
    """A frame that is much nearer or farther than the others is rated by at most this factor for its resolution."""


VISIBILITY = VisibilityConfig()


@dataclass(frozen=True)
class ViewedPoints:
    """N points of the surface as one frame sees them."""

    pixels: FloatArray  # [N, 2] in the full image
    depth: FloatArray  # [N] metres
    cosine: FloatArray  # [N] between the surface normal and the line of sight
    confidence: FloatArray  # [N] in [0, 1]; 0 where hidden, facing away or outside


@dataclass(frozen=True)
class View:
    """One frame's visibility, in a window of a reduced image."""

    depth: FloatArray  # [h, w] metres of the visible surface; 0 where no sample may be taken
    confidence: FloatArray  # [h, w] in [0, 1]
    seen: NDArray[np.bool_]  # [V] vertices of triangles that are drawn, and those close by on the surface
    left: int
    top: int
    scale: tuple[float, float]  # reduced pixels per full pixel, along x and y
    pixel_angle: float  # metres per reduced pixel at 1 m distance
    config: VisibilityConfig = VISIBILITY

    def at(self, points: FloatArray, normals: FloatArray, camera: Camera) -> ViewedPoints:
        """Return how the frame sees points of the surface.

        Args:
            points: in camera coordinates, metres. [N, 3]
            normals: unit normals. [N, 3]
            camera: of the full image.
        """
        pixels, depth, cosine = camera.project(points), points[:, 2], viewing_cosine(points, normals)
        return ViewedPoints(pixels, depth, cosine, self._confidence(pixels, depth, cosine))

    def _confidence(self, pixels: FloatArray, depth: FloatArray, cosine: FloatArray) -> FloatArray:
        column = np.floor(pixels[:, 0] * self.scale[0]).astype(np.int64) - self.left
        row = np.floor(pixels[:, 1] * self.scale[1]).astype(np.int64) - self.top
        inside = (column >= 0) & (column < self.depth.shape[1]) & (row >= 0) & (row < self.depth.shape[0])
        index = np.where(inside, row * self.depth.shape[1] + column, 0)
        slope = np.sqrt(np.maximum(1 - cosine**2, 0)) / np.maximum(cosine, 0.1)
        span = self.config.depth_tolerance_px * self.pixel_angle * depth * slope
        behind = np.abs(depth - self.depth.ravel()[index])
        visible = inside & (cosine > 0) & (behind < self.config.depth_tolerance_m + span)
        return np.where(visible, self.confidence.ravel()[index], np.float32(0))


def compute_view(
    vertices: torch.Tensor,
    faces: torch.Tensor,
    neighbours: csr_matrix,
    bind_vertices: FloatArray,
    camera: Camera,
    mask: NDArray[np.bool_],
    config: VisibilityConfig = VISIBILITY,
) -> View:
    """Find what one frame shows of the body.

    Args:
        vertices: posed, in camera coordinates. [V, 3]
        faces: [F, 3]
        neighbours: of each vertex. [V, V]
        bind_vertices: the same in the bind pose: parts that only meet in the image are far apart there. [V, 3]
        camera: of the full image.
        mask: True on the person. [H, W]
        config: thresholds.
    """
    reduced = camera.resized(min(1.0, config.image_px / max(camera.width, camera.height)))
    raster = rasterize(vertices, faces, reduced, cull_backfaces=True)
    size = (reduced.width, reduced.height)
    coverage = np.asarray(cv2.resize(mask * np.uint8(255), size, interpolation=cv2.INTER_AREA), np.uint8)
    scale = (reduced.width / camera.width, reduced.height / camera.height)
    return view_from_raster(raster, faces.cpu().numpy(), neighbours, bind_vertices, reduced, coverage, scale, config)


def view_from_raster(
    raster: Raster,
    faces: NDArray[np.int64],
    neighbours: csr_matrix,
    bind_vertices: FloatArray,
    camera: Camera,
    mask: NDArray[np.uint8],
    scale: tuple[float, float] = (1.0, 1.0),
    config: VisibilityConfig = VISIBILITY,
) -> View:
    """Return what a rasterised frame shows of the body.

    Args:
        raster: the body as the camera sees it. [h, w]
        faces: [F, 3]
        neighbours: of each vertex. [V, V]
        bind_vertices: the surface in the bind pose. [V, 3]
        camera: of the raster.
        mask: how much of each pixel is the person, 0 to 255. [h, w]
        scale: pixels of the raster per pixel of the full image, along x and y.
        config: thresholds.
    """
    face_index, depth = raster.face_index.cpu().numpy(), raster.depth.cpu().numpy()
    drawn = face_index >= 0
    pixel_angle = 1 / min(camera.fx, camera.fy)
    if not drawn.any():
        empty = np.zeros((1, 1), np.float32)
        return View(empty, empty, np.zeros(len(bind_vertices), bool), 0, 0, scale, pixel_angle, config)
    rows, columns = np.flatnonzero(drawn.any(1)), np.flatnonzero(drawn.any(0))
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    drawn, depth = drawn[box], depth[box]
    pixel = np.flatnonzero(drawn)
    face, weights = face_index[box].ravel()[pixel], raster.barycentric.cpu().numpy()[box].reshape(-1, 3)[pixel]

    # what lies just behind the surface (gums behind lips) passes the depth test, but is far along the surface
    shown, near = (np.zeros(len(each), bool) for each in (faces, bind_vertices))
    shown[face] = True
    near[faces[shown]] = True
    seen = dilated(near, neighbours, config.rings)

    jump = max(config.jump_m, config.min_jump_px * pixel_angle * float(np.median(depth.ravel()[pixel])))
    points = _interpolated(bind_vertices[faces], face, weights, pixel, drawn.shape)
    usable = drawn & (mask[box] > config.min_mask) & ~_occlusion_edges(points, jump)
    inside = cv2.distanceTransform(np.pad(usable.astype(np.uint8), 1), cv2.DIST_L2, 5)[1:-1, 1:-1]
    height = len(rows)
    border = max(config.border * height, config.min_border_px)
    confidence = np.clip((inside - border) / (config.ramp * height), 0, 1).astype(np.float32)
    corner = int(columns[0]), int(rows[0])
    return View(np.where(confidence > 0, depth, 0), confidence, seen, *corner, scale, pixel_angle, config)


def sample_quality(view: View, vertices: ViewedPoints, reference_depth_m: float) -> FloatArray:
    """Return how good a frame's samples at the vertices are: confidence × cosine⁴ × relative resolution. [V]

    Args:
        view: of the frame.
        vertices: how it sees them.
        reference_depth_m: the depth at which the resolution counts as 1.
    """
    limit = view.config.max_resolution_ratio
    resolution = np.clip(reference_depth_m / np.maximum(vertices.depth, 1e-3), 1 / limit, limit)
    weight = np.clip(vertices.cosine, 0, 1) ** view.config.cosine_power * resolution
    return np.asarray(view.seen * vertices.confidence * weight, dtype=np.float32)


def viewing_cosine(points: FloatArray, normals: FloatArray) -> FloatArray:
    """Return the cosine between unit normals and the lines of sight. points and normals [..., 3] → [...]"""
    cosine = -_dot(points, normals) / np.maximum(np.sqrt(_dot(points, points)), 1e-9)
    return np.asarray(cosine, dtype=np.float32)


def _dot(a: FloatArray, b: FloatArray) -> FloatArray:
    """Return the product of vectors. [..., 3] → [...]"""
    return np.asarray(a[..., 0] * b[..., 0] + a[..., 1] * b[..., 1] + a[..., 2] * b[..., 2])


def _interpolated(
    corners: FloatArray, face: NDArray[np.int64], weights: FloatArray, pixel: NDArray[np.intp], shape: tuple[int, ...]
) -> FloatArray:
    """Return the points that n pixels of an image [h, w] show; 0 in the others. [3, h, w]

    corners of the triangles [F, 3, 3], each pixel's triangle [n], weights of its corners [n, 3], and its place [n].
    One coordinate after the other is four times as quick as all at once.
    """
    planes, parts = np.ascontiguousarray(corners.transpose(2, 1, 0)), np.ascontiguousarray(weights.T)
    points = np.zeros((3, shape[0] * shape[1]), np.float32)
    for point, (a, b, c) in zip(points, planes, strict=True):
        point[pixel] = parts[0] * a.take(face) + parts[1] * b.take(face) + parts[2] * c.take(face)
    return points.reshape(3, *shape)


def _occlusion_edges(points: FloatArray, jump: float) -> NDArray[np.bool_]:
    """Mark pixels on either side of a jump in the surface. points [3, h, w] → [h, w]"""
    edges = np.zeros(points.shape[1:], bool)
    across, down = np.diff(points, axis=2), np.diff(points, axis=1)
    across, down = (x * x + y * y + z * z > jump**2 for x, y, z in (across, down))
    edges[:, 1:] |= across
    edges[:, :-1] |= across
    edges[1:] |= down
    edges[:-1] |= down
    return edges
