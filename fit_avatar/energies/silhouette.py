"""Terms that compare the posed surface with masks as areas: distance fields, and soft overlap.

Both are slower and blunter than :func:`~fit_avatar.energies.image.contour_distance`, but need no matches, so they pull
from farther away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fit_avatar.body.skinning import skin
from fit_avatar.capture.types import Camera
from fit_avatar.energies.posed_body import PosedBody
from fit_avatar.energies.projection import (
    chosen_vertices,
    inside_image,
    metres_per_pixel,
    point_blocks,
    scaled,
)
from fit_avatar.energies.term import Blocks, energy
from fit_avatar.silhouettes import pixel_gradient
from fit_avatar.visibility.raster import silhouette

# -- distance fields ------------------------------------------------------------------------------------------


def distance_fields(masks: NDArray[np.bool_], stride: int = 4) -> tuple[Tensor, float]:
    """Return signed distances to the masks' outlines in pixels, positive outside, and the size of a cell in pixels.

    A mask with nothing in it says nothing: its field is zero.

    Args:
        masks: [..., H, W]
        stride: a cell is the mean over this many pixels along each side.

    Returns:
        [..., ⌈H / stride⌉, ⌈W / stride⌉] pixels, and the stride.
    """
    height, width = masks.shape[-2:]
    padding = ((0, -height % stride), (0, -width % stride))
    cells = []
    for mask in masks.reshape(-1, height, width):
        field = np.zeros(mask.shape, np.float32)
        if mask.any():
            outside = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
            inside = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
            # The outline runs half a pixel from the centres of the pixels on either side.
            field = np.where(mask, 0.5 - np.minimum(inside, height + width), outside - 0.5)
        whole = np.pad(field, padding, mode="edge")
        cells.append(whole.reshape(whole.shape[0] // stride, stride, -1, stride).mean((1, 3)))
    fields = np.stack(cells).reshape(*masks.shape[:-2], *cells[0].shape)
    return torch.from_numpy(fields.astype(np.float32)), float(stride)


def sample(field: Tensor, pixels: Tensor, stride: float) -> tuple[Tensor, Tensor]:
    """Return a field's values between its cells' centres, and their gradient per pixel; constant beyond its border.

    field [..., H, W], pixels [..., N, 2] → [..., N], [..., N, 2]; the values are differentiable in the pixels
    """
    height, width = field.shape[-2:]
    x, y = (pixels / stride - 0.5).unbind(-1)
    u, v = x.clamp(0, width - 1), y.clamp(0, height - 1)
    left, top = u.detach().floor().clamp(0, max(width - 2, 0)), v.detach().floor().clamp(0, max(height - 2, 0))
    right, below = (left + 1).clamp_max(width - 1), (top + 1).clamp_max(height - 1)
    flat = field.expand(*pixels.shape[:-2], height, width).flatten(-2)

    def at(row: Tensor, column: Tensor) -> Tensor:
        return flat.gather(-1, (row * width + column).long())

    a, b, c, d = at(top, left), at(top, right), at(below, left), at(below, right)
    du, dv = u - left, v - top
    above, under = a + (b - a) * du, c + (d - c) * du
    slope_x = ((b - a) * (1 - dv) + (d - c) * dv) * (x == u)
    slope_y = (under - above) * (y == v)
    return above + (under - above) * dv, torch.stack([slope_x, slope_y], -1).detach() / stride


@energy(distance_field="T H W")
def silhouette_distance(
    x: PosedBody,
    distance_field: Tensor,
    camera: Camera,
    chosen: Tensor,
    field_stride: float = 1.0,
    pixel_size: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """How far vertices are outside the mask; zero inside. Vertices outside the image are not trusted.

    It is one-sided: alone it lets the body shrink into the mask, so something else must pull outward. The field is not
    capped: a robust kernel is what bounds the pull of what is far away.

    Args:
        x: the posed body.
        distance_field: as :func:`distance_fields` makes it. [..., T, H, W] pixels
        camera: the camera.
        chosen: vertices that are looked at; found by the preparation. [N]
        field_stride: size of a cell in pixels.
        pixel_size: found by the preparation where ``in_metres`` is set.

    Returns:
        [..., T, N] pixels or metres, and 1 inside the image.

    Source: after Alldieck et al. 2018, section 3.1 (the part of their silhouette term outside the mask).
    """
    points, rest = chosen_vertices(x, chosen)
    pixels = camera.project(skin(x.skeleton, rest, points.weights))
    distance, _ = sample(distance_field, pixels, field_stride)
    return scaled(distance.clamp_min(0)[..., None], pixel_size)[..., 0], inside_image(pixels, camera)


@silhouette_distance.with_preparation("chosen", "pixel_size")
def _(x: PosedBody, camera: Camera, in_metres: bool = False, spacing_m: float = 0.03) -> Mapping[str, Any]:
    return {
        "chosen": x.body.spread_vertices(spacing_m),
        "pixel_size": metres_per_pixel(x, camera) if in_metres else None,
    }


@silhouette_distance.with_jacobian
def _(
    x: PosedBody,
    distance_field: Tensor,
    camera: Camera,
    chosen: Tensor,
    field_stride: float = 1.0,
    pixel_size: Tensor | None = None,
) -> Blocks:
    points, rest = chosen_vertices(x, chosen)
    posed = skin(x.skeleton, rest, points.weights)
    distance, slope = sample(distance_field, camera.project(posed), field_stride)
    direction = scaled(slope * (distance > 0)[..., None], pixel_size)
    blocks = point_blocks(x, points, rest, pixel_gradient(posed, direction, camera))
    return replace(blocks, missing=("offsets",))


# -- soft overlap ---------------------------------------------------------------------------------------------

FINER = 4
"""How many times finer than the cells the body is drawn to see which of its edges are its outline."""


def soft_masks(masks: NDArray[np.bool_], size: int = 64, blur: float = 1.0) -> Tensor:
    """Return small masks with soft outlines, as :func:`silhouette_overlap` compares them.

    Args:
        masks: [..., H, W]
        size: cells along the longer side.
        blur: softness of the outline, in cells.

    Returns:
        Coverage in [0, 1]: Φ(d / blur), d the distance of a cell's centre from the outline, positive inside. An empty
        mask covers nothing. [..., h, w]
    """
    height, width = masks.shape[-2:]
    cell = max(height, width) / size
    rows, columns = max(1, round(height / cell)), max(1, round(width / cell))
    fields, _ = distance_fields(masks, 1)
    zoom = fields.new_tensor([width / columns, height / rows])
    centres = _centres(rows, columns, fields) * zoom
    distance, _ = sample(fields, centres.expand(*fields.shape[:-2], -1, -1), 1.0)
    covered = _soft(-distance / zoom.mean(), blur).unflatten(-1, (rows, columns))
    empty = torch.from_numpy(~masks.any((-2, -1)))[..., None, None]
    return torch.where(empty, torch.zeros_like(covered), covered)


@energy(soft_mask="T H W")
def silhouette_overlap(x: PosedBody, soft_mask: Tensor, camera: Camera, blur: float = 1.0) -> Tensor:
    """Coverage of the drawn body minus the mask's, both with soft outlines, at low resolution.

    A cell near the body's outline is covered by Φ(d / blur), d the distance of its centre from the nearest edge of the
    outline; every other cell is covered or not. The derivative moves the corners of that edge, as in a soft
    rasteriser, but triangles inside the outline do not add up. It is the reference rather than the fast way: per frame
    it draws the mesh twice, and compares the cells within three blurs of the outline with the edges of the outline
    (about 600 × 500 pairs for 64 × 64 cells and 13,000 vertices); a derivative takes a sweep for each unknown of a
    frame, through all vertices.

    soft_mask as :func:`soft_masks` makes it, with the same ``blur`` [..., T, H, W] → [..., T, H, W]

    Source: the idea is that of soft rasterisation (Liu et al. 2019), section 3.2.
    """
    rows, columns = soft_mask.shape[-2:]
    zoom = x.transl.new_tensor([columns / camera.width, rows / camera.height])
    pixels = camera.project(x.vertices) * zoom
    small = camera.fitted_to(columns, rows)
    with torch.no_grad():
        flat_vertices, flat_pixels = x.vertices.flatten(0, -3), pixels.flatten(0, -3)
        found = [
            _outline_edges(v, p, x.body.faces, small, 3 * blur) for v, p in zip(flat_vertices, flat_pixels, strict=True)
        ]
        hard, near, ends = (torch.stack(part).unflatten(0, pixels.shape[:-2]) for part in zip(*found, strict=True))
    corners = pixels.gather(-2, ends.flatten(-2)[..., None].expand(*ends.shape[:-2], -1, 2)).unflatten(-2, (-1, 2))
    distance = _segment_distance(_centres(rows, columns, pixels), corners[..., 0, :], corners[..., 1, :])
    sign = hard.to(pixels) * 2 - 1
    coverage: Tensor = torch.where(near, _soft(sign * distance, blur), hard.to(pixels)).unflatten(-1, (rows, columns))
    return coverage - soft_mask


def _outline_edges(
    vertices: Tensor, pixels: Tensor, faces: Tensor, camera: Camera, reach: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Return for all P cells of one frame: covered or not, whether near the outline, and the nearest edge. [P, 2]"""
    hard = silhouette(vertices, faces, camera).flatten()
    near, ends = torch.zeros_like(hard), torch.zeros(len(hard), 2, dtype=torch.long, device=hard.device)
    drawn = silhouette(vertices, faces, camera.fitted_to(FINER * camera.width, FINER * camera.height)).cpu().numpy()
    signed = distance_fields(drawn, 1)[0].to(pixels) / FINER
    centres = _centres(camera.height, camera.width, pixels)
    band = torch.nonzero(sample(signed, centres * FINER, 1.0)[0].abs() < reach)[:, 0]
    # An edge of the outline is shared by a triangle that faces the camera and one that does not; those in front of
    # other parts of the body are not near the border of the drawn mask.
    a, b, c = pixels[faces].unbind(1)
    towards = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0] < 0
    edges = torch.cat([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).sort(1).values
    unique, inverse = torch.unique(edges, dim=0, return_inverse=True)
    seen = torch.zeros(len(unique), 2, dtype=torch.bool, device=hard.device)
    seen[inverse[towards.repeat(3)], 0] = True
    seen[inverse[~towards.repeat(3)], 1] = True
    rims = unique[seen.all(1)]
    middles = pixels[rims].mean(1)
    rims = rims[sample(signed, middles * FINER, 1.0)[0].abs() < 1 / FINER]
    if not len(rims) or not len(band):
        return hard, near, ends
    nearest = torch.cat(
        [
            _segment_distance(part[:, None], pixels[rims[:, 0]], pixels[rims[:, 1]]).argmin(1)
            for part in centres[band].split(1024)
        ]
    )
    near[band], ends[band] = True, rims[nearest]
    return hard, near, ends


def _soft(distance: Tensor, blur: float) -> Tensor:
    """Return Φ(d / blur), the coverage of a cell at this distance inside the outline."""
    return 0.5 * (1 + torch.erf(distance / (blur * 2**0.5)))


def _centres(rows: int, columns: int, like: Tensor) -> Tensor:
    """Return the centres of all cells, row by row. [rows · columns, 2]"""
    v, u = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    return torch.stack([u, v], -1).flatten(0, 1).to(like) + 0.5


def _segment_distance(points: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """Return distances of points to segments. [..., 2] three times → [...]"""
    along, from_start = end - start, points - start
    share = ((from_start * along).sum(-1) / along.square().sum(-1).clamp_min(1e-12)).clamp(0, 1)
    squared = (from_start - share[..., None] * along).square().sum(-1)
    return squared.clamp_min(1e-18).sqrt()
