"""How near the normals of a fitted surface with folds are to the true ones, in the pictures' pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from fit_avatar.appearance import Atlas
from fit_avatar.appearance.person_crop import sample
from fit_avatar.body import Body, BodyState, pose_body
from fit_avatar.body.mesh import vertex_normals
from fit_avatar.body.skinning import local_rotations, pose_skeleton
from fit_avatar.capture import Capture
from fit_avatar.texture.relief import texel_tangents
from fit_avatar.visibility import Raster, rasterize
from lib.true_clip import TrueClip

FloatArray = NDArray[np.float32]
BORDER_PX = 4
"""Pixels this near to either outline are left out: they show another place's normal."""
MIN_COSINE = 0.5
"""As are places that turn away from the camera, in the fit or in truth."""


@dataclass(frozen=True)
class FoldScore:
    """Of one displacement."""

    degrees: float
    """Mean angle between its normals and the true ones."""
    correlation: float | None
    """Of its heights with those of the true folds; None where these are not known."""


def score_folds(
    body: Body,
    state: BodyState,
    capture: Capture,
    truth: TrueClip,
    displacements: Mapping[str, FloatArray],
    folds: FloatArray | None = None,
) -> dict[str, FoldScore]:
    """Compare a fit's surface, with each of some displacements, with the truth in the frames where that is known.

    Args:
        body: of the fit.
        state: T poses.
        capture: the T frames.
        truth: of the clip.
        displacements: heights in metres by their names. [s, s] each
        folds: heights of the true surface's folds; only places with folds are compared. [V of the truth]
    """
    slopes = {name: _slopes(body, state, heights) for name, heights in displacements.items()}
    turns = pose_skeleton(body, state.betas, local_rotations(state), state.transl).skin_rotations
    angles: dict[str, list[FloatArray]] = {name: [] for name in slopes}
    found: dict[str, list[FloatArray]] = {name: [] for name in slopes}
    true: list[FloatArray] = []
    vertices, faces = pose_body(body, state).vertices, body.faces
    for t, index in enumerate(capture.frame_indices.tolist()):
        if index not in truth.surfaces:
            continue
        mesh = truth.surfaces[index]
        theirs, their_faces = torch.from_numpy(mesh.vertices).float(), torch.from_numpy(mesh.faces)
        ours = rasterize(vertices[t], faces, capture.camera, cull_backfaces=True)
        other = rasterize(theirs, their_faces, truth.camera, cull_backfaces=True)
        places = _inside(ours) & _inside(other)
        normals = _unit(ours.interpolate(vertex_normals(vertices[t], faces), faces)[places].numpy())
        wanted = _unit(other.interpolate(vertex_normals(theirs, their_faces), their_faces)[places].numpy())
        kept = (normals[:, 2] < -MIN_COSINE) & (wanted[:, 2] < -MIN_COSINE)
        if folds is not None:
            height = other.interpolate(torch.from_numpy(folds)[:, None], their_faces)[places][:, 0].numpy()
            kept &= height != 0
            true.append(height[kept])
        uvs = ours.interpolate(body.uvs, body.uv_faces)[places].numpy()[kept]
        turn = (body.lbs_weights @ turns[t].reshape(-1, 9)).contiguous()
        turn = ours.interpolate(turn, faces)[places].numpy()[kept].reshape(-1, 3, 3)
        for name, slope in slopes.items():
            at = torch.from_numpy(((uvs * [1, -1] + [0, 1]) * len(slope)).astype(np.float32))
            slopes_there = sample(torch.from_numpy(slope), at).numpy()
            bent = _unit(normals[kept] - np.einsum("nab,nb->na", turn, slopes_there))
            angles[name].append(np.degrees(np.arccos(np.einsum("nc,nc->n", bent, wanted[kept]).clip(-1, 1))))
            found[name].append(sample(torch.from_numpy(displacements[name])[..., None], at)[:, 0].numpy())
    return {
        name: FoldScore(float(np.concatenate(angles[name]).mean()), _correlation(found[name], true)) for name in slopes
    }


def _slopes(body: Body, state: BodyState, heights: FloatArray) -> FloatArray:
    """Return the gradient of heights along the surface in the bind pose, as vectors. [s, s, 3]"""
    atlas = Atlas.of(body, len(heights))
    tangents, steps = texel_tangents(body, state, len(heights))
    to_slope = np.linalg.pinv(np.einsum("fsc,fic->fsi", steps, tangents))
    right, down = np.zeros_like(heights), np.zeros_like(heights)
    both = heights != 0
    right[:, :-1] = np.diff(heights, axis=1) * (both[:, 1:] & both[:, :-1])
    down[:-1] = np.diff(heights, axis=0) * (both[1:] & both[:-1])
    change = np.stack([right.ravel()[atlas.arrays.texel], down.ravel()[atlas.arrays.texel]], axis=1)
    slope = np.einsum("nij,nj->ni", to_slope[atlas.arrays.face], change)
    return atlas.to_image(np.einsum("ni,nic->nc", slope, tangents[atlas.arrays.face]))


def _inside(raster: Raster) -> NDArray[np.bool_]:
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * BORDER_PX + 1,) * 2)
    return cv2.erode(raster.mask.numpy().astype(np.uint8), disc) > 0


def _correlation(found: list[FloatArray], true: list[FloatArray]) -> float | None:
    if not true or not np.concatenate(found).any():
        return None
    return float(np.corrcoef(np.concatenate(found), np.concatenate(true))[0, 1])


def _unit(vectors: FloatArray) -> FloatArray:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9), np.float32)
