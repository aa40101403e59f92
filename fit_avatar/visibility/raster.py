"""A z-buffer rasteriser in plain torch: which triangle each pixel sees, how far away, and where on it.

Triangles become rows, rows become pixels, by two ragged expansions, so only covered pixels are ever touched
and no Python loop runs over triangles. A pixel belongs to a triangle when its centre (integer + 0.5) does; a
centre on a shared edge belongs to exactly one of the two, so a closed mesh has neither cracks nor double hits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import embedding_bag

from fit_avatar.capture.types import Camera
from fit_avatar.errors import BadInputError

NEAR_M = 0.01
"""Triangles with a corner nearer than this (or behind the camera) are not drawn; 1 cm is nearer than any person."""
MAX_TRIANGLE = 0x7FFFFFFF
"""The highest triangle index that fits into a depth key."""
MAX_PIXELS_AT_ONCE = 1 << 19
"""Covered pixels that are held in memory together (some tens of MB); more are drawn in several passes."""
MAX_POINTS_AT_ONCE = 1 << 15
"""Pixels whose points on the surface are found together: what is needed for them then stays in a processor's cache."""


_Ends = Sequence[Tensor]


@dataclass(frozen=True)
class Raster:
    """What each pixel sees."""

    face_index: Tensor  # [H, W] int64, -1 where nothing is seen
    depth: Tensor  # [H, W] metres along z; inf where nothing is seen
    barycentric: Tensor  # [H, W, 3] weights of the triangle's corners on the surface itself; 0 where nothing is seen

    @property
    def mask(self) -> Tensor:
        """Return True where a triangle is seen. [H, W]"""
        return self.face_index >= 0

    def interpolate(self, values: Tensor, faces: Tensor) -> Tensor:
        """Return per-corner values carried to the pixels; 0 where nothing is seen.

        Args:
            values: [V, C] one row for each corner that ``faces`` names.
            faces: [F, 3] the triangles that were drawn, or others in the same order (``uv_faces``).

        Returns:
            [H, W, C].
        """
        seen, found = self._seen(values, faces)
        out = values.new_zeros((*self.mask.shape, values.shape[-1]))
        out.view(-1, values.shape[-1])[seen] = found
        return out

    def planes(self, values: Tensor, faces: Tensor) -> Tensor:
        """Return what :meth:`interpolate` does, one plane after the other. [C, H, W]"""
        seen, found = self._seen(values, faces)
        out = values.new_zeros((values.shape[-1], *self.mask.shape))
        for plane, column in zip(out.view(len(out), -1), found.T.contiguous(), strict=True):
            plane.index_copy_(0, seen, column)
        return out

    def _seen(self, values: Tensor, faces: Tensor) -> tuple[Tensor, Tensor]:
        """Return the n pixels that see a triangle, and the values there. [n], [n, C]"""
        seen = self.mask.flatten().nonzero()[:, 0]
        corners = faces.index_select(0, self.face_index.flatten().index_select(0, seen))
        weights = self.barycentric.view(-1, 3).index_select(0, seen).to(values)
        return seen, embedding_bag(corners, values, mode="sum", per_sample_weights=weights)


@dataclass(frozen=True)
class _Triangles:
    """The n triangles that may be visible, in a window around them: a person fills a small part of a frame."""

    x: Tensor  # [3, n] float64, of the corners, pixels from the window's upper left corner
    y: Tensor  # [3, n] float64
    z: Tensor  # [3, n] float64
    area: Tensor  # [n] twice the signed area in pixels
    ids: Tensor  # [n] int64, into the caller's triangles
    width: int
    height: int
    left: int
    top: int
    columns: int
    rows: int

    @property
    def window(self) -> tuple[slice, slice]:
        """Where the window lies in the image."""
        return slice(self.top, self.top + self.rows), slice(self.left, self.left + self.columns)

    @classmethod
    def of(cls, points: Tensor, depth: Tensor, faces: Tensor, width: int, height: int, cull: bool) -> _Triangles:
        """Gather triangles given in pixels ([V, 2] float64) with a depth for each corner ([V])."""
        flat = faces.T.flatten()  # one corner of all triangles after the other: whole rows are computed with quickly
        x, y, z = (each.contiguous().index_select(0, flat).view(3, -1) for each in (*points.unbind(1), depth))
        area = (x[1] - x[0]) * (y[2] - y[0]) - (y[1] - y[0]) * (x[2] - x[0])
        # y points down in the image, so a triangle whose outside is seen has negative area
        drawn = (z > NEAR_M).all(0) & torch.isfinite(x + y).all(0) & ((area < 0) if cull else (area != 0))
        ids = drawn.nonzero()[:, 0]
        x, y, z, area = (each.index_select(-1, ids) for each in (x, y, z, area))
        box = [0, 0, 0, 0]
        if len(ids):
            ends = torch.stack([x.amin(), y.amin(), x.amax(), y.amax()])
            box = torch.ceil(ends - 0.5).long().tolist()  # the first pixel centres at or after them
        left, right = min(max(box[0], 0), width), min(max(box[2], 0), width)
        top, bottom = min(max(box[1], 0), height), min(max(box[3], 0), height)
        return cls(x - left, y - top, z, area, ids, width, height, left, top, right - left, bottom - top)


