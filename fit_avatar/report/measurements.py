"""Body measurements, taken on the avatar in the T-pose as with a tailor's tape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError

from fit_avatar.body.garment import own_vertices
from fit_avatar.body.model import Body
from fit_avatar.body.skinning import pose_body
from fit_avatar.body.state import BodyState
from fit_avatar.report.regions import on_arm_or_head

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

GIRTH_STEP_M = 0.005
"""Distance between the heights at which girths are compared. Chosen by hand."""

DEFINITIONS: Mapping[str, str] = {
    "height": "from the sole to the crown, standing straight; with hair and shoes as they were filmed",
    "chest": "largest horizontal girth of the trunk between the middle of the back and the armpits",
    "waist": "smallest horizontal girth of the trunk between hips and chest",
    "hip": "largest horizontal girth between the crotch and the small of the back",
    "inseam": "from the crotch straight down to the sole",
}
"""How each measurement is taken. Girths are convex, as of a tight tape; clothes are included."""


@dataclass(frozen=True)
class Measurement:
    """One measurement of the body."""

    name: str
    metres: float
    definition: str
    level_m: float | None = None
    """Height above the sole at which a girth was taken."""


def measure_body(body: Body, state: BodyState) -> tuple[Measurement, ...]:
    """Return the avatar's measurements, without those that its mesh does not allow."""
    with torch.no_grad():
        posed = pose_body(body, _t_pose(body, state))
    faces = body.faces.cpu().numpy()
    mirror = body.mirror.cpu().numpy()
    own = np.arange(len(mirror)) < own_vertices(body)  # neither a garment nor hair
    return measure_mesh(
        posed.vertices[0].cpu().double().numpy(),
        faces[(body.skin.cpu().numpy() & own)[faces].all(1)],
        joints=dict(zip(body.joint_names, posed.joints[0].cpu().double().numpy(), strict=True)),
        not_trunk=on_arm_or_head(body),
        middle=(mirror == np.arange(len(mirror))) & own,
    )


def measure_mesh(
    vertices: FloatArray,
    faces: IntArray,
    joints: Mapping[str, FloatArray],
    not_trunk: NDArray[np.bool_],
    middle: NDArray[np.bool_],
) -> tuple[Measurement, ...]:
    """Measure a closed mesh that stands upright in the T-pose.

    Args:
        vertices: metres, y up. [V, 3]
        faces: of the skin. [F, 3]
        joints: positions of at least spine1 and spine2. [3] each
        not_trunk: arms, neck and head. [V]
        middle: vertices on the plane of symmetry. [V]
    """
    used = np.unique(faces)
    floor, crown = vertices[used, 1].min(), vertices[used, 1].max()
    found: dict[str, tuple[float, float | None]] = {"height": (float(crown - floor), None)}
    trunk = faces[~not_trunk[faces].any(1)]
    midline = used[middle[used]]  # around the body from crown to crotch
    armpit = _armpit_level(vertices, faces, not_trunk, above=joints["spine1"][1])
    if midline.size:
        crotch = float(vertices[midline, 1].min())
        found["inseam"] = (crotch - float(floor), None)
        hip = _girth(vertices, trunk, crotch, joints["spine1"][1], largest=True)
        chest = _girth(vertices, trunk, joints["spine2"][1], armpit, largest=True)
        waist = hip and chest and _girth(vertices, trunk, hip[1], chest[1], largest=False)
        girths = {"chest": chest, "waist": waist, "hip": hip}
        found |= {name: (girth[0], float(girth[1] - floor)) for name, girth in girths.items() if girth}
    return tuple(
        Measurement(name, found[name][0], definition, found[name][1])
        for name, definition in DEFINITIONS.items()
        if name in found
    )


def girth_at(vertices: FloatArray, faces: IntArray, level: float) -> float:
    """Return the convex girth of the section by a horizontal plane, in metres; 0 if the plane cuts nothing.

    Args:
        vertices: y up. [V, 3]
        faces: the part of the mesh that is measured. [F, 3]
        level: height of the plane.
    """
    section = _section(vertices, faces, level)
    try:
        return (
            float(ConvexHull(section).area) if len(section) > 2 else 0.0
        )  # in 2D the "area" of a hull is its perimeter
    except QhullError:  # all points on a line
        return 0.0


def _armpit_level(vertices: FloatArray, faces: IntArray, not_trunk: NDArray[np.bool_], above: float) -> float:
    """Return the lowest height, above a given one, at which the surface of the trunk meets arms or neck."""
    crossing = not_trunk[faces].any(1) & ~not_trunk[faces].all(1)
    border = vertices[faces[crossing], 1]
    border = border[border > above]
    return float(border.min()) if border.size else float(vertices[np.unique(faces), 1].max())


def _girth(vertices: FloatArray, faces: IntArray, low: float, high: float, largest: bool) -> tuple[float, float] | None:
    """Return the largest or smallest girth between two heights, and its height; None if there is none."""
    if high - low < GIRTH_STEP_M:
        return None
    levels = np.linspace(low, high, max(2, round((high - low) / GIRTH_STEP_M) + 1))
    girths = np.array([girth_at(vertices, faces, level) for level in levels])
    if not (girths > 0).any():
        return None
    best = int(girths.argmax() if largest else np.where(girths > 0, girths, np.inf).argmin())
    return float(girths[best]), float(levels[best])


def _section(vertices: FloatArray, faces: IntArray, level: float) -> FloatArray:
    """Return the intersections of a horizontal plane with the edges of triangles, as (x, z). [N, 2]"""
    start, end = vertices[faces].reshape(-1, 3), vertices[np.roll(faces, -1, axis=1)].reshape(-1, 3)
    crossing = (start[:, 1] < level) != (end[:, 1] < level)
    start, end = start[crossing], end[crossing]
    t = (level - start[:, 1]) / (end[:, 1] - start[:, 1])
    points: FloatArray = (start + t[:, None] * (end - start))[:, [0, 2]]
    return points


def _t_pose(body: Body, state: BodyState) -> BodyState:
    """Return the state of one frame in the T-pose, y up."""
    return replace(
        state,
        global_orient=state.global_orient.new_zeros(1, 3),
        body_pose=state.body_pose.new_zeros(1, len(body.parents) - 1, 3),
        transl=state.transl.new_zeros(1, 3),
        expression=None if state.expression is None else torch.zeros_like(state.expression[:1]),
    )
