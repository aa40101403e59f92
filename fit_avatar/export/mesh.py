"""The mesh of the files: in the bind pose on the floor, with normals, and split along texture seams."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fit_avatar.body.mesh import vertex_normals
from fit_avatar.body.model import Body
from fit_avatar.body.skinning import shaped, weighted_sum
from fit_avatar.body.state import BodyState

FloatArray = NDArray[np.float64]

MAX_INFLUENCES = 4
"""Joints per vertex; more would need a second set of attributes in a GLB, which few viewers read."""
ROUGHNESS = 0.9
"""Of the material, in [0, 1]: skin and cloth hardly reflect. Chosen by hand."""


@dataclass(frozen=True)
class RestMesh:
    """A person in the body's bind pose: y up, facing +z, metres, the lowest vertex on the floor y = 0."""

    vertices: FloatArray  # [V, 3]
    normals: FloatArray  # [V, 3] unit
    joints: FloatArray  # [J, 3]
    floor_shift: FloatArray  # [3] from the body's own rest frame to this one


def rest_mesh(body: Body, state: BodyState) -> RestMesh:
    """Return the person in the bind pose, standing on the floor."""
    vertices = shaped(body, state.betas, state.offsets).detach().cpu().double().numpy()
    joints = (body.joint_template + weighted_sum(body.joint_basis, state.betas)).detach().cpu().double().numpy()
    shift = np.array([0.0, -vertices[:, 1].min(), 0.0])
    normals = vertex_normals(vertices, body.faces.cpu().numpy())
    return RestMesh(vertices + shift, normals, joints + shift, shift)


@dataclass(frozen=True)
class SplitMesh:
    """A mesh whose vertices are duplicated along texture seams, so that position and texture share one index."""

    vertex: NDArray[np.int64]  # [N] into the body's vertices
    uv: NDArray[np.int64]  # [N] into the body's texture coordinates
    faces: NDArray[np.int64]  # [F, 3] into the N


def split_seams(faces: NDArray[np.int64], uv_faces: NDArray[np.int64]) -> SplitMesh:
    """Return the mesh with one vertex for each pair of vertex and texture coordinate. faces and uv_faces [F, 3]"""
    pairs = np.stack([faces.ravel(), uv_faces.ravel()], axis=1)
    unique, inverse = np.unique(pairs, axis=0, return_inverse=True)
    return SplitMesh(unique[:, 0], unique[:, 1], inverse.reshape(faces.shape).astype(np.int64))
