"""What a synthetic person wears that does not follow the skin: skirts, coats, hair that hangs, a hat, shoes.

Each is a thin closed surface of its own, in the body's bind pose, with weights for the skeleton: it closes the gap
between the legs or the toes, or lies on the back, and moves with the thighs or with head and back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree
from torch import Tensor

from fit_avatar.body import Body

Array = NDArray[np.float64]

TOP, BOTTOM, HAIR, SHOES, HAT = 1, 2, 3, 4, 6
"""Colours of pieces; see ``lib.dressed_person``."""
ABOVE_M = 0.035
"""Footwear goes around what is up to so far above it: shanks have few vertices."""
CLOTH_M, HAIR_M = 0.004, 0.012
"""Thickness of pieces in metres."""


@dataclass(frozen=True)
class Piece:
    """One closed surface in the bind pose."""

    vertices: Tensor  # [N, 3]
    faces: Tensor  # [F, 3]
    weights: Tensor  # [N, J] skinning
    label: int  # its colour


@dataclass(frozen=True)
class Wearer:
    """The dressed body that pieces go around, in the bind pose."""

    body: Body
    surface: Array  # [V, 3] with clothes
    joints: dict[str, Array]  # [3] each
    arms: NDArray[np.bool_]  # [V] what is no trunk, leg or head

    def band(self, low: float, high: float, reach: float = np.inf) -> Array:
        """Return the points of trunk, legs and head between two heights, at most so far from the middle. [N, 3]"""
        x, y = self.surface[:, 0], self.surface[:, 1]
        return self.surface[~self.arms & (y > low) & (y < high) & (np.abs(x) < reach)]

    def near(self, points: Array, among: NDArray[np.bool_] | None = None) -> Array:
        """Return the skinning weights of the nearest vertices, arms left out. [N, 3] → [N, J]"""
        some = np.flatnonzero(~self.arms if among is None else among)
        _, nearest = cKDTree(self.surface[some]).query(points)
        weights = self.body.lbs_weights.double().numpy()[some[nearest]]
        return np.asarray(weights, np.float64)

    def only(self, *shares: tuple[str, Array]) -> Array:
        """Return weights of N points from shares of joints. [N] each → [N, J]"""
        weights = np.zeros((len(shares[0][1]), len(self.body.joint_names)))
        for name, share in shares:
            weights[:, self.body.joint_names.index(name)] += share
        return weights / weights.sum(1, keepdims=True)


def hull_radius(points: Array, centre: Array, angles: Array) -> Array:
    """Return how far the convex outline of points, seen from above, is from a centre. [N, 3] → [angles]

    Args:
        points: [N, 3].
        centre: x and z. [2]
        angles: around +y, 0 towards +z (the front), π/2 towards +x (the left side).
    """
    flat = points[:, [0, 2]] - centre
    sides = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    support = (flat @ np.stack([np.sin(sides), np.cos(sides)])).max(0)
    cosine = np.cos(angles[:, None] - sides)
    return np.where(cosine > 0.05, support / np.maximum(cosine, 0.05), np.inf).min(1)


def ring(centre: Array, height: float | Array, angles: Array, radius: Array) -> Array:
    """Return points around a vertical axis. [angles, 3]"""
    level = np.broadcast_to(height, angles.shape)
    return np.stack([centre[0] + radius * np.sin(angles), level, centre[1] + radius * np.cos(angles)], -1)


def shell(grid: Array, thickness: float, closed: bool) -> tuple[Array, NDArray[np.int64]]:
    """Return a sheet with an inside: vertices [2 R C, 3] and triangles.

    Args:
        grid: rows from the top down, columns around +y, outside as seen. [R, C, 3]
        thickness: metres, inwards.
        closed: whether the last column meets the first.
    """
    rows, columns = grid.shape[:2]
    along = np.gradient(grid, axis=0)
    wrapped = np.concatenate([grid[:, -1:], grid, grid[:, :1]], 1) if closed else grid
    across = np.gradient(wrapped, axis=1)[:, 1:-1] if closed else np.gradient(wrapped, axis=1)
    outwards = np.cross(along, across)
    outwards /= np.maximum(np.linalg.norm(outwards, axis=-1, keepdims=True), 1e-9)
    vertices = np.concatenate([grid.reshape(-1, 3), (grid - thickness * outwards).reshape(-1, 3)])
    index = np.arange(rows * columns).reshape(rows, columns)
    if closed:
        index = np.concatenate([index, index[:, :1]], 1)
    within = index + rows * columns
    rims = [strip(within[0], index[0]), strip(index[-1], within[-1])]
    if not closed:
        rims += [strip(index[:, 0], within[:, 0]), strip(within[:, -1], index[:, -1])]
    return vertices, np.concatenate([sheet(index), sheet(within)[:, ::-1], *rims])


def sheet(index: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the triangles of a grid of vertices. [R, C] → [F, 3]"""
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]
    return np.concatenate([np.stack([a, c, d], -1).reshape(-1, 3), np.stack([a, d, b], -1).reshape(-1, 3)])


