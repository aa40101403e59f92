"""Which parts of the body each frame shows, from geometry and masks alone: no picture is needed yet."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, overload

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fit_avatar.body.averaging import Averaging
from fit_avatar.capture.types import Camera
from fit_avatar.visibility.distance import distance_inside
from fit_avatar.visibility.raster import Raster, rasterize_window

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

    pixels: Tensor  # [N, 2] in the full image
    depth: Tensor  # [N] metres
    cosine: Tensor  # [N] between the surface normal and the line of sight
    confidence: Tensor  # [N] in [0, 1]; 0 where hidden, facing away or outside


@dataclass(frozen=True)
class View:
    """One frame's visibility, in a window of a reduced image, on the body's device."""

    depth: Tensor  # [h, w] metres of the visible surface; 0 where no sample may be taken
    confidence: Tensor  # [h, w] in [0, 1]
    seen: Tensor  # bool [V] vertices of triangles that are drawn, and those close by on the surface
    left: int
    top: int
    scale: tuple[float, float]  # reduced pixels per full pixel, along x and y
    pixel_angle: float  # metres per reduced pixel at 1 m distance
    config: VisibilityConfig = VISIBILITY

    def at(self, points: Tensor, normals: Tensor, camera: Camera) -> ViewedPoints:
        """Return how the frame sees points of the surface.

        Args:
            points: in camera coordinates, metres. [N, 3]
            normals: unit normals. [N, 3]
            camera: of the full image.
        """
        pixels, depth, cosine = camera.project(points), points[:, 2], viewing_cosine(points, normals)
        return ViewedPoints(pixels, depth, cosine, self._confidence(pixels, depth, cosine))

    def _confidence(self, pixels: Tensor, depth: Tensor, cosine: Tensor) -> Tensor:
        height, width = self.depth.shape
        column = (pixels[:, 0] * self.scale[0]).floor().long() - self.left
        row = (pixels[:, 1] * self.scale[1]).floor().long() - self.top
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        index = torch.where(inside, row * width + column, 0)
        slope = (1 - cosine.square()).clamp_min(0).sqrt() / cosine.clamp_min(0.1)
        span = self.config.depth_tolerance_px * self.pixel_angle * depth * slope
        behind = (depth - self.depth.flatten().index_select(0, index)).abs()
        visible = inside & (cosine > 0) & (behind < self.config.depth_tolerance_m + span)
        return torch.where(visible, self.confidence.flatten().index_select(0, index), 0.0)


def compute_view(
    vertices: Tensor,
    faces: Tensor,
    averaging: Averaging,
    bind_vertices: Tensor,
    camera: Camera,
    mask: NDArray[np.bool_],
    config: VisibilityConfig = VISIBILITY,
) -> View:
    """Find what one frame shows of the body.

    Args:
        vertices: posed, in camera coordinates. [V, 3]
        faces: [F, 3]
        averaging: over the neighbours of each vertex.
        bind_vertices: the same in the bind pose: parts that only meet in the image are far apart there. [V, 3]
        camera: of the full image.
        mask: True on the person. [H, W]
        config: thresholds.
    """
    reduced = camera.resized(min(1.0, config.image_px / max(camera.width, camera.height)))
    raster, left, top = rasterize_window(vertices, faces, reduced, cull_backfaces=True)
    size = (reduced.width, reduced.height)
    coverage = np.asarray(cv2.resize(mask * np.uint8(255), size, interpolation=cv2.INTER_AREA), np.uint8)
    scale = (reduced.width / camera.width, reduced.height / camera.height)
    surface = raster, faces, averaging, bind_vertices
    return view_from_raster(*surface, reduced, coverage, (left, top), scale, config)


def view_from_raster(
    raster: Raster,
    faces: Tensor,
    averaging: Averaging,
    bind_vertices: Tensor,
    camera: Camera,
    mask: NDArray[np.uint8],
    corner: tuple[int, int] = (0, 0),
    scale: tuple[float, float] = (1.0, 1.0),
    config: VisibilityConfig = VISIBILITY,
) -> View:
    """Return what a rasterised frame shows of the body.

    Args:
        raster: the body as the camera sees it, in a window that holds all of it. [h, w]
        faces: [F, 3]
        averaging: over the neighbours of each vertex.
        bind_vertices: the surface in the bind pose. [V, 3]
        camera: of the picture that the window is a part of.
        mask: how much of each of its pixels is the person, 0 to 255. [H, W]
        corner: column and row of the window's upper left corner.
        scale: pixels of that picture per pixel of the full image, along x and y.
        config: thresholds.
    """
    pixel_angle = 1 / min(camera.fx, camera.fy)
    rows, columns = _box(raster.mask) if raster.mask.numel() else (slice(0), slice(0))
    if rows.stop == 0:
        empty = bind_vertices.new_zeros(1, 1)
        seen = torch.zeros(len(bind_vertices), dtype=torch.bool, device=empty.device)
        return View(empty, empty, seen, 0, 0, scale, pixel_angle, config)
    # what lies just behind the surface (gums behind lips) passes the depth test, but is far along the surface
    seen = averaging.dilated(_corners_drawn(raster, faces, len(bind_vertices)), config.rings)

    drawn, depth = raster.mask[rows, columns], raster.depth[rows, columns]
    middle = torch.where(drawn, depth, torch.nan)[::2, ::2].nanmedian()  # of every fourth pixel: as good
    jump = (config.min_jump_px * pixel_angle * middle).clamp_min(config.jump_m)
    left, top = columns.start + corner[0], rows.start + corner[1]
    height, width = drawn.shape
    on_person = mask[top : top + height, left : left + width] > config.min_mask
    usable = drawn & torch.from_numpy(on_person).to(drawn.device)
    usable &= ~_occlusion_edges(raster.planes(bind_vertices, faces)[:, rows, columns], jump)
    border, ramp = max(config.border * height, config.min_border_px), config.ramp * height
    inside = distance_inside(usable, math.ceil(border + ramp))
    confidence = inside.sub_(border).div_(ramp).clamp_(0, 1)
    return View(torch.where(confidence > 0, depth, 0.0), confidence, seen, left, top, scale, pixel_angle, config)


def sample_quality(view: View, vertices: ViewedPoints, reference_depth_m: float | Tensor) -> Tensor:
    """Return how good a frame's samples at the vertices are: confidence × cosine⁴ × relative resolution. [V]

    Args:
        view: of the frame.
        vertices: how it sees them.
        reference_depth_m: the depth at which the resolution counts as 1.
    """
    limit = view.config.max_resolution_ratio
    resolution = (reference_depth_m / vertices.depth.clamp_min(1e-3)).clamp(1 / limit, limit)
    weight = vertices.cosine.clamp(0, 1) ** view.config.cosine_power * resolution
    return view.seen * vertices.confidence * weight


@overload
def viewing_cosine(points: Tensor, normals: Tensor) -> Tensor: ...
@overload
def viewing_cosine(points: FloatArray, normals: FloatArray) -> FloatArray: ...
def viewing_cosine(points: Any, normals: Any) -> Any:
    """Return the cosine between unit normals and the lines of sight. points and normals [..., 3] → [...]

    Tensors and arrays are both taken, and returned as they came.
    """
    if isinstance(points, np.ndarray):
        return viewing_cosine(torch.from_numpy(points), torch.from_numpy(normals)).numpy()
    return -_dot(points, normals) / _dot(points, points).sqrt().clamp_min(1e-9)


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """Return the product of vectors. [..., 3] → [...]"""
    return a[..., 0] * b[..., 0] + a[..., 1] * b[..., 1] + a[..., 2] * b[..., 2]


def _box(drawn: Tensor) -> tuple[slice, slice]:
    """Return the rows and columns that hold something; none from 0 on where nothing is drawn. bool [h, w]"""
    ends = []
    for along in (drawn.any(1).int(), drawn.any(0).int()):
        ends += [along.argmax(), along.amax() * (len(along) - along.flip(0).argmax())]
    top, bottom, left, right = torch.stack(ends).tolist()
    return slice(top, bottom), slice(left, right)


def _square(vectors: Tensor) -> Tensor:
    """Return squared lengths; one coordinate after the other stays in a processor's cache. [3, ...] → [...]"""
    x, y, z = vectors
    square: Tensor = (x * x).addcmul_(y, y).addcmul_(z, z)
    return square


def _corners_drawn(raster: Raster, faces: Tensor, num_vertices: int) -> Tensor:
    """Return which vertices are corners of triangles that some pixel shows. bool [V]"""
    shown = faces.new_zeros(len(faces) + 1, dtype=torch.float32)  # the first stands for pixels without a triangle
    shown.index_fill_(0, (raster.face_index + 1).flatten(), 1.0)
    corners = shown.new_zeros(num_vertices)
    for corner in faces.T:
        corners.index_add_(0, corner, shown[1:])
    return corners > 0


def _occlusion_edges(points: Tensor, jump: Tensor) -> Tensor:
    """Mark pixels on either side of a jump in the surface. points [3, h, w] → bool [h, w]"""
    edges = torch.zeros(points.shape[1:], dtype=torch.bool, device=points.device)
    across, down = (_square(points.diff(dim=dim)) > jump**2 for dim in (2, 1))
    edges[:, 1:] |= across
    edges[:, :-1] |= across
    edges[1:] |= down
    edges[:-1] |= down
    return edges
