"""Terms that compare the posed surface with masks as areas: distance fields, and soft overlap.

Both are slower and blunter than :func:`~fit_avatar.energies.image.contour_distance`, but need no matches, so they pull
from farther away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fit_avatar.body.constants import numbers
from fit_avatar.capture.types import Camera
from fit_avatar.energies.points import PosedPoints
from fit_avatar.energies.posed_body import PosedBody
from fit_avatar.energies.projection import inside_image, pixel_size_in_metres, scaled
from fit_avatar.energies.term import energy
from fit_avatar.visibility.raster import silhouette

# -- distance fields ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class DistanceField:
    """Signed distances to the outlines of masks, positive outside, on a grid of square cells."""

    values: Tensor
    """[..., T, h, w] pixels; zero for a mask with nothing in it."""
    stride: float
    """Side of a cell in pixels."""

    def to(self, device: str | torch.device) -> DistanceField:
        """Return the same field on ``device``."""
        return DistanceField(self.values.to(device), self.stride)

    def unbind(self, dim: int) -> tuple[DistanceField, ...]:
        """Return one field for each index of a leading dimension."""
        return tuple(DistanceField(values, self.stride) for values in self.values.unbind(dim))

    def at(self, pixels: Tensor) -> Tensor:
        """Interpolate between the cells' centres; constant beyond the border. [..., T, N, 2] → [..., T, N]"""
        height, width = self.values.shape[-2:]
        x, y = (pixels / self.stride - 0.5).unbind(-1)
        u, v = x.clamp(0, width - 1), y.clamp(0, height - 1)
        left, top = u.detach().floor().clamp(0, max(width - 2, 0)), v.detach().floor().clamp(0, max(height - 2, 0))
        right, below = (left + 1).clamp_max(width - 1), (top + 1).clamp_max(height - 1)
        flat = self.values.expand(*pixels.shape[:-2], height, width).flatten(-2)

        def cell(row: Tensor, column: Tensor) -> Tensor:
            return flat.gather(-1, (row * width + column).long())

        a, b, c, d = cell(top, left), cell(top, right), cell(below, left), cell(below, right)
        above, under = a + (b - a) * (u - left), c + (d - c) * (u - left)
        return above + (under - above) * (v - top)


def distance_field(masks: NDArray[np.bool_], stride: int = 4) -> DistanceField:
    """Return the signed distance field of masks; a cell is the mean over ``stride`` pixels along each side.

    masks [..., H, W] → values [..., ⌈H / stride⌉, ⌈W / stride⌉]
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
    return DistanceField(torch.from_numpy(fields.astype(np.float32)), float(stride))


def _read_chosen(x: PosedBody, chosen: Tensor) -> PosedPoints:
    return x.read_vertices(chosen)


def _chosen_and_unit(
    x: PosedBody, camera: Camera, in_metres: bool = False, spacing_m: float = 0.03
) -> Mapping[str, Any]:
    return {"chosen": x.body.spread_vertices(spacing_m), **pixel_size_in_metres(x, camera, in_metres)}


@energy(
    observes=("distance_field", "camera"),
    reads=_read_chosen,
    prepare=_chosen_and_unit,
    makes=("chosen", "pixel_size"),
    distance_field="T H W",
)
def silhouette_distance(
    points: Tensor, distance_field: DistanceField, camera: Camera, pixel_size: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """How far vertices are outside the mask; zero inside.

    It is one-sided: alone it lets the body shrink into the mask, so something else must pull outward. The field is not
    capped: a robust kernel is what bounds the pull of what is far away.

    Args:
        points: vertices, one per ``spacing_m`` of the surface. [..., T, N, 3]
        distance_field: of the masks; see :func:`distance_field`.
        camera: the camera.
        pixel_size: made by the preparation where ``in_metres`` is set.

    Returns:
        [..., T, N] pixels or metres, and the confidence: 1 inside the image, 0 outside.

    Source: after Alldieck et al. 2018, section 3.1 (the part of their silhouette term outside the mask).
    """
    pixels = camera.project(points)
    distance = distance_field.at(pixels).clamp_min(0)
    return scaled(distance[..., None], pixel_size)[..., 0], inside_image(pixels, camera)


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
    field = distance_field(masks, 1)
    zoom = field.values.new_tensor([width / columns, height / rows])
    centres = _centres(rows, columns, zoom) * zoom
    distance = field.at(centres.expand(*masks.shape[:-2], -1, -1))
    covered = _soft(-distance / zoom.mean(), blur).unflatten(-1, (rows, columns))
    empty = torch.from_numpy(~masks.any((-2, -1)))[..., None, None]
    return torch.where(empty, torch.zeros_like(covered), covered)


@energy(observes=("soft_mask", "camera"), soft_mask="T H W")
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
    zoom = numbers((columns / camera.width, rows / camera.height), x.transl)
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
    signed = distance_field(drawn, 1).to(pixels.device)
    centres = _centres(camera.height, camera.width, pixels)
    band = torch.nonzero(signed.at(centres * FINER).abs() < FINER * reach)[:, 0]
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
    rims = rims[signed.at(middles * FINER).abs() < 1]
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
    v, u = torch.meshgrid(*(torch.arange(n, device=like.device) for n in (rows, columns)), indexing="ij")
    return torch.stack([u, v], -1).flatten(0, 1).to(like) + 0.5


def _segment_distance(points: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """Return distances of points to segments. [..., 2] three times → [...]"""
    along, from_start = end - start, points - start
    fraction = ((from_start * along).sum(-1) / along.square().sum(-1).clamp_min(1e-12)).clamp(0, 1)
    squared = (from_start - fraction[..., None] * along).square().sum(-1)
    return squared.clamp_min(1e-18).sqrt()