@dataclass(frozen=True)
class _Spans:
    """Runs of covered pixels: one for each pixel row of each triangle."""

    triangle: Tensor  # [R] int64, into the triangles
    start: Tensor  # [R] int64, index of the first pixel in the flattened window
    length: Tensor  # [R] int64
    nearness: Tensor  # [R] inverse depth at the first pixel centre
    slope: Tensor  # [R] its change per pixel


def rasterize(
    vertices_cam: Tensor,
    faces: Tensor,
    camera: Camera | Tensor | NDArray[np.floating[Any]],
    width: int | None = None,
    height: int | None = None,
    cull_backfaces: bool = False,
) -> Raster:
    """Draw a mesh as the camera sees it.

    Args:
        vertices_cam: [V, 3] metres in camera coordinates (x right, y down, z forward).
        faces: [F, 3] int64.
        camera: a :class:`Camera`, or the 3×3 intrinsic matrix in pixels (then give ``width`` and ``height``).
        width: of the image in pixels; by default the camera's.
        height: of the image in pixels; by default the camera's.
        cull_backfaces: leave out triangles that turn their inside (clockwise corners) to the camera.

    Returns:
        The nearest triangle of every pixel. Lens distortion is not applied; triangles that reach
        nearer than 1 cm are left out whole.

    Raises:
        BadInputError: the image size is not known.
    """
    points, depth, width, height = _project(vertices_cam, camera, width, height)
    return _placed(_Triangles.of(points, depth, faces, width, height, cull_backfaces))


def rasterize_window(
    vertices_cam: Tensor, faces: Tensor, camera: Camera, cull_backfaces: bool = False
) -> tuple[Raster, int, int]:
    """Draw the part of the picture that holds the mesh; arguments as :func:`rasterize`.

    Returns:
        What its pixels see, and the column and row of its upper left corner in the picture.
    """
    points, depth, width, height = _project(vertices_cam, camera, None, None)
    triangles = _Triangles.of(points, depth, faces, width, height, cull_backfaces)
    return _draw(triangles), triangles.left, triangles.top


def rasterize_uv(uvs: Tensor, uv_faces: Tensor, size: int) -> Raster:
    """Draw a texture atlas: which triangle, and where on it, each texel shows.

    Args:
        uvs: [U, 2] in [0, 1], v up; the first texel row is v = 1, as images are stored.
        uv_faces: [F, 3] int64, into ``uvs``.
        size: texels along each side.

    Returns:
        Triangle and barycentric weights of every texel; where islands overlap, the triangle with the lowest index.
    """
    texels = torch.stack([uvs[:, 0], 1 - uvs[:, 1]], 1).detach().double() * size
    return _placed(_Triangles.of(texels, torch.ones_like(texels[:, 0]), uv_faces, size, size, False))


def visible_faces(vertices_cam: Tensor, faces: Tensor, camera: Camera, cull_backfaces: bool = False) -> Tensor:
    """Return the nearest triangle of every pixel, -1 where nothing is seen; in half the time of :func:`rasterize`.

    Arguments as there. int64 [H, W]
    """
    points, depth, width, height = _project(vertices_cam, camera, None, None)
    triangles = _Triangles.of(points, depth, faces, width, height, cull_backfaces)
    found = torch.full((height, width), -1, dtype=torch.int64, device=points.device)
    if len(triangles.ids):
        seen, triangle = _nearest_triangles(_spans(triangles), triangles.columns * triangles.rows)
        window = found.new_full((triangles.rows * triangles.columns,), -1)
        window[seen] = triangles.ids.index_select(0, triangle)
        found[triangles.window] = window.view(triangles.rows, triangles.columns)
    return found


