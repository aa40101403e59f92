"""How far off the surface may be, as far as it can be told without the truth.

Three things tell it: how far the contours of the body are from those of the masks; how far along the skeleton a place
is from the pelvis, since every joint on the way may be turned wrongly, in depth above all; and where limbs point by
the fit and by the detector. A place that no frame sees at a steep angle is less sure, too, and so is the cloth of a
skirt, whose folds outlines do not show.
``benchmarks/confidence.py`` compares with the truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from fit_avatar.body.model import Body
from fit_avatar.report.limb_check import LimbTrust

FloatArray = NDArray[np.float32]

CHAINS = (
    (("shoulder", "elbow", "wrist"), ("upper arm", "forearm")),
    (("hip", "knee", "ankle"), ("thigh", "shin")),
)
"""The joints of a limb, and what :class:`LimbTrust` calls the parts between them, without the side."""


@dataclass(frozen=True)
class ExpectedErrorConfig:
    """How much each thing adds. Chosen on fits of twelve rendered people.

    On three of another maker the means are near, but it tells less which region is wrong: see ``benchmarks/README.md``.
    """

    of_contours: float = 0.5
    """Part of the contours' distance: most of it is the masks' error, not the fit's."""
    per_metre: float = 0.004
    """Metres of error for each metre along the skeleton."""
    of_limbs: float = 0.03
    """Part of the distance between a limb as the detector sees it and as it is fitted: most of that is the detector's
    error, not the fit's."""
    unknown_rad: float = 0.2
    """The angle between both where the detector gives no direction: a usual one."""
    grazing_m: float = 0.004
    """Where no frame sees the surface at a steep angle."""
    cloth_m: float = 0.005
    """In a skirt, dress or coat."""
    no_contour_m: float = 0.005
    """Distance of the contours where none was near: a usual one."""
    rings: int = 12
    """The distance of a contour is shared with vertices this many edges away."""


EXPECTED_ERROR = ExpectedErrorConfig()


def expected_error(
    contour_m: FloatArray,
    steep: FloatArray,
    from_pelvis_m: FloatArray,
    limb_m: FloatArray,
    cloth: NDArray[np.bool_],
    config: ExpectedErrorConfig = EXPECTED_ERROR,
) -> FloatArray:
    """Return the expected distance of each vertex from the true surface, in metres. [V]

    Args:
        contour_m: mean distance between the contours of masks and body around it; NaN where none was near. [V]
        steep: 1 where a frame sees it squarely, 0 where none sees it. [V]
        from_pelvis_m: see :func:`from_pelvis`. [V]
        limb_m: see :func:`limb_differences`. [V]
        cloth: the vertices of a garment. [V]
        config: how much each adds.
    """
    contour = np.where(np.isnan(contour_m), config.no_contour_m, contour_m)
    parts = (
        config.of_contours * contour, config.per_metre * from_pelvis_m, config.of_limbs * limb_m,
        config.grazing_m * (1 - steep), config.cloth_m * cloth,
    )  # fmt: skip
    return np.asarray(np.sqrt(np.sum(np.square(np.stack(parts)), 0)), np.float32)


def from_pelvis(body: Body, vertices: FloatArray, joints: FloatArray) -> FloatArray:
    """Return how far each vertex is from the pelvis along the skeleton: over the joint that moves it most. [V] metres

    Args:
        body: the body.
        vertices: in the bind pose. [V, 3]
        joints: in the bind pose. [J, 3]
    """
    along = np.zeros(len(joints))
    for joint, parent in enumerate(body.parents):
        if parent >= 0:
            along[joint] = along[parent] + np.linalg.norm(joints[joint] - joints[parent])
    main = body.lbs_weights.argmax(1).cpu().numpy()
    return np.asarray(along[main] + np.linalg.norm(vertices - joints[main], axis=1), np.float32)


def limb_differences(
    body: Body,
    vertices: FloatArray,
    joints: FloatArray,
    limbs: Sequence[LimbTrust],
    config: ExpectedErrorConfig = EXPECTED_ERROR,
) -> FloatArray:
    """Return how far each vertex would move if limbs pointed as the detector has it; 0 for trunk and head. [V] metres

    Hands and feet go with the limb that they are at the end of. Arguments as in :func:`from_pelvis`, and the limbs'
    trust.
    """
    known = {limb.name: np.radians(limb.off_deg) for limb in limbs if limb.off_deg is not None}
    main = body.lbs_weights.argmax(1).cpu().numpy()
    squares = np.zeros(len(vertices))
    for side in ("left", "right"):
        for names, parts in CHAINS:
            chain = [body.joint_names.index(f"{side}_{name}") for name in names]
            for (start, end), part in zip(pairwise(chain), parts, strict=True):
                angle = known.get(f"{side} {part}", config.unknown_rad)
                on, beyond = main == start, np.isin(main, _moved_by(body, end))
                squares[on] += np.square(angle * np.linalg.norm(vertices[on] - joints[start], axis=1))
                squares[beyond] += (angle * np.linalg.norm(joints[end] - joints[start])) ** 2
            last, angle = (
                np.isin(main, _moved_by(body, chain[-1])),
                known.get(f"{side} {parts[-1]}", config.unknown_rad),
            )
            squares[last] += np.square(angle * np.linalg.norm(vertices[last] - joints[chain[-1]], axis=1))
    return np.asarray(np.sqrt(squares), np.float32)


def _moved_by(body: Body, joint: int) -> list[int]:
    """Return a joint and all that hang on it."""
    found = [joint]
    for child, parent in enumerate(body.parents):  # parents come before their children
        if parent in found:
            found.append(child)
    return found
