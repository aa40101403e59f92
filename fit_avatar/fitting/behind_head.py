"""Where masks show hair that hangs behind head and neck, which the fitted body does not have: carved out of all frames.

Small cubes of space behind the head, in the pose in which the person stands on average, move as hair there would. What
nearly all masks cover, and is not the body, is hair.
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

from fit_avatar.body import rotation
from fit_avatar.body.mesh import vertex_normals
from fit_avatar.body.model import Body
from fit_avatar.body.skinning import Skeleton, coefficients, local_rotations, pose_skeleton
from fit_avatar.body.state import BodyState
from fit_avatar.fitting.observations import Observations
from fit_avatar.fitting.usual_pose import UsualPose

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

VOXEL_M = 0.006
"""Side of a cube: three pixels of a person who fills a picture of 1080 rows. Chosen by hand."""
BESIDE_M, ABOVE_M, BELOW_M, BEHIND_M, BEFORE_M = 0.16, 0.24, 0.62, 0.34, -0.03
"""Where it is looked for, from the joint of the head: beside it, above, below, and from so far behind it to so far
before it. Chosen by hand: to the waist, and without what arms hide."""
COVERED = 0.9
"""A cube is the person's if masks cover it in this share of the frames. Chosen by hand: a head is some degrees off."""
MOST_FRAMES = 40
"""More frames show nothing new, and take time. Chosen by hand: one every 9° of a turn."""
OUTSIDE_M = 0.008
"""What is not so far outside the body is skin and clothes that are fitted badly. Chosen by hand."""
STANDS_OUT_M = 0.018
"""Seen from behind, hair stands out so far from the body. Chosen by hand: less is what hollows of the body leave
between outlines, beside hair."""
NEAR_HEAD_M = 0.025
"""Hair begins at the head: some of it is so near to it. Chosen by hand."""
FEWEST_NEAR = 5
"""Cubes, at least, that are. Chosen by hand."""
NECK_M = (-0.1, 0.0)
"""Beside the neck is so far above the joint of the head. Chosen by hand: below the skull, above the shoulders."""
FEWEST_AT_NECK = 6
"""Layers that must show hair there. Chosen by hand."""
WIDER = 1.2
"""So many times as wide as there hair may be elsewhere. Chosen by hand."""
END = 5
"""Layers at the lower end of hair that stands out, whose width it keeps farther down. Chosen by hand."""
SQUARE, FEWEST_VIEWS = 0.85, 3
"""What is carved is bounded if so many frames, at least, show the person from a side, and as many from in front or
behind: the cosine of the slant. Chosen by hand: within 30°."""


@dataclass(frozen=True)
class Carved:
    """The cubes behind a head that are the person's, in the pose in which they stand on average."""

    places: FloatArray
    """Of their centres. [X, Y, Z, 3] metres"""
    filled: BoolArray
    """Which nearly all masks cover. [X, Y, Z]"""
    pose: UsualPose

    def hair(self, offsets: FloatArray) -> BoolArray | None:
        """Return the largest piece outside the body that begins at the head; None if there is none. [X, Y, Z]

        Args:
            offsets: of the body's vertices. [V, 3]
        """
        out, far, nearest = self.outside(offsets)
        beyond = np.full(self.filled.shape, -np.inf)
        beyond[self.filled] = out
        free = (beyond > OUTSIDE_M) & binary_dilation(beyond.max(2) > STANDS_OUT_M)[..., None]
        at_head = np.zeros_like(self.filled)
        at_head[self.filled] = (far < NEAR_HEAD_M) & _on_head(self.pose.body)[nearest]
        pieces, count = label(free)
        if not count:
            return None
        every = np.arange(1, count + 1)
        size = np.where(sum_labels(at_head & free, pieces, every) >= FEWEST_NEAR, sum_labels(free, pieces, every), 0)
        if not size.any():
            return None
        return self._slim(_continued(pieces == 1 + size.argmax(), beyond > OUTSIDE_M))

    def _slim(self, hair: BoolArray) -> BoolArray:
        """Return hair that is nowhere much wider than beside the neck, where outlines show its width. [X, Y, Z]

        Above and below, they cannot tell it from the hollows between it and head or shoulder blades.
        """
        across, level = self.places[:, 0, 0, 0], self.places[0, :, 0, 1] - self.pose.head[1]
        at_neck = hair[:, (level > NECK_M[0]) & (level < NECK_M[1])].any(2)  # [X, layers]
        there = at_neck.any(0)
        if there.sum() < FEWEST_AT_NECK:
            return hair
        ends: BoolArray = np.asarray(at_neck)[:, there]
        left, right = across[ends.argmax(0)], across[len(ends) - 1 - ends[::-1].argmax(0)]
        middle, half = np.median(left + right) / 2, np.median(right - left) / 2 * WIDER
        return np.asarray(hair & (np.abs(across - middle) <= half + VOXEL_M / 2)[:, None, None])

    def outside(self, offsets: FloatArray) -> tuple[FloatArray, FloatArray, NDArray[np.int64]]:
        """Return how far outside the body and from it the n filled cubes are, and the nearest vertices. [n] each"""
        body, surface = self.pose.body, self.pose.surface(offsets)
        own = np.flatnonzero(body.skin.cpu().numpy())
        normals, places = vertex_normals(surface, body.faces.cpu().numpy()), self.places[self.filled]
        far, nearest = cKDTree(surface[own]).query(places)
        nearest = own[nearest]
        return ((places - surface[nearest]) * normals[nearest]).sum(1), far, nearest

    def within(self, offsets: FloatArray, margin_m: float) -> BoolArray:
        """Return which filled cubes are inside the body, or no farther outside than a margin. [X, Y, Z]"""
        inside = np.zeros_like(self.filled)
        inside[self.filled] = self.outside(offsets)[0] <= margin_m
        return inside