def silhouette(
    vertices_cam: Tensor,
    faces: Tensor,
    camera: Camera | Tensor | NDArray[np.floating[Any]],
    width: int | None = None,
    height: int | None = None,
    cull_backfaces: bool = False,
) -> Tensor:
    """Return True where the mesh covers a pixel centre; arguments as :func:`rasterize`, and much faster. [H, W]

    Culling gives the same answer for a closed mesh in half the time.
    """
    points, depth, width, height = _project(vertices_cam, camera, width, height)
    triangles = _Triangles.of(points, depth, faces, width, height, cull_backfaces)
    spans = _spans(triangles)
    # every run opens at its first pixel and closes after its last; a pixel is covered while a run is open
    opened = torch.zeros(triangles.columns * triangles.rows + 1, dtype=torch.int32, device=points.device)
    one = torch.ones_like(spans.start, dtype=torch.int32)
    opened.index_add_(0, spans.start, one).index_add_(0, spans.start + spans.length, -one)
    mask = torch.zeros((height, width), dtype=torch.bool, device=points.device)
    mask[triangles.window] = opened.cumsum(0)[:-1].view(triangles.rows, triangles.columns) > 0
    return mask


def _project(
    vertices_cam: Tensor, camera: Camera | Tensor | NDArray[np.floating[Any]], width: int | None, height: int | None
) -> tuple[Tensor, Tensor, int, int]:
    """Return pixels [V, 2] and depths [V] in float64, and the image size."""
    if isinstance(camera, Camera):
        width, height = width or camera.width, height or camera.height
        matrix = torch.from_numpy(camera.intrinsics)
    else:
        matrix = torch.as_tensor(camera)
    if width is None or height is None:
        raise BadInputError("an intrinsic matrix does not say the image size: give width and height")
    points = vertices_cam.detach().double()
    image = points @ matrix.to(points).T
    return image[:, :2] / image[:, 2:], points[:, 2], width, height


def _placed(triangles: _Triangles) -> Raster:
    """Find what every pixel of the picture sees, not only of the window."""
    window, size = _draw(triangles), (triangles.height, triangles.width)
    whole = _nothing(size, triangles.x.device)
    whole.face_index[triangles.window] = window.face_index
    whole.depth[triangles.window] = window.depth
    whole.barycentric[triangles.window] = window.barycentric
    return whole


def _nothing(size: tuple[int, int], device: torch.device) -> Raster:
    """Return what pixels see where there is no triangle."""
    face_index = torch.full(size, -1, dtype=torch.int64, device=device)
    return Raster(face_index, torch.full(size, torch.inf, device=device), torch.zeros((*size, 3), device=device))


def _draw(triangles: _Triangles) -> Raster:
    """Find the nearest triangle of every pixel of the window, and the point on it."""
    drawn = _nothing((triangles.rows, triangles.columns), triangles.x.device)
    pixels = _nearest_triangles(_spans(triangles), triangles.columns * triangles.rows)
    planes = [*triangles.x, *triangles.y, *triangles.z]
    for seen, triangle in zip(*(each.split(MAX_POINTS_AT_ONCE) for each in pixels), strict=True):
        right, down = seen % triangles.columns + 0.5, torch.div(seen, triangles.columns, rounding_mode="floor") + 0.5
        corners = [plane.index_select(0, triangle) for plane in planes]
        x, y = [each - right for each in corners[:3]], [each - down for each in corners[3:6]]
        weights, z = _surface_weights(x, y, torch.stack(corners[6:]))
        drawn.face_index.view(-1).index_copy_(0, seen, triangles.ids.index_select(0, triangle))
        drawn.depth.view(-1).index_copy_(0, seen, z)
        drawn.barycentric.view(-1, 3)[seen] = weights.T
    return drawn


