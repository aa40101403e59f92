"""Where the pictures show no gap between the legs although the body has one: the evidence of a skirt."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fit_avatar.body.model import Body
from fit_avatar.body.skinning import (
    coefficients,
    local_rotations,
    pose_body,
    pose_skeleton,
    shaped,
    weighted_sum,
)
from fit_avatar.body.state import BodyState
from fit_avatar.fitting.observations import Observations
from fit_avatar.visibility.raster import silhouette

LEVELS = np.arange(0.1, 2.0, 0.05)
"""Places along the legs: 0 at the hip joints, 1 at the knees, 2 at the ankles."""
ACROSS = 64
"""Points from one leg's axis to the other's at which masks are read. Chosen by hand."""
FACING = 0.85
"""A frame tells something if the hips are seen at least so broadly: the cosine of their slant. Chosen by hand."""
GAP = 0.08
"""A level tells something where the body leaves so much between the axes of its legs free. Chosen by hand."""
CLOSED = 0.5
"""Cloth closes a level if less than this share of the gap is seen. Chosen by hand."""
STILL_CLOSED = 0.3
"""The hem is where less than this share of the gap is closed. Outlines draw a hem that was laid too low up by some
centimetres, but not one that was laid too high down. Chosen on a rendered skirt and three rendered dresses."""
FEWEST = 3
"""Frames, and levels above the hem, that must tell something. Chosen by hand."""
NEAR_HIPS_M = 0.06
"""So near to the hip joints the depth of the hips is measured. Chosen by hand."""
BELOW_HIPS_M, BELOW_HEM_M = 0.15, 0.03
"""Outlines are taken for the cloth's from so far below the hip joints to so far below the hem: above, they are the
hips', which hold the pelvis. Chosen on a rendered skirt and a rendered dress."""
STEEPEST = 0.6
"""No hem is steeper in the bind pose; who sits or crouches all the time would ask for it. Chosen by hand."""
SHORTEST = 0.65
"""What ends higher is the crotch of trousers, which hangs below the body's own: in fifteen rendered clips it was at 0.2
to 0.5, in one of loose trousers and a long jacket at 0.58. The hems of four skirts and a coat were at 0.79 to 0.98."""


@dataclass(frozen=True)
class BetweenLegs:
    """What all frames together show between the legs, level by level."""

    closed: NDArray[np.float64]
    """Share of the body's gap that the mask covers; NaN where no frame tells. [levels]"""
    frames: int
    """That show the hips broadly."""

    @property
    def hem(self) -> float | None:
        """Return where the gap opens: 0 at the hip joints, 1 at the knees, 2 at the ankles; None: it is not known."""
        return self._opens(STILL_CLOSED)

    @property
    def is_skirt(self) -> bool:
        """Return whether cloth closes the gap well below the crotch."""
        end = self._opens(CLOSED)
        if end is None or end < SHORTEST:
            return False
        return int(np.isfinite(self.closed[end > LEVELS]).sum()) >= FEWEST

    def _opens(self, share: float) -> float | None:
        """Return where less than a share of the gap is closed, between two levels; None where too little tells."""
        told = np.flatnonzero(np.isfinite(self.closed))
        if self.frames < FEWEST or len(told) < FEWEST:
            return None
        opened = np.flatnonzero(self.closed[told] < share)
        if not len(opened):
            return float(LEVELS[-1])
        first, last = told[max(opened[0] - 1, 0)], told[opened[0]]
        return float(np.interp(-share, -self.closed[[first, last]], LEVELS[[first, last]]))


def look_between_legs(body: Body, state: BodyState, seen: Observations) -> BetweenLegs:
    """Compare masks with the silhouettes of the body that has no clothes, between the axes of the legs.

    Args:
        body: the body.
        state: its shape and T poses.
        seen: what the T frames show.
    """
    with torch.no_grad():
        posed = pose_body(body, state)
    names = [f"{side}_{joint}" for joint in ("hip", "knee", "ankle") for side in ("left", "right")]
    joints = posed.joints[:, [body.joint_names.index(name) for name in names]]
    across = joints[:, 0] - joints[:, 1]
    broad = (across[:, 0].abs() > FACING * across.norm(dim=-1)) & (seen.frame_weights > 0)
    nearer = _before_axes(body, state, joints)
    free: NDArray[np.float64] = np.zeros((2, len(LEVELS)))  # of the body, and of the mask there
    for t in torch.nonzero(broad)[:, 0].tolist():
        drawn = silhouette(posed.vertices[t], body.faces, seen.camera, cull_backfaces=True).cpu().numpy()
        axes = seen.camera.project(joints[t] + nearer[t]).double().cpu().numpy().reshape(3, 2, 2)
        rows, columns, inside = _pixels(axes, drawn.shape)
        gap = ~drawn[rows, columns] & inside
        told = gap.mean(1, keepdims=True) > GAP
        free[0] += (gap & told).sum(1)
        free[1] += (gap & told & ~seen.masks[t][rows, columns]).sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return BetweenLegs(1 - free[1] / free[0], int(broad.sum()))


