"""A term that compares the parts of the posed body with masks of parts: head, torso, and pieces of arms and legs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from fit_avatar.body.joints import is_finger
from fit_avatar.body.model import Body
from fit_avatar.capture.types import Camera
from fit_avatar.energies.points import PosedPoints
from fit_avatar.energies.posed_body import PosedBody
from fit_avatar.energies.projection import inside_image, pixel_size_in_metres, scaled
from fit_avatar.energies.silhouette import DistanceField
from fit_avatar.energies.term import energy
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
"""A vertex counts as visible up to this far behind the nearest surface around its pixel."""


def parts_of_vertices(body: Body) -> Tensor:
    """Return the part that each vertex follows most, as an index into :data:`SEGMENTS`. int64 [V]"""
    part_of_joint = torch.tensor([_segment(name) for name in body.joint_names], device=body.lbs_weights.device)
    followed = torch.zeros(len(body.template), len(SEGMENTS), dtype=body.lbs_weights.dtype, device=part_of_joint.device)
    return followed.index_add_(1, part_of_joint, body.lbs_weights).argmax(1)


def _segment(joint: str) -> int:
    side = next((s for s in ("left_", "right_") if joint.startswith(s)), "")
    base = "hand" if is_finger(joint) else joint.removeprefix(side)
    part = _SEGMENT_OF[base]
    return SEGMENTS.index(part if part in SEGMENTS else side + part)


def _read_chosen(x: PosedBody, chosen: Tensor) -> PosedPoints:
    return x.read_vertices(chosen)


def _visible_parts_and_unit(
    x: PosedBody, part_fields: DistanceField, camera: Camera, in_metres: bool = False, spacing_m: float = 0.03
) -> Mapping[str, Any]:
    chosen = x.body.spread_vertices(spacing_m)
    parts = parts_of_vertices(x.body)[chosen]
    order = parts.argsort(stable=True)
    return {
        "chosen": chosen[order],
        "counts": tuple(torch.bincount(parts, minlength=len(SEGMENTS)).tolist()),
        "visible": _visible(x, chosen[order], camera, part_fields.values.shape[-1]),
        **pixel_size_in_metres(x, camera, in_metres),
    }


@energy(
    observes=("camera",),
    reads=_read_chosen,
    prepare=_visible_parts_and_unit,
    makes=("chosen", "counts", "visible", "pixel_size"),
    part_fields="T 12 H W",
)
def part_segmentation(
    points: Tensor,
    part_fields: DistanceField,
    camera: Camera,
    counts: Sequence[int],
    visible: Tensor,
    pixel_size: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """How far the vertices of a body part are outside that part's mask, zero inside.

    A part whose mask is empty says nothing.

    Args:
        points: vertices, one per ``spacing_m`` of the surface, sorted by their parts. [..., T, N, 3]
        part_fields: of the masks of :data:`SEGMENTS` [..., T, 12, H, W]; see
            :func:`~fit_avatar.energies.silhouette.distance_field`.
        camera: the camera.
        counts: how many vertices each part has; made by the preparation. [12]
        visible: 1 where the body does not hide them; likewise. [..., T, N]
        pixel_size: made by the preparation where ``in_metres`` is set.

    Returns:
        [..., T, N] pixels or metres, and the confidence: 1 where the vertex is visible and in the image.
    """
    pixels = camera.project(points)
    pieces = zip(part_fields.unbind(-3), pixels.split(list(counts), -2), strict=True)
    distance = torch.cat([field.at(piece) for field, piece in pieces], -1).clamp_min(0)
    return scaled(distance[..., None], pixel_size)[..., 0], visible * inside_image(pixels, camera)


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
