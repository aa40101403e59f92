"""Where the edge of a hat's brim is: each outline shows it twice, left and right of the head, as the person turns.

The farthest point of a hat's outline on one side is where the brim, seen from above, touches a line of sight: its
distance from the head's axis is the support function of the brim in that direction. All frames together give that
function, whose envelope is the edge.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from fit_avatar.body.brim import BrimEdge, head_skin
from fit_avatar.body.model import Body
from fit_avatar.body.skinning import coefficients, local_rotations, pose_skeleton, shaped
from fit_avatar.body.state import BodyState
from fit_avatar.fitting.observations import Observations

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class BrimEdgeConfig:
    """How the edge is measured. Chosen by hand, on three rendered people with hats."""

    fewest_points: int = 10
    """An outline of a hat has so many points, at least."""
    tip_m: float = 0.004
    """The height of the edge is the mean of what is so near to the farthest point."""
    level_m: float = 0.025
    """The head is as wide as it is so near to that height."""
    stands_out_m: float = 0.02
    """Where the outline stands out from the head by this, the height of its farthest point counts in full."""
    least_m: float = 0.02
    """There is a brim if it stands out so far, at least, …"""
    share: float = 0.15
    """… in this share of the directions, as a visor does …"""
    widest_gap_deg: float = 45.0
    """… and no directions are unseen between two that are seen and farther apart."""
    harmonics: int = 3
    """Of the distance over the angle: a brim is round, oval, or in front alone."""
    tilts: int = 2
    """Harmonics of the height: a brim is tilted, and curls at the sides."""
    scale_m: float = 0.008
    """Geman–McClure scale of both: heads are some degrees off in a frame, which lifts an edge by up to a centimetre."""
    rounds: int = 15
    """Of robust weights."""
    held: float = 1e-3
    """How strongly harmonics are held at zero, in tips."""
    points: int = 180
    """Of the edge."""


BRIM_EDGE = BrimEdgeConfig()


def find_brim(body: Body, state: BodyState, seen: Observations, config: BrimEdgeConfig = BRIM_EDGE) -> BrimEdge | None:
    """Return the edge of the brim that outlines show around a fitted head; None where they show none.

    Args:
        body: has a joint ``head``.
        state: its shape and T poses.
        seen: what the T frames show.
        config: how the edge is measured.
    """
    if not bool(seen.hat.any()):
        return None
    tips = _tips(body, state, seen, config)
    if not len(tips) or _widest_gap(tips[:, 0]) > np.radians(config.widest_gap_deg):
        return None
    angle, reach, height, beyond = tips.T
    if (beyond > config.least_m).mean() < config.share:
        return None
    trusted = np.clip(beyond / config.stands_out_m, 0.0, 1.0)
    support = _Harmonics.through(angle, reach, np.ones_like(reach), config.harmonics, config)
    level = _Harmonics.through(angle, height, trusted, config.tilts, config)
    around: FloatArray = np.linspace(-np.pi, np.pi, config.points, endpoint=False, dtype=np.float64)
    far, slope = support.at(around), support.slope(around)
    x, z = far * np.sin(around) + slope * np.cos(around), far * np.cos(around) - slope * np.sin(around)
    return BrimEdge(np.stack([x, level.at(around), z], 1))


def _tips(body: Body, state: BodyState, seen: Observations, config: BrimEdgeConfig) -> FloatArray:
    """Return the farthest points of hats' outlines on both sides of the head, in the axes of the bind pose. [N, 4]

    Direction about the vertical from the front to the left, distance and height from the joint of the head, and how far
    it stands out from the head in that direction.
    """
    index = body.joint_names.index("head")
    with torch.no_grad():
        posed = pose_skeleton(body, coefficients(state), local_rotations(state), state.transl)
        rest = shaped(body, state.betas, state.offsets).double().cpu().numpy()
    turns, joints = (v[:, index].double().cpu().numpy() for v in (posed.skin_rotations, posed.joints))
    joint = posed.rest_joints.reshape(-1, 3)[index].double().cpu().numpy()
    skin = rest[head_skin(body)] - joint
    hat = (seen.hat & (seen.contours.weights > 0)).cpu().numpy()
    outlines, weights = seen.contours.points.double().cpu().numpy(), seen.frame_weights.cpu().numpy()
    focal, centre = np.array([seen.camera.fx, seen.camera.fy]), np.array([seen.camera.cx, seen.camera.cy])
    tips = []
    for turn, place, points, own, weight in zip(turns, joints, outlines, hat, weights, strict=True):
        if weight <= 0 or own.sum() < config.fewest_points:
            continue
        sight = place / np.linalg.norm(place)
        rays = np.concatenate([(points[own] - centre) / focal, np.ones((own.sum(), 1))], 1)
        on_plane = rays * (place @ sight / (rays @ sight))[:, None]  # through the head, square to the sight
        local = (on_plane - place) @ turn
        across = np.cross([0.0, 1.0, 0.0], turn.T @ sight)
        for side in (across / np.linalg.norm(across), -across / np.linalg.norm(across)):
            along = local @ side
            tip = along.max()
            height = local[along > tip - config.tip_m, 1].mean()
            level = skin[np.abs(skin[:, 1] - height) < config.level_m]
            beyond = tip - (level @ side).max() if len(level) else 0.0
            tips.append((np.arctan2(side[0], side[2]), tip, height, beyond))
    return np.array(tips).reshape(-1, 4)


def _widest_gap(angles: FloatArray) -> float:
    """Return the largest angle between neighbouring directions. [N]"""
    ordered = np.sort(angles)
    return float(np.diff(ordered, append=ordered[0] + 2 * np.pi).max())


@dataclass(frozen=True)
class _Harmonics:
    """A function of an angle: a constant, and cosine and sine of its multiples."""

    values: FloatArray  # [1 + 2 K]

    @classmethod
    def through(
        cls, angles: FloatArray, values: FloatArray, trusted: FloatArray, most: int, config: BrimEdgeConfig
    ) -> _Harmonics:
        """Return the function that is robustly nearest to some values. [N] each"""
        waves, usual = _waves(angles, most), np.median(values)
        held = config.held * np.eye(waves.shape[1])
        found: FloatArray = np.zeros(waves.shape[1], np.float64)
        weights = trusted
        for _ in range(config.rounds):
            weighed = waves.T * weights
            found = np.asarray(np.linalg.solve(weighed @ waves + held, weighed @ (values - usual)), np.float64)
            error = values - usual - waves @ found
            weights = np.asarray(trusted / (1 + (error / config.scale_m) ** 2) ** 2, np.float64)
        found[0] += usual
        return cls(found)

    def at(self, angles: FloatArray) -> FloatArray:
        return np.asarray(_waves(angles, len(self.values) // 2) @ self.values)

    def slope(self, angles: FloatArray) -> FloatArray:
        """Return the derivatives by the angles."""
        cosine, sine = self.values[1::2], self.values[2::2]
        times = np.arange(1, 1 + len(cosine))
        turned = np.concatenate([[0.0], np.stack([times * sine, -times * cosine], 1).ravel()])
        return np.asarray(_waves(angles, len(cosine)) @ turned)


def _waves(angles: FloatArray, most: int) -> FloatArray:
    """Return 1, cos φ, sin φ, cos 2 φ, … [N] → [N, 1 + 2 K]"""
    times = angles[:, None] * np.arange(1, most + 1)
    waves = np.stack([np.cos(times), np.sin(times)], -1).reshape(len(angles), -1)
    return np.concatenate([np.ones((len(angles), 1)), waves], 1)