def _before_axes(body: Body, state: BodyState, joints: Tensor) -> Tensor:
    """Return the way from the legs' axes to where cloth hangs in front of them, level and to the camera. [T, 1, 3]

    A hem is seen there, not at the axes: a camera that looks down on it by 15° sees it 4 cm lower. Cloth hangs from
    where the hips are deepest. joints [T, 6, 3]: hips, knees and ankles, left and right.
    """
    skin = shaped(body, state.betas)[body.skin]
    hips = [body.joint_names.index(f"{side}_hip") for side in ("left", "right")]
    middle = (body.joint_template + weighted_sum(body.joint_basis, state.betas))[hips].mean(0)
    around = skin[(skin[:, 1] - middle[1]).abs() < NEAR_HIPS_M]
    around = around[(around[:, 0] - middle[0]).abs() < NEAR_HIPS_M, 2]
    depth = (around.amax() - around.amin()) / 2 if len(around) else around.new_zeros(())
    up = torch.nn.functional.normalize(joints[:, :2].mean(1) - joints[:, 4:].mean(1), dim=-1)
    to_camera = -joints.mean(1)
    level = to_camera - (to_camera * up).sum(-1, keepdim=True) * up
    return (depth * torch.nn.functional.normalize(level, dim=-1))[:, None]


def beside_cloth(body: Body, state: BodyState, seen: Observations, hem: float) -> Observations:
    """Return what the T frames show without the outlines between crotch and hem, unless they are nearer to an arm.

    There outlines are the cloth's: they say little of where thighs and knees are, and would pull them apart.

    Args:
        body: the body, without clothes.
        state: its shape and T poses.
        seen: what the T frames show.
        hem: where the cloth ends: 0 at the hip joints, 1 at the knees, 2 at the ankles.
    """
    with torch.no_grad():
        joints = pose_skeleton(body, coefficients(state), local_rotations(state), state.transl).joints

    def at(*names: str) -> Tensor:
        """Return joints of the left and the right side. [T, names, 2, 3]"""
        index = [[body.joint_names.index(f"{side}_{name}") for side in ("left", "right")] for name in names]
        return joints[:, index]

    legs, arms = at("hip", "knee", "ankle"), at("elbow", "wrist", "hand")
    middle, upper = legs.mean(2), min(int(hem), 1)
    down = torch.nn.functional.normalize(middle[:, 2] - middle[:, 0], dim=-1)
    first = middle[:, 0] + BELOW_HIPS_M * down
    last = middle[:, upper].lerp(middle[:, upper + 1], hem - upper) + BELOW_HEM_M * down
    top, bottom = seen.camera.project(torch.stack([first, last], 1)).unbind(1)
    points, along = seen.contours.points, (bottom - top)[:, None]
    share = ((points - top[:, None]) * along).sum(-1) / (along**2).sum(-1).clamp(min=1e-9)
    to_legs, to_arms = (
        _to_limbs(points, seen.camera.project(some.flatten(1, 2)).unflatten(1, (3, 2))) for some in (legs, arms)
    )
    cloth = (share > 0) & (share < 1) & (to_legs < to_arms)
    contours = seen.contours
    return replace(seen, contours=replace(contours, weights=contours.weights.masked_fill(cloth, 0.0)))


def _to_limbs(points: Tensor, joints: Tensor) -> Tensor:
    """Return the distances of points to the nearest of two limbs. points [T, C, 2], joints [T, 3, 2, 2] → [T, C]"""
    start, end = (some.flatten(1, 2)[:, None] for some in (joints[:, :-1], joints[:, 1:]))  # [T, 1, 4, 2]
    along = end - start
    away = points[:, :, None] - start
    share = ((away * along).sum(-1) / (along**2).sum(-1).clamp(min=1e-9)).clamp(0, 1)
    nearest: Tensor = (away - share[..., None] * along).norm(dim=-1).amin(-1)
    return nearest


def hem_slope(body: Body, state: BodyState) -> float:
    """Return how a hem that is level while the person stands is inclined in the bind pose, up to the front.

    Thighs that lean forwards, as in most stances, carry the cloth along and lift its front.
    """
    with torch.no_grad():
        skeleton = pose_skeleton(body, coefficients(state), local_rotations(state), state.transl)
    index = body.joint_names.index
    ankles = skeleton.joints[:, [index("left_ankle"), index("right_ankle")]].mean(1)
    up = torch.nn.functional.normalize(skeleton.joints[:, index("neck")] - ankles, dim=-1)
    thighs = skeleton.skin_rotations[:, [index("left_hip"), index("right_hip")]]
    _, y, z = (thighs.transpose(-1, -2) @ up[:, None, :, None])[..., 0].mean((0, 1)).tolist()
    return float(np.clip(-z / max(y, 1e-3), -STEEPEST, STEEPEST))


def _pixels(
    axes: NDArray[np.float64], size: tuple[int, ...]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Return rows and columns of points between both legs at every level, and which are inside the picture.

    axes [3, 2, 2]: hips, knees and ankles, left and right, pixels → three times [levels, across]
    """
    ends = np.stack([[np.interp(LEVELS, range(3), axes[:, side, i]) for i in range(2)] for side in range(2)])
    share = np.linspace(0, 1, ACROSS)
    points = ends[0][..., None] * (1 - share) + ends[1][..., None] * share  # [2, levels, across]
    columns, rows = np.floor(points).astype(np.int64)
    inside = (rows >= 0) & (columns >= 0) & (rows < size[0]) & (columns < size[1])
    return np.clip(rows, 0, size[0] - 1), np.clip(columns, 0, size[1] - 1), inside
