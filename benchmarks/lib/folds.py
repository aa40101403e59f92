"""A clip with known folds: a synthetic person on a finer mesh, whose clothes have waves of known height.

The folds are part of the true surface, which keeps them while it turns; the fitted mesh is too coarse for most of them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags, vstack
from torch import Tensor

from fit_avatar.body import Body, BodyState, load_body
from fit_avatar.body.mesh import vertex_normals
from fit_avatar.body.operators import adjacency
from fit_avatar.body.skinning import shaped
from fit_avatar.capture import Camera
from lib.dressed_person import BOTTOM, TOP, Person, make_person, noise
from lib.synthetic_person import NUM_BETAS, TURN_S, make_motion, upwards, write_clip

SUBDIVISIONS = 2
"""Times that every triangle becomes four: vertices are then 2 to 3 mm apart."""
WAVES = ((0.070, 0.0050), (0.040, 0.0022), (0.022, 0.0009))
"""Wavelength and height of the folds in metres."""
PER_SIZE = 4
"""Fields of waves of each size: two that run up and down, two that run across."""


@dataclass(frozen=True)
class FoldedClip:
    """Where a clip is, and what is true of it."""

    folder: Path
    camera: Camera
    body: Body
    """The fine mesh."""
    state: BodyState
    """With the folds among the offsets."""
    heights: NDArray[np.float32]
    """Of the folds over the surface without, metres. [V]"""
    coarse_body: Body
    """The mesh that a fit has, with as many coefficients as the fine one."""
    coarse_state: BodyState
    """The same motion of the same clothes without folds, on that mesh."""


def write_folded_person(folder: Path, seed: int, frames: int = 60, size: int = 1080) -> FoldedClip:
    """Write a clip's folder, unless it is there already, and return it with its truth."""
    body = load_body(NUM_BETAS)
    person = make_person(body, seed)
    motion = make_motion(body, person, seed, frames)
    fine, dressed, heights = folded(body, person, seed)
    state = replace(motion, offsets=dressed.offsets)
    focal = 1.39 * size
    camera = Camera(focal, focal, size / 2, size / 2, size, size)
    recipe = {"seed": seed, "frames": frames, "size": size, "waves": WAVES}
    note = folder / "recipe.json"
    if not note.exists() or json.loads(note.read_text()) != json.loads(json.dumps(recipe)):
        write_clip(folder, fine, dressed, state, camera, upwards(motion), seed, round(frames / TURN_S))
        note.write_text(json.dumps(recipe))
    return FoldedClip(folder, camera, fine, state, heights, body, motion)


def folded(body: Body, person: Person, seed: int) -> tuple[Body, Person, NDArray[np.float32]]:
    """Return a finer body, the person on it with folds, and the folds' heights in metres. [V]"""
    for _ in range(SUBDIVISIONS):
        body, person = subdivided(body, person)
    places = shaped(body, person.betas, person.offsets)
    cloth = person.labels[:, [TOP, BOTTOM]].sum(1)
    cloth = ((cloth - 0.6) / 0.3).clamp(0, 1)
    heights = cloth * waves(np.random.default_rng([41, seed]), places)
    outwards = vertex_normals(places, body.faces)
    return body, replace(person, offsets=person.offsets + heights[:, None] * outwards), heights.numpy()


def waves(rng: np.random.Generator, places: Tensor) -> Tensor:
    """Return heights in metres: fields of bent, patchy waves that run up, across and aslant. [V, 3] → [V]"""
    total = torch.zeros(len(places))
    for length, height in WAVES:
        for k in range(PER_SIZE):
            turn = rng.uniform(0, 2 * np.pi)
            rise = rng.uniform(0.6, 1.4) if k % 2 else rng.uniform(-0.5, 0.5)
            along = [np.cos(turn) * np.cos(rise), np.sin(rise), np.sin(turn) * np.cos(rise)]
            phase = places @ torch.tensor(along, dtype=torch.float32) * (2 * np.pi / length)
            phase = phase + 2.5 * noise(rng, places, 8.0, 5)
            patch = (noise(rng, places, 9.0, 5) + 0.3).clamp(0, 1)
            total = total + height * patch * (phase.cos() + 0.35 * (2 * phase).cos()) / PER_SIZE**0.5
    return total


def subdivided(body: Body, person: Person) -> tuple[Body, Person]:
    """Return the body with four triangles for each, its surface rounded (Loop 1987), and the person on it."""
    matrix, faces = loop_subdivision(body.faces.numpy(), len(body.template))

    def finer(values: Tensor) -> Tensor:
        return torch.from_numpy((matrix @ values.reshape(len(values), -1).numpy()).reshape(-1, *values.shape[1:]))

    extra = matrix.shape[0] - len(body.template)
    skin = matrix @ body.skin.numpy().astype(np.float32) > 0.5
    body = replace(
        body,
        template=finer(body.template),
        shape_basis=finer(body.shape_basis),
        lbs_weights=finer(body.lbs_weights),
        faces=torch.from_numpy(faces),
        uv_faces=torch.zeros_like(torch.from_numpy(faces)),
        mirror=torch.arange(matrix.shape[0]),
        keypoint_regressor=torch.nn.functional.pad(body.keypoint_regressor, (0, extra)),
        skin=torch.from_numpy(skin),
        part_weights=finer(body.part_weights.T).T,
        landmark_names=(),
        landmark_regressor=None,
    )
    return body, replace(person, offsets=finer(person.offsets), labels=finer(person.labels))


def loop_subdivision(faces: NDArray[np.int64], count: int) -> tuple[csr_matrix, NDArray[np.int64]]:
    """Return the matrix from V vertices to the finer mesh's, the old ones first, and its triangles. [N, V], [4F, 3]"""
    sides = np.sort(faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    edges, side = np.unique(sides, axis=0, return_inverse=True)
    side = side.reshape(-1)
    opposite = faces[:, [2, 0, 1]].ravel()
    inner = np.bincount(side, minlength=len(edges)) == 2
    row = np.arange(len(edges))
    ends = np.where(inner, 3 / 8, 1 / 2)
    rows, columns = np.r_[row, row, side], np.r_[edges[:, 0], edges[:, 1], opposite]
    middle = csr_matrix((np.r_[ends, ends, np.where(inner, 1 / 8, 0)[side]], (rows, columns)), (len(edges), count))
    near = adjacency(faces, count)
    degree = np.asarray(near.sum(axis=1)).ravel()
    share = 3 / 8 / np.maximum(degree, 1)
    closed = np.ones(count, bool)
    closed[edges[~inner].ravel()] = False  # borders stay as they are
    share = np.where(closed, share, 0)
    old = diags(1 - share * degree) + diags(share) @ near
    at = count + side.reshape(-1, 3)  # the new vertices on the sides 01, 12 and 20
    a, b, c = faces.T
    ab, bc, ca = at.T
    finer = np.concatenate([np.stack(t, 1) for t in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))])
    return csr_matrix(vstack([old, middle]), dtype=np.float32), finer
