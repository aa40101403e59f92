"""Where masks show hair that hangs behind head and neck, which the fitted body does not have: carved out of all frames.

Small cubes of space behind the head move as hair there would. What nearly all masks cover, and is not the body, is
hair.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, label, sum_labels
from scipy.spatial import cKDTree
from torch import Tensor

from fit_avatar.body.hanging_hair import hair_weights
from fit_avatar.body.mesh import vertex_normals
from fit_avatar.body.model import Body
from fit_avatar.body.skinning import Skeleton, coefficients, local_rotations, pose_skeleton, weighted_sum
from fit_avatar.body.state import BodyState
from fit_avatar.fitting.observations import Observations

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

VOXEL_M = 0.006
"""Side of a cube: three pixels of a person who fills a picture of 1080 rows. Chosen by hand."""
BESIDE_M, ABOVE_M, BELOW_M, BEHIND_M, BEFORE_M = 0.16, 0.24, 0.62, 0.34, -0.03
"""Where it is looked for, from the joint of the head: beside it, above, below, and from so far behind it to so far
before it. Chosen by hand: to the waist, and without what arms hide."""
COVERED = 0.9
"""A cube is the person's if masks cover it in this share of the frames. Chosen by hand: a head is some degrees off."""
OUTSIDE_M = 0.008
"""What is not so far outside the body is skin and clothes that are fitted badly. Chosen by hand."""
STANDS_OUT_M = 0.018
"""Seen from behind, hair stands out so far from the body. Chosen by hand: less is what hollows of the body leave
between outlines, beside hair."""
NEAR_HEAD_M = 0.025
"""Hair begins at the head: some of it is so near to it. Chosen by hand."""
FEWEST_NEAR = 5
"""Cubes, at least, that are. Chosen by hand."""


@dataclass(frozen=True)
class Carved:
    """The cubes behind a head that are the person's."""

    places: FloatArray
    """Of their centres in the bind pose. [X, Y, Z, 3] metres"""
    filled: BoolArray
    """Which nearly all masks cover. [X, Y, Z]"""
    head: FloatArray
    """The joint of the head. [3]"""

    def hair(self, body: Body, surface: FloatArray) -> BoolArray | None:
        """Return the largest piece outside the body that begins at the head; None if there is none. [X, Y, Z]

        Args:
            body: the body.
            surface: its vertices in the bind pose. [V, 3]
        """
        out, far, nearest = self.outside(body, surface)
        free = np.zeros_like(self.filled)
        free[self.filled] = out > OUTSIDE_M
        most = np.zeros(self.filled.shape)
        most[self.filled] = out
        free &= binary_dilation(most.max(2) > STANDS_OUT_M)[..., None]
        at_head = np.zeros_like(self.filled)
        at_head[self.filled] = (far < NEAR_HEAD_M) & _on_head(body)[nearest]
        pieces, count = label(free)
        if not count:
            return None
        every = np.arange(1, count + 1)
        size = np.where(sum_labels(at_head & free, pieces, every) >= FEWEST_NEAR, sum_labels(free, pieces, every), 0)
        return pieces == 1 + size.argmax() if size.any() else None

    def outside(self, body: Body, surface: FloatArray) -> tuple[FloatArray, FloatArray, NDArray[np.int64]]:
        """Return of the filled cubes how far outside the surface and from it they are, and the nearest vertices."""
        skin = np.flatnonzero(body.skin.cpu().numpy())
        normals, places = vertex_normals(surface, body.faces.cpu().numpy()), self.places[self.filled]
        far, nearest = cKDTree(surface[skin]).query(places)
        nearest = skin[nearest]
        return ((places - surface[nearest]) * normals[nearest]).sum(1), far, nearest


def carve(body: Body, state: BodyState, seen: Observations) -> Carved:
    """Return what masks cover behind the head.

    Args:
        body: the body.
        state: its shape and T poses.
        seen: what the T frames show.
    """
    with torch.no_grad():
        skeleton = pose_skeleton(body, coefficients(state), local_rotations(state), state.transl)
        joints = body.joint_template + weighted_sum(body.joint_basis, state.betas)
    head = joints[body.joint_names.index("head")].double().cpu().numpy()
    axes = [
        np.arange(low, high, VOXEL_M) + middle
        for low, high, middle in zip((-BESIDE_M, -BELOW_M, -BEHIND_M), (BESIDE_M, ABOVE_M, BEFORE_M), head, strict=True)
    ]
    level, places = axes[1], np.stack(np.meshgrid(*axes, indexing="ij"), -1)
    frames = [t for t in _scattered(len(seen.masks)) if seen.frame_weights[t] > 0]
    missed, most = np.zeros(places.shape[:3], np.int64).ravel(), (1 - COVERED) * len(frames)
    left, flat = np.arange(len(missed)), places.reshape(-1, 3)
    row = np.broadcast_to(np.arange(len(level))[:, None], places.shape[:3]).ravel()
    maps = _maps(body, state, skeleton, torch.from_numpy(level))
    for t in frames:
        pixels = seen.camera.project(torch.from_numpy(_moved(flat[left], maps[t], row[left]))).numpy()
        missed[left[~_covered(seen.masks[t], pixels)]] += 1
        left = left[missed[left] <= most]
    filled = np.zeros(len(missed), bool)
    filled[left] = True
    return Carved(places, filled.reshape(places.shape[:3]), head)


def _maps(body: Body, state: BodyState, skeleton: Skeleton, heights: Tensor) -> FloatArray:
    """Return how hair at some heights is carried into every frame: rotation and shift. [Y] → [T, Y, 12]"""
    weights = hair_weights(body, state.betas, heights.to(body.template)).double()
    affine = torch.cat([skeleton.skin_rotations.flatten(-2), skeleton.anchors], -1).double()
    return np.asarray((weights @ affine).cpu().numpy())


def _moved(places: FloatArray, maps: FloatArray, row: NDArray[np.int64]) -> FloatArray:
    """Return places in camera coordinates. places [N, 3], maps [Y, 12] of each row [N] → [N, 3]"""
    own = maps[row]
    return np.einsum("nij,nj->ni", own[:, :9].reshape(-1, 3, 3), places) + own[:, 9:]


def _covered(mask: BoolArray, pixels: FloatArray) -> BoolArray:
    """Return which pixels [N, 2] a mask covers; none outside the picture does it."""
    height, width = mask.shape
    column, row = np.floor(pixels).astype(np.int64).T
    inside = (column >= 0) & (row >= 0) & (column < width) & (row < height)
    covered = np.zeros(len(pixels), bool)
    covered[inside] = mask[row[inside], column[inside]]
    return covered


def _scattered(count: int) -> Iterator[int]:
    """Return all frames in an order in which any first ones are spread over the clip."""
    golden = (np.arange(count) * 0.618034) % 1
    return iter(np.argsort(golden).tolist())


def _on_head(body: Body) -> BoolArray:
    """Return which vertices follow the head for the most part. [V]"""
    return np.asarray((body.lbs_weights[:, body.joint_names.index("head")] > 0.5).cpu().numpy())