def seen_around(state: BodyState, seen: Observations) -> bool:
    """Return whether frames bound what is behind a head: some that show a side, and some the front or the back."""
    root = rotation.exp(state.global_orient)
    to_camera = -(root.mT @ state.transl[..., None])[..., 0]  # as the body sees it
    x, z = torch.nn.functional.normalize(to_camera[:, [0, 2]], dim=-1)[seen.frame_weights > 0].abs().unbind(-1)
    return min(int((x > SQUARE).sum()), int((z > SQUARE).sum())) >= FEWEST_VIEWS


def carve(pose: UsualPose, state: BodyState, seen: Observations) -> Carved:
    """Return what masks cover behind the head.

    Args:
        pose: the body in which it is looked for.
        state: its shape and T poses.
        seen: what the T frames show.
    """
    body = pose.body
    with torch.no_grad():
        frames = pose_skeleton(body, coefficients(state), local_rotations(state), state.transl)
    axes = [
        np.arange(low, high, VOXEL_M) + middle
        for low, high, middle in zip(
            (-BESIDE_M, -BELOW_M, -BEHIND_M), (BESIDE_M, ABOVE_M, BEFORE_M), pose.head, strict=True
        )
    ]
    places = np.stack(np.meshgrid(*axes, indexing="ij"), -1)
    levels = pose.hair_weights(torch.from_numpy(axes[1])).cpu()
    used = torch.nonzero(levels.any(0))[:, 0]
    weighted, maps = _weighted(levels[:, used], places), _maps(frames, pose.skeleton, used)
    chosen = [t for t in _scattered(len(seen.masks)) if seen.frame_weights[t] > 0][:MOST_FRAMES]
    left: NDArray[np.int64] = np.arange(len(weighted))
    missed, most = np.zeros_like(left), (1 - COVERED) * len(chosen)
    for t in chosen:
        missed += ~_covered(seen.masks[t], seen.camera.project(weighted @ maps[t]).numpy())
        kept = missed <= most
        left, missed, weighted = left[kept], missed[kept], weighted[torch.from_numpy(kept)]
    filled = np.zeros(places[..., 0].size, bool)
    filled[left] = True
    return Carved(places, filled.reshape(places.shape[:3]), pose)


def _weighted(levels: Tensor, places: FloatArray) -> Tensor:
    """Return (x, y, z, 1) of places times the weights of k joints at their level. [Y, k], [X, Y, Z, 3] → [N, 4 k]"""
    whole = torch.nn.functional.pad(torch.from_numpy(places).to(levels), (0, 1), value=1.0)
    return (levels[:, None, :, None] * whole[:, :, :, None]).flatten(0, 2).flatten(1)


def _maps(frames: Skeleton, usual: Skeleton, used: Tensor) -> Tensor:
    """Return what carries weighted places from the usual pose into every frame, in camera coordinates. [T, 4 k, 3]"""
    turn = frames.skin_rotations[:, used] @ usual.skin_rotations[:, used].mT
    shift = frames.joints[:, used] - (turn @ usual.joints[:, used, :, None])[..., 0]
    return torch.cat([turn.mT, shift[..., None, :]], -2).flatten(1, 2).cpu()


def _continued(hair: BoolArray, free: BoolArray) -> BoolArray:
    """Return hair with what goes on below its lowest layers, no wider than these: it lies on the back. [X, Y, Z]"""
    low = int(np.flatnonzero(hair.any((0, 2)))[0])
    columns: BoolArray = np.asarray(hair[:, low : low + END].any((1, 2)))
    below = free & columns[:, None, None]
    below[:, low + END :] = False
    pieces, _ = label(hair | below)
    return np.asarray(pieces == pieces[hair][0])


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
