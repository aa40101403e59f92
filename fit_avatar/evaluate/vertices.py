"""Errors of corresponding vertices: of the whole surface, of its regions, and of the head's direction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from fit_avatar.body.model import Body
from fit_avatar.evaluate.regions import JOINTS_OF_REGIONS, REST

FloatArray = NDArray[np.float64]

MORE_JOINTS = {"head": ("jaw", "eye"), "hands": ("thumb", "index", "middle", "ring", "pinky")}
"""Joints of regions that only bodies with fingers and faces have, without side and number."""


@dataclass(frozen=True)
class RegionScore:
    """The errors of one region."""

    name: str
    mm: float
    """Mean distance of corresponding vertices, pelvis aligned."""
    worst_mm: float
    """The same of the worst frame."""


@dataclass(frozen=True)
class VertexScores:
    """The errors of corresponding vertices over a clip."""

    pve_mm: float
    """Mean distance, pelvis aligned."""
    regions: tuple[RegionScore, ...]
    head_deg: float | None
    """Mean angle by which the head is turned wrongly; None of a body without a head."""
    head_worst_deg: float | None
    """The same of the worst frame."""


def vertex_scores(
    pairs: Iterable[tuple[tuple[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]],
    regions: Mapping[str, NDArray[np.bool_]],
) -> VertexScores:
    """Return the errors of vertices.

    Args:
        pairs: vertices [T, V, 3] and joints [T, J, 3] of successive frames, the avatar's and the true ones. Metres
        regions: which vertices belong to each; see :func:`regions_of_body`. [V]
    """
    errors, angles = [], []
    head = regions["head"]
    for (vertices, joints), (true_vertices, true_joints) in pairs:
        ours, theirs = vertices - joints[:, :1], true_vertices - true_joints[:, :1]
        errors.append(1e3 * np.linalg.norm(ours - theirs, axis=-1))
        angles += [] if not head.any() else [_turned(a[head], b[head]) for a, b in zip(ours, theirs, strict=True)]
    each, turned = np.concatenate(errors), np.array(angles)
    scores = [(name, each[:, chosen].mean(1)) for name, chosen in regions.items() if chosen.any()]
    return VertexScores(
        float(each.mean()),
        tuple(RegionScore(name, float(frames.mean()), float(frames.max())) for name, frames in scores),
        float(turned.mean()) if len(turned) else None,
        float(turned.max()) if len(turned) else None,
    )


def regions_of_body(body: Body) -> dict[str, NDArray[np.bool_]]:
    """Return which vertices belong to head, hands, feet and the rest: to the joint that moves them most. [V] each"""
    strongest = body.lbs_weights.argmax(1).cpu().numpy()
    bare = [name.removeprefix("left_").removeprefix("right_").rstrip("0123456789") for name in body.joint_names]
    regions = {}
    for region, own in JOINTS_OF_REGIONS.items():
        joints = [k for k, name in enumerate(bare) if name in (*own, *MORE_JOINTS.get(region, ()))]
        regions[region] = np.isin(strongest, joints)
    return regions | {REST: ~np.logical_or.reduce(list(regions.values()))}


def _turned(points: FloatArray, true: FloatArray) -> float:
    """Return the angle of the rotation between two sets of points, in degrees. [N, 3]"""
    rotation, _ = Rotation.align_vectors(true - true.mean(0), points - points.mean(0))
    return float(np.degrees(rotation.magnitude()))
