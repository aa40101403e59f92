"""Errors of head, face, hands, feet and the rest: what a mean over the whole surface hides, and people see first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from fit_avatar.body.model import SMPL_JOINTS
from fit_avatar.evaluate.align import IDENTITY, align_surfaces
from fit_avatar.evaluate.clip import ClipDistance, Mesh
from fit_avatar.evaluate.surface import Surface, sample_surface

FloatArray = NDArray[np.float64]

JOINTS_OF_REGIONS: Mapping[str, frozenset[str]] = MappingProxyType(
    {"head": frozenset({"head"}), "hands": frozenset({"hand"}), "feet": frozenset({"ankle", "foot"})}
)
"""Joints of each region, without their side; a point belongs to the nearest joint, and to the rest if it has none of
these."""
REST = "rest"
FACE_RADIUS_M = 0.085
"""The face is what is so near to the nose. Chosen by hand: from the brows to the chin, without the ears."""
ALIGNED_RADIUS_M = 0.10
"""What is so near to the nose is aligned, of the truth. Chosen by hand: with the sides, so that it cannot turn."""
SOUGHT_RADIUS_M = 0.14
"""The same of the reconstruction, which may be off. Chosen by hand."""
BESIDE_M = 0.012
"""Parts of the reconstruction that are farther than this from the true face after a first alignment, as hair is, have
no part in the second. Chosen by hand."""
FEWEST_TRIANGLES = 50
"""With fewer no face is aligned. Chosen by hand."""


@dataclass(frozen=True)
class TruePlaces:
    """What is known of S frames beside their surfaces, in camera coordinates."""

    joints: FloatArray
    """In SMPL's order, metres. [S, 24, 3]"""
    noses: FloatArray
    """Tips of the noses. [S, 3]"""
    faces: Sequence[Mesh] | None = None
    """Surfaces on which faces are compared, such as skin without hair and hats; by default the whole surface."""


@dataclass(frozen=True)
class RegionErrors:
    """Mean distances of each region's true surface from the reconstruction in each of S frames, aligned by height."""

    mm: Mapping[str, FloatArray]
    """Of head, hands, feet, rest and face; NaN in frames that show nothing of a region. [S] each"""
    face_alone_mm: FloatArray
    """Of the face after it alone has been aligned: the shape of the face without the pose of the head. [S]"""
    head_deg: FloatArray
    """Angle by which the head is turned wrongly: the rotation that aligns the whole body, and then the face. [S]"""

    def numbers(self) -> dict[str, float]:
        """Return the mean over the frames, and the worst frame as "… worst", of everything. mm, and degrees"""
        found = {**self.mm, "face alone": self.face_alone_mm, "head deg": self.head_deg}
        numbers = {}
        for name, values in found.items():
            known = values[np.isfinite(values)]
            numbers[name] = float(known.mean()) if len(known) else float("nan")
            numbers[f"{name} worst"] = float(known.max()) if len(known) else float("nan")
        return numbers


def compare_regions(
    found: Sequence[Mesh], truth: Sequence[Mesh], distance: ClipDistance, places: TruePlaces, samples: int = 50_000
) -> RegionErrors:
    """Compare the regions of the same frames.

    Args:
        found: the reconstruction's outer surface of each frame, as given to :func:`compare_clip`.
        truth: the true one.
        distance: what :func:`compare_clip` has found, with as many samples.
        places: where the true joints and noses are, and the true faces.
        samples: points on each surface.

    Raises:
        ValueError: not the same number of frames.
        MissingDependencyError: Open3D is not installed.
    """
    if not len(found) == len(truth) == len(distance.height) == len(places.joints) == len(places.noses):
        raise ValueError(f"give the same frames of all, but there are {len(found)}, {len(truth)}, {len(places.joints)}")
    mm: dict[str, list[float]] = {name: [] for name in (*JOINTS_OF_REGIONS, REST, "face")}
    alone, turned = [], []
    for t, (mesh, true) in enumerate(zip(found, truth, strict=True)):
        points = sample_surface(true.vertices, true.faces, samples)  # those that the distances are of
        inside = regions_of_points(points, places.joints[t])
        inside["face"] = np.linalg.norm(points - places.noses[t], axis=1) < FACE_RADIUS_M
        for name, chosen in inside.items():
            some = distance.height[t].backward[chosen]
            mm[name].append(1000 * float(some.mean()) if len(some) else float("nan"))
        face = places.faces[t] if places.faces is not None else true
        off, turn = face_alone(mesh.moved(distance.motions[t]), face, places.noses[t], samples)
        alone.append(1000 * off)
        turned.append(_degrees(turn @ distance.motions[t].rotation) if turn is not None else float("nan"))
    errors = {name: np.array(values) for name, values in mm.items()}
    return RegionErrors(errors, np.array(alone), np.array(turned))


def regions_of_points(points: FloatArray, joints: FloatArray) -> dict[str, NDArray[np.bool_]]:
    """Return which points belong to each region: to that of the nearest joint. points [N, 3], joints [24, 3]"""
    names = [name.removeprefix("left_").removeprefix("right_") for name in SMPL_JOINTS]
    _, nearest = cKDTree(joints).query(points)
    inside = {
        region: np.isin(nearest, [k for k, name in enumerate(names) if name in own])
        for region, own in JOINTS_OF_REGIONS.items()
    }
    return inside | {REST: ~np.logical_or.reduce(list(inside.values()))}


def face_alone(found: Mesh, face: Mesh, nose: FloatArray, samples: int = 50_000) -> tuple[float, FloatArray | None]:
    """Return how far a true face is from a reconstruction that is aligned with it, and the rotation that aligns it.

    Args:
        found: the reconstruction, roughly in place.
        face: the true surface.
        nose: its tip. [3]
        samples: points on the true surface.

    Returns:
        The mean distance in metres, and the rotation [3, 3]; NaN and None if either has no face.
    """
    true, near = _around(face, nose, ALIGNED_RADIUS_M), _around(found, nose, SOUGHT_RADIUS_M)
    if min(len(true.faces), len(near.faces)) < FEWEST_TRIANGLES:
        return float("nan"), None
    motion = align_surfaces(near.vertices, near.faces, true.vertices, true.faces, IDENTITY, fix_scale=True)
    middles = motion(near.vertices[near.faces].mean(1))
    beside = near.faces[Surface(true.vertices, true.faces).distance(middles) < BESIDE_M]
    if len(beside) >= FEWEST_TRIANGLES:
        motion = align_surfaces(near.vertices, beside, true.vertices, true.faces, motion, fix_scale=True)
    points = sample_surface(true.vertices, true.faces, samples)
    points = points[np.linalg.norm(points - nose, axis=1) < FACE_RADIUS_M]
    return float(Surface(motion(found.vertices), found.faces).distance(points).mean()), motion.rotation


def _around(mesh: Mesh, place: FloatArray, radius: float) -> Mesh:
    """Return the triangles around a place."""
    near = np.linalg.norm(mesh.vertices[mesh.faces].mean(1) - place, axis=1) < radius
    return Mesh(mesh.vertices, mesh.faces[near])


def _degrees(rotation: FloatArray) -> float:
    return float(np.degrees(Rotation.from_matrix(rotation).magnitude()))