def strip(above: NDArray[np.int64], below: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the triangles between two rows. [C] each → [F, 3]"""
    return sheet(np.stack([above, below]))


def skirt(on: Wearer, rng: np.random.Generator) -> Piece:
    """Return a skirt that ends above the knee."""
    return around_legs(on, rng, BOTTOM, top=0.07, end=0.8, flare=0.12)


def dress(on: Wearer, rng: np.random.Generator) -> Piece:
    """Return the lower part of a dress, from the waist to the middle of the shank."""
    return around_legs(on, rng, TOP, top=0.07, end=1.45, flare=0.10)


def long_dress(on: Wearer, rng: np.random.Generator) -> Piece:
    """Return the lower part of a long dress, from the waist to just above the ankles."""
    return around_legs(on, rng, TOP, top=0.07, end=1.85, flare=0.06)


def coat(on: Wearer, rng: np.random.Generator) -> Piece:
    """Return the lower part of a coat, to the knee, open in front."""
    return around_legs(on, rng, TOP, top=0.06, end=1.05, flare=0.12, opening=0.07)


def around_legs(
    on: Wearer, rng: np.random.Generator, label: int, top: float, end: float, flare: float, opening: float = 0.0
) -> Piece:
    """Return cloth that hangs from the waist around both legs together.

    Args:
        on: who wears it.
        rng: of its folds.
        label: its colour.
        top: where it begins, metres above the pelvis.
        end: where it ends along the legs: 0 hip, 1 knee, 2 ankle.
        flare: metres that it widens in each metre.
        opening: half the width of the gap in front at the end, metres; it is closed at the waist.
    """
    joint = on.joints
    stops = [joint[f"left_{name}"][1] for name in ("hip", "knee", "ankle")]
    start, stop = joint["pelvis"][1] + top, float(np.interp(end, [0, 1, 2], stops))
    rows = np.linspace(start, stop, max(12, round((start - stop) / 0.012)))
    angles = np.linspace(0, 2 * np.pi, 97)
    centre = np.array([0.0, joint["pelvis"][2]])
    step = rows[0] - rows[1]
    radius = np.stack([hull_radius(around(on, y), centre, angles) for y in rows]) + CLOTH_M + 0.004
    for i in range(1, len(rows)):
        radius[i] = np.maximum(radius[i], radius[i - 1] - 0.02 * step)
    radius = gaussian_filter(radius, (1.5, 2.0), mode=("nearest", "wrap"))
    below = (rows[0] - rows)[:, None]
    count, phase = rng.integers(6, 11), rng.uniform(0, 2 * np.pi)
    folds = 0.5 + 0.5 * np.sin(count * angles + phase + 0.4 * np.sin(2 * angles))
    radius = radius + below * flare * (0.6 + 0.4 * folds)
    width = opening * (below / below.max()) / radius
    turned = width + angles * (1 - 2 * width / (2 * np.pi))
    radius = np.stack([np.interp(a, angles, r) for a, r in zip(turned, radius, strict=True)])
    grid = np.stack([ring(centre, y, a, r) for y, a, r in zip(rows, turned, radius, strict=True)])
    grid = grid if opening else grid[:, :-1]
    vertices, faces = shell(grid, CLOTH_M, closed=not opening)
    low = np.clip((joint["left_hip"][1] + 0.03 - vertices[:, 1]) / 0.2, 0, 1)
    low = 0.85 * low**2 * (3 - 2 * low)
    left = 0.5 + 0.5 * np.sin(np.pi / 2 * np.clip(vertices[:, 0] / 0.12, -1, 1))
    legs = on.only(("left_hip", left), ("right_hip", 1 - left))
    hips = on.only(("pelvis", np.ones(len(left))))
    upper = np.clip((vertices[:, 1] - joint["pelvis"][1]) / top, 0, 1)[:, None]
    trunk = upper * on.near(vertices, ~on.arms & (on.surface[:, 1] > joint["pelvis"][1])) + (1 - upper) * hips
    return piece(vertices, faces, low[:, None] * legs + (1 - low[:, None]) * trunk, label)


def around(on: Wearer, height: float) -> Array:
    """Return the points of the legs near a height: more where the mesh is coarse, as on shanks. [N, 3]"""
    points = on.band(height - 0.015, height + 0.015)
    return points if len(points) else on.band(height - 0.04, height + 0.04)


def long_hair(on: Wearer, rng: np.random.Generator) -> Piece:
    """Return hair that hangs behind the ears and down the back, to between shoulder blades and waist."""
    head = on.joints["head"]
    rows = np.linspace(head[1] + 0.12, head[1] - rng.uniform(0.28, 0.5), 48)
    depth = np.linspace(0, 1, len(rows))
    centre, step = np.array([0.0, head[2] - 0.03]), rows[0] - rows[1]
    angles = np.linspace(-1, 1, 49)
    span = np.radians(np.interp(rows - head[1], [-0.25, -0.1, 0.1], [62.0, 80.0, 95.0]))
    turned = np.pi + span[:, None] * angles
    radius = np.stack(
        [hull_radius(on.band(y - 0.012, y + 0.012, reach=0.13), centre, a) for y, a in zip(rows, turned, strict=True)]
    )
    radius = np.minimum(radius, 0.24)
    for i in range(1, len(rows)):
        radius[i] = np.maximum(radius[i], radius[i - 1] - 0.35 * step)
    radius = gaussian_filter(radius, (2.0, 1.5), mode="nearest")
    locks = np.sin(rng.integers(9, 14) * angles * np.pi + 3 * depth[:, None] + rng.uniform(0, 6))
    radius = radius + np.interp(depth, [0, 0.12, 0.5], [-0.008, HAIR_M, HAIR_M + 0.008])[:, None] + 0.003 * locks
    ends = rows[:, None] + 0.012 * locks * (depth > 0.9)[:, None]
    grid = np.stack([ring(centre, y, a, r) for y, a, r in zip(ends, turned, radius, strict=True)])
    vertices, faces = shell(grid, HAIR_M, closed=False)
    return piece(vertices, faces, behind_the_head(on, vertices, loose=0.1), HAIR)


def ponytail(on: Wearer, rng: np.random.Generator) -> Piece:
    """Return a ponytail that is tied at the back of the head and hangs to the shoulder blades."""
    head = on.joints["head"]
    tied = head[1] + rng.uniform(0.06, 0.11)
    behind = on.band(tied - 0.012, tied + 0.012, reach=0.03)[:, 2].min()
    length, out = rng.uniform(0.3, 0.42), rng.uniform(0.03, 0.045)
    along = np.linspace(0, 1, 40)
    back = behind + 0.012 - (out + 0.012) * np.sin(np.minimum(along / 0.25, 1) * np.pi / 2)
    down = tied - length * np.maximum(along - 0.06, 0) ** 1.1
    for i, y in enumerate(down):  # it lies on what is behind the neck
        points = on.band(y - 0.01, y + 0.01, reach=0.03)
        back[i] = min(back[i], points[:, 2].min() - 0.022 * min(1, along[i] / 0.15)) if len(points) else back[i]
    back[2:] = gaussian_filter(back, 1.5, mode="nearest")[2:]
    path = np.stack([np.zeros_like(along), down, back], -1)
    thick = np.interp(along, [0, 0.06, 0.12, 0.5, 0.9, 1], [0.018, 0.014, 0.02, 0.027, 0.014, 0.0005])
    forward = np.gradient(path, axis=0)
    forward /= np.linalg.norm(forward, axis=1, keepdims=True)
    side = np.array([1.0, 0.0, 0.0])
    other = np.cross(side, forward)
    turn = np.linspace(0, 2 * np.pi, 25)[:-1][None, :, None]
    strands = 1 + 0.06 * np.sin(5 * turn + 9 * along[:, None, None])
    grid = path[:, None] + (thick[:, None, None] * strands) * (np.cos(turn) * side + np.sin(turn) * other[:, None])
    vertices, faces = tube_of(grid)
    return piece(vertices, faces, behind_the_head(on, vertices, loose=0.6), HAIR)


def hat(on: Wearer, rng: np.random.Generator) -> Piece:
    """Return a hat with a brim."""
    head = on.joints["head"]
    skull = on.surface[on.body.lbs_weights[:, on.body.joint_names.index("head")].numpy() > 0.9]
    crown = skull[:, 1].max()
    brow = head[1] + 0.45 * (crown - head[1])
    angles = np.linspace(0, 2 * np.pi, 65)[:-1]
    around = skull[(skull[:, 1] > brow)]
    centre = (around.max(0) + around.min(0))[[0, 2]] / 2
    radius = hull_radius(around, centre, angles) + 0.004
    brim, rise = rng.uniform(0.05, 0.075), crown - brow + rng.uniform(0.015, 0.035)
    curl = 0.012 * np.cos(2 * angles) ** 2
    profile = [  # what is added to the radius, its factor, height above the brow, how much the brim curls
        (-0.006, 1.0, 0.02, 0.0), (-0.006, 1.0, -0.003, 0.0), (0.5 * brim, 1.0, -0.003, 0.5), (brim, 1.0, -0.003, 1.0),
        (brim, 1.0, 0.003, 1.0), (0.5 * brim, 1.0, 0.003, 0.5), (0.004, 1.0, 0.004, 0.0), (0.002, 1.0, 0.3 * rise, 0.0),
        (0.0, 0.97, 0.7 * rise, 0.0), (0.0, 0.9, 0.93 * rise, 0.0), (0.0, 0.6, rise, 0.0),
        (0.0, 0.02, rise - 0.01, 0.0),
    ]  # fmt: skip
    grid = np.stack([ring(centre, brow + h + c * curl, angles, radius * f + d) for d, f, h, c in profile])
    tilt = rng.uniform(-0.12, 0.02)
    grid[..., 1] += tilt * (grid[..., 2] - centre[1])
    vertices, faces = tube_of(grid[::-1])
    return piece(vertices, faces, on.only(("head", np.ones(len(vertices)))), HAT)


def shoes(on: Wearer, rng: np.random.Generator) -> Piece:
    """Return a pair of shoes that end below the ankles."""
    return on_feet(on, rise=0.02, sole=0.015, tight=0.004)


def boots(on: Wearer, rng: np.random.Generator) -> Piece:
    """Return a pair of boots that end at the middle of the shank, over trousers."""
    return on_feet(on, rise=rng.uniform(0.13, 0.2), sole=0.028, tight=0.007)


def on_feet(on: Wearer, rise: float, sole: float, tight: float) -> Piece:
    """Return footwear that goes around all toes together and stands flat.

    Args:
        on: who wears it.
        rise: how far it goes above the ankle, metres.
        sole: thickness, metres.
        tight: how far it is from the foot, metres.
    """
    angles = np.linspace(0, 2 * np.pi, 65)[:-1]
    parts = []
    for side, sign in (("left", 1), ("right", -1)):
        here = ~on.arms & (sign * on.surface[:, 0] > 0)
        leg = here & (on.surface[:, 1] < on.joints[f"{side}_ankle"][1] + rise + ABOVE_M)
        foot = on.surface[leg]
        low, ankle, toes = foot[:, 1].min(), on.joints[f"{side}_ankle"], on.joints[f"{side}_foot"]
        rows = np.concatenate([np.linspace(ankle[1] + rise, low + 0.008, 18 + round(rise / 0.02)), [low, low - sole]])
        forward = np.clip((ankle[1] - rows) / (ankle[1] - low), 0, 1)[:, None]
        middle = ankle[[0, 2]] + 0.75 * forward * (toes - ankle)[[0, 2]]
        radius = np.stack(
            [
                hull_radius(foot[(foot[:, 1] > y - 0.012) & (foot[:, 1] < y + ABOVE_M)], c, angles)
                for y, c in zip(np.maximum(rows, low), middle, strict=True)
            ]
        )
        smooth = gaussian_filter(radius, (1.2, 1.0), mode=("nearest", "wrap"))
        radius = np.maximum(smooth + tight, radius + 0.004)
        radius[-1] += 0.003  # the sole's edge
        grid = np.stack([ring(c, y, angles, r) for y, c, r in zip(rows, middle, radius, strict=True)])
        inside = ring(middle[0], rows[0] + 0.002, angles, radius[0] - tight - 0.012)
        vertices, faces = tube_of(np.concatenate([inside[None], grid]))
        parts.append((vertices, faces, on.near(vertices, leg)))
    (left, left_faces, left_weights), (right, right_faces, right_weights) = parts
    faces = np.concatenate([left_faces, right_faces + len(left)])
    return piece(np.concatenate([left, right]), faces, np.concatenate([left_weights, right_weights]), SHOES)


def tube_of(grid: Array) -> tuple[Array, NDArray[np.int64]]:
    """Return the closed surface around rings, whose first and last are filled. [R, C, 3] → vertices, triangles"""
    rows, columns = grid.shape[:2]
    index = np.arange(rows * columns).reshape(rows, columns)
    index = np.concatenate([index, index[:, :1]], 1)
    vertices = np.concatenate([grid.reshape(-1, 3), grid[[0, -1]].mean(1)])
    first, last = (np.full(columns + 1, rows * columns + k) for k in (0, 1))
    start, end = strip(first, index[0])[:columns], strip(index[-1], last)[columns:]
    return vertices, np.concatenate([sheet(index), start, end])


def behind_the_head(on: Wearer, points: Array, loose: float) -> Array:
    """Return weights of hair: the head's at the top, and below it those of the back, with a rest of the head's."""
    above = points[:, 1] - on.joints["head"][1]
    head = np.interp(above, [-0.25, 0.0], [loose, 1.0])
    low = np.interp(above, [-0.45, -0.25], [0.6, 0.0])
    return on.only(("head", head), ("spine3", (1 - head) * (1 - low)), ("spine2", (1 - head) * low))


def piece(vertices: Array, faces: NDArray[np.int64], weights: Array, label: int) -> Piece:
    """Return a piece of these arrays."""
    v, w = (torch.tensor(array, dtype=torch.float32) for array in (vertices, weights))
    return Piece(v, torch.tensor(faces), w, label)


PIECES: dict[str, Callable[[Wearer, np.random.Generator], Piece]] = {
    function.__name__: function for function in (long_hair, ponytail, hat, skirt, dress, long_dress, coat, shoes, boots)
}
"""What makes each piece."""
