"""A term that compares the parts of the posed body with masks of parts: head, torso, and pieces of arms and legs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from fit_avatar.body.joints import is_finger
from fit_avatar.body.model import Body
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
from fit_avatar.energies.silhouette import sample
from fit_avatar.energies.term import Blocks, energy
from fit_avatar.silhouettes import pixel_gradient
from fit_avatar.visibility.raster import rasterize

SEGMENTS = (
    "head", "torso", "left_upper_arm", "right_upper_arm", "left_forearm", "right_forearm",
    "left_thigh", "right_thigh", "left_shank", "right_shank", "left_foot", "right_foot",
)  # fmt: skip
"""The parts of :func:`part_segmentation` in their order; hands belong to the forearms, the neck to the head."""

_SEGMENT_OF = {
    "pelvis": "torso", "spine1": "torso", "spine2": "torso", "spine3": "torso", "collar": "torso",
    "neck": "head", "head": "head", "jaw": "head", "eye_smplhf": "head",
    "shoulder": "upper_arm", "elbow": "forearm", "wrist": "forearm", "hand": "forearm",
    "hip": "thigh", "knee": "shank", "ankle": "foot", "foot": "foot",
}  # fmt: skip

TOLERANCE_M = 0.02
"""A vertex this far behind what is drawn around its pixel is still seen."""


def parts_of_vertices(body: Body) -> Tensor:
    """Return the part that each vertex follows most, as an index into :data:`SEGMENTS`. int64 [V]"""
    part_of_joint = torch.tensor([_segment(name) for name in body.joint_names], device=body.lbs_weights.device)
    share = torch.zeros(len(body.template), len(SEGMENTS), dtype=body.lbs_weights.dtype, device=part_of_joint.device)
    return share.index_add_(1, part_of_joint, body.lbs_weights).argmax(1)


def _segment(joint: str) -> int:
    side = next((s for s in ("left_", "right_") if joint.startswith(s)), "")
    base = "hand" if is_finger(joint) else joint.removeprefix(side)
    part = _SEGMENT_OF[base]
    return SEGMENTS.index(part if part in SEGMENTS else side + part)


@energy(part_fields="T 12 H W")
def part_segmentation(
    x: PosedBody,
    part_fields: Tensor,
    camera: Camera,
    chosen: Tensor,
    parts: Tensor,
    visible: Tensor,
    field_stride: float = 1.0,
    pixel_size: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """How far the vertices of a body part are outside that part's mask, zero inside; hidden ones are not trusted.

    A part whose mask is empty says nothing.

    Args:
        x: the posed body.
        part_fields: distance fields of the masks of :data:`SEGMENTS`, as
            :func:`~fit_avatar.energies.silhouette.distance_fields` makes them. [..., T, 12, H, W] pixels
        camera: the camera.
        chosen: vertices that are looked at; found by the preparation, as are the next two. [N]
        parts: their parts. [N]
        visible: 1 where they are seen. [..., T, N]
        field_stride: size of a cell in pixels.
        pixel_size: found by the preparation where ``in_metres`` is set.

    Returns:
        [..., T, N] pixels or metres, and 1 where the vertex is seen and in the image.
    """
    points, rest = chosen_vertices(x, chosen)
    pixels = camera.project(skin(x.skeleton, rest, points.weights))
    distance, _ = _by_part(part_fields, pixels, parts, field_stride)
    return scaled(distance.clamp_min(0)[..., None], pixel_size)[..., 0], visible * inside_image(pixels, camera)


@part_segmentation.with_preparation("chosen", "parts", "visible", "pixel_size")
def _(
    x: PosedBody, part_fields: Tensor, camera: Camera, in_metres: bool = False, spacing_m: float = 0.03
) -> Mapping[str, Any]:
    chosen = x.body.spread_vertices(spacing_m)
    parts = parts_of_vertices(x.body)[chosen]
    order = parts.argsort(stable=True)
    return {
        "chosen": chosen[order],
        "parts": parts[order],
        "visible": _visible(x, chosen[order], camera, part_fields.shape[-1]),
        "pixel_size": metres_per_pixel(x, camera) if in_metres else None,
    }


@part_segmentation.with_jacobian
def _(
    x: PosedBody,
    part_fields: Tensor,
    camera: Camera,
    chosen: Tensor,
    parts: Tensor,
    visible: Tensor,
    field_stride: float = 1.0,
    pixel_size: Tensor | None = None,
) -> Blocks:
    points, rest = chosen_vertices(x, chosen)
    posed = skin(x.skeleton, rest, points.weights)
    distance, slope = _by_part(part_fields, camera.project(posed), parts, field_stride)
    direction = scaled(slope * (distance > 0)[..., None], pixel_size)
    blocks = point_blocks(x, points, rest, pixel_gradient(posed, direction, camera))
    return replace(blocks, missing=("offsets",))


def _by_part(fields: Tensor, pixels: Tensor, parts: Tensor, stride: float) -> tuple[Tensor, Tensor]:
    """Sample every vertex in its own part's field; vertices are sorted by their parts."""
    counts = torch.bincount(parts, minlength=len(SEGMENTS)).tolist()
    pieces = zip(fields.unbind(-3), pixels.split(counts, -2), strict=True)
    values, slopes = zip(*(sample(field, piece, stride) for field, piece in pieces), strict=True)
    return torch.cat(values, -1), torch.cat(slopes, -2)


def _visible(x: PosedBody, chosen: Tensor, camera: Camera, width: int) -> Tensor:
    """Return 1 where a vertex is not hidden by the body, drawn as small as the masks are. [..., T, N]"""
    small = camera.resized(min(1.0, max(width, 64) / camera.width))
    posed = x.vertices.flatten(0, -3)
    cells = small.project(posed[:, chosen]).floor().long()
    column, row = cells[..., 0].clamp(0, small.width - 1), cells[..., 1].clamp(0, small.height - 1)
    seen = []
    for vertices, u, v in zip(posed, column, row, strict=True):
        depth = rasterize(vertices, x.body.faces, small).depth.to(vertices)
        # At an outline the next cell may be the one that shows what hides the vertex.
        nearest = -torch.nn.functional.max_pool2d(-depth[None], 3, 1, 1)[0, v, u]
        seen.append((vertices[chosen, 2] < nearest + TOLERANCE_M).to(vertices))
    whole: Tensor = torch.stack(seen).unflatten(0, x.vertices.shape[:-2])
    return whole
