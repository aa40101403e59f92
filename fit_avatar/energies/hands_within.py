"""Hands stay within the masks: what outlines do not say any more where a hand is off by a finger.

An outline point looks for the nearest vertex. A hand that sticks out too far has its fingers beside those of the
picture, each of which then is matched with its neighbour, and what is farther out has no match at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fit_avatar.body.joints import is_finger
from fit_avatar.body.model import Body
from fit_avatar.capture.types import Camera
from fit_avatar.energies.points import PosedPoints
from fit_avatar.energies.posed_body import PosedBody
from fit_avatar.energies.projection import inside_image, metres_per_pixel, scaled
from fit_avatar.energies.silhouette import DistanceField
from fit_avatar.energies.term import energy

CELLS = 270
"""Cells of :func:`distance_beyond` along the shorter side of a picture: a cell is as wide as half a finger where a
person fills the picture."""
COVERED = 0.25
"""A cell of which the mask covers this part is within it, so that no finger is lost. Chosen by hand."""


def distance_beyond(masks: NDArray[np.bool_], stride: int | None = None) -> DistanceField:
    """Return how far cells are beyond the masks, about; zero within, and for a mask with nothing in it.

    masks [..., H, W] → values [..., ⌈H / stride⌉, ⌈W / stride⌉], by default :data:`CELLS` along the shorter side. It is
    coarser than :func:`~fit_avatar.energies.silhouette.distance_field` by half a cell, and twenty times as quick.
    """
    height, width = masks.shape[-2:]
    stride = stride or max(1, round(min(height, width) / CELLS))
    rows, columns = -(-height // stride), -(-width // stride)
    cells = np.zeros((*masks.shape[:-2], rows, columns), np.float32)
    padding = ((0, rows * stride - height), (0, columns * stride - width))
    for index in np.ndindex(masks.shape[:-2]):
        mask = np.ascontiguousarray(np.pad(masks[index], padding, mode="edge"), np.uint8)
        if mask.any():
            covered = cv2.resize(255 * mask, (columns, rows), interpolation=cv2.INTER_AREA) >= 255 * COVERED
            away = cv2.distanceTransform((~covered).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
            cells[index] = stride * (away - 0.5).clip(0)
    return DistanceField(torch.from_numpy(cells), float(stride))


def _vertices_of_hands(x: PosedBody, chosen: Tensor) -> PosedPoints:
    return x.read_vertices(chosen)


def _hands_that_stick_out(
    x: PosedBody,
    beyond_mask: DistanceField,
    camera: Camera,
    in_metres: bool = False,
    usual_m: float = 0.0,
    spacing_m: float = 0.015,
) -> Mapping[str, Any]:
    """Choose vertices of hands, tell how surely each hand sticks out [..., T, 2], and make the size of a pixel."""
    chosen, size = vertices_of_hands(x.body, spacing_m), metres_per_pixel(x, camera)
    ways = ways_back(beyond_mask, camera.project(x.read_vertices(chosen).posed.detach()))
    far = (ways.unflatten(-2, (2, len(chosen) // 2)).mean(-2).norm(dim=-1) * size[..., None]) ** 4
    sure = far / (far + usual_m**4).clamp_min(torch.finfo(far.dtype).tiny)
    return {"chosen": chosen, "sure": sure, "pixel_size": size if in_metres else None}


def ways_back(beyond_mask: DistanceField, pixels: Tensor) -> Tensor:
    """Return the way from each place to the mask, about; zero within. [..., T, N, 2] → [..., T, N, 2] pixels"""
    steps = 0.5 * beyond_mask.stride * torch.eye(2).to(pixels)
    slopes = [(beyond_mask.at(pixels + step) - beyond_mask.at(pixels - step)) / beyond_mask.stride for step in steps]
    return -beyond_mask.at(pixels)[..., None] * torch.stack(slopes, -1)


def vertices_of_hands(body: Body, spacing_m: float) -> Tensor:
    """Return vertices of the left hand, thinned to about one per ``spacing_m``, and as many of the right. int64 [2 N]

    A hand is what a wrist and fingers move.
    """
    chosen, names = body.spread_vertices(spacing_m), body.joint_names
    joints = [k for k, name in enumerate(names) if name == "left_wrist" or (is_finger(name) and "left" in name)]
    left = chosen[body.lbs_weights[chosen][:, joints].sum(-1) > 0.5]
    return torch.cat([left, body.mirror[left]])


@energy(
    observes=("beyond_mask", "camera"),
    reads=_vertices_of_hands,
    prepare=_hands_that_stick_out,
    makes=("chosen", "sure", "pixel_size"),
    beyond_mask="T H W",
)
def hands_within(
    points: Tensor,
    beyond_mask: DistanceField,
    camera: Camera,
    sure: Tensor,
    pixel_size: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """How far the vertices of a hand that sticks out of the mask are beyond it; zero within.

    Masks lack fingers here and there, and relaxed ones are not the person's: then a hand sticks out to both sides. So
    a hand counts by how surely it is displaced: by half where its vertices' ways to the mask are ``usual_m`` in the
    mean of the vectors, and hardly at half of that.

    Args:
        points: vertices of the left and of the right hand, as many of each. [..., T, 2 N, 3]
        beyond_mask: of the masks; see :func:`distance_beyond`.
        camera: the camera.
        sure: made by the preparation. [..., T, 2]
        pixel_size: likewise, where ``in_metres`` is set.

    Returns:
        [..., T, 2 N] pixels or metres, and the confidence: 0 for vertices outside the image.
    """
    pixels = camera.project(points)
    distance = scaled(beyond_mask.at(pixels)[..., None], pixel_size)[..., 0]
    counts = sure.repeat_interleave(points.shape[-2] // 2, -1)
    return distance, counts * inside_image(pixels, camera)