def _spans(triangles: _Triangles) -> _Spans:
    """Cut triangles into runs of pixels."""
    corner_x, corner_y, area = triangles.x, triangles.y, triangles.area
    # 1/z is affine over the image: its gradient from the corners, in the frame of corner 0
    near = 1 / triangles.z
    (ax, bx), (ay, by), (da, db) = (each[1:] - each[0] for each in (corner_x, corner_y, near))
    slope_x = (da * by - db * ay) / area
    slope_y = (db * ax - da * bx) / area

    # edges always run from the upper to the lower end, so that neighbours compute the same bits for a shared one
    order = corner_y.T.argsort(1).T
    sorted_x, sorted_y = corner_x.gather(0, order), corner_y.gather(0, order)
    first = _first_centre(sorted_y[0], triangles.rows)
    tri, step = _expand(_first_centre(sorted_y[2], triangles.rows) - first)
    row = first.index_select(0, tri) + step
    y = row + 0.5
    top, mid, low = ((x.index_select(0, tri), v.index_select(0, tri)) for x, v in zip(sorted_x, sorted_y, strict=True))
    upper = y < mid[1]
    long_x = _edge_x(top, low, y)
    short_from, short_to = (
        tuple(torch.where(upper, *pair) for pair in zip(*ends, strict=True)) for ends in ((top, mid), (mid, low))
    )
    short_x = _edge_x(short_from, short_to, y)
    left = _first_centre(torch.minimum(long_x, short_x), triangles.columns)
    length = _first_centre(torch.maximum(long_x, short_x), triangles.columns) - left

    keep = (length > 0).nonzero()[:, 0]
    tri, row, left, y, length = (each.index_select(0, keep) for each in (tri, row, left, y, length))
    x, y = left + 0.5 - corner_x[0].index_select(0, tri), y - corner_y[0].index_select(0, tri)
    slope_x, slope_y = slope_x.index_select(0, tri), slope_y.index_select(0, tri)
    nearness = near[0].index_select(0, tri) + slope_x * x + slope_y * y
    # a sliver's gradient is ill-conditioned, but no point of a triangle is outside its corners' depths
    nearness = torch.maximum(nearness, near.amin(0).index_select(0, tri))
    nearness = torch.minimum(nearness, near.amax(0).index_select(0, tri))
    return _Spans(tri, row * triangles.columns + left, length, nearness.float(), slope_x.float())


def _nearest_triangles(spans: _Spans, num_pixels: int) -> tuple[Tensor, Tensor]:
    """Return the pixels that see a triangle, and the nearest one of each. [N]; equal depths go to the lowest index."""
    # positive floats sort like their bit patterns: nearness above, triangle below makes one integer to maximise
    best = torch.full((num_pixels,), -1, dtype=torch.int64, device=spans.start.device)
    for part in _chunks(spans.length):
        span, step = _expand(spans.length[part])
        near, slope, rank, start = (
            each[part].index_select(0, span)
            for each in (spans.nearness, spans.slope, MAX_TRIANGLE - spans.triangle, spans.start)
        )
        key = ((near + slope * step).clamp_min_(0).view(torch.int32).long() << 32) + rank
        best.scatter_reduce_(0, start + step, key, "amax")
    seen = (best >= 0).nonzero()[:, 0]
    return seen, MAX_TRIANGLE - (best.index_select(0, seen) & MAX_TRIANGLE)


def _surface_weights(x: Sequence[Tensor], y: Sequence[Tensor], z: Tensor) -> tuple[Tensor, Tensor]:
    """Return perspective-correct weights [3, N] and depth [N] at the origin, of three corners: x, y [N], z [3, N]."""
    (ax, bx, cx), (ay, by, cy) = x, y
    weights = torch.stack([bx * cy - by * cx, cx * ay - cy * ax, ax * by - ay * bx])  # areas opposite each corner
    weights = weights * weights.sum(0).sign()
    weights = weights.clamp_min_(0).div_(z)
    weights = weights.div_(weights.sum(0).clamp_min_(1e-300))
    return weights.float(), (weights * z).sum(0).float()


def _first_centre(x: Tensor, limit: int) -> Tensor:
    """Return the index of the first pixel whose centre is at or after x, kept within [0, limit]."""
    return torch.ceil(x - 0.5).clamp(0, limit).long()


def _edge_x(upper: _Ends, lower: _Ends, y: Tensor) -> Tensor:
    """Return where edges, ends (x, y) [N] each, cross the line y [N]; only meaningful for y between the ends."""
    t = (y - upper[1]) / (lower[1] - upper[1])
    return upper[0] + t * (lower[0] - upper[0])


def _expand(counts: Tensor) -> tuple[Tensor, Tensor]:
    """Return (owner, position within the owner) for every element of ragged groups of these sizes."""
    owner = torch.repeat_interleave(counts)
    start = counts.cumsum(0) - counts
    return owner, torch.arange(len(owner), device=counts.device) - start.index_select(0, owner)


def _chunks(lengths: Tensor) -> list[slice]:
    """Split runs into consecutive groups of about MAX_PIXELS_AT_ONCE pixels."""
    if not len(lengths):
        return []
    passes = torch.div(lengths.cumsum(0) - lengths, MAX_PIXELS_AT_ONCE, rounding_mode="floor")
    sizes = torch.unique_consecutive(passes, return_counts=True)[1].tolist()
    ends = np.cumsum(sizes).tolist()
    return [slice(end - size, end) for size, end in zip(sizes, ends, strict=True)]
